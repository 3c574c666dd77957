"""Frames of sequences, wherever and however they lie."""
import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from ..formats.own import VIDEOS
from ..runtime.frames import IMAGES, read_image


class Clip(Sequence):
    """Frames (H, W, 3) uint8 BGR by index, each read when asked for.

    Args:
        source: image files in order, or a video file, which is read forwards only: ask for its
            frames in order.

    Raises:
        OSError: on reading, if a frame cannot be read.
    """

    def __init__(self, source: Sequence[Path] | Path) -> None:
        self._source, self._video = source, None
        if isinstance(source, Path):
            self._open()
            self._length = int(self._video.get(cv2.CAP_PROP_FRAME_COUNT))
        else:
            self._length = len(source)

    def _open(self) -> None:
        self._video, self._position = cv2.VideoCapture(str(self._source)), 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> np.ndarray:
        if self._video is None:
            return read_image(self._source[index])
        if index < self._position:
            self._open()
        while self._position < index and self._video.grab():
            self._position += 1
        frame = self._video.read()[1]
        self._position += 1
        if frame is None:
            raise OSError(f'frame {index} of {self._source} cannot be read')
        return frame


def find_clip(folder: Path, name: str, length: int) -> Clip:
    """The frames of a sequence.

    Args:
        folder: holds ``NAME``, ``…/NAME`` or ``…/…/NAME``: a folder of images, or one with a
            folder ``img`` of them; or a video file NAME.mp4 (or another of ``VIDEOS``).
        length: number of frames that there must be.

    Raises:
        FileNotFoundError: there are none.
        ValueError: there are fewer.
    """
    clip = next(_clips(folder, glob.escape(name)), None)
    if clip is None:
        raise FileNotFoundError(f'{folder} has no frames of {name}: expected a folder {name} or '
                                f'{name}/img of images, or a video {name}.mp4, there or up to two '
                                'folders below')
    if len(clip) < length:
        raise ValueError(f'{folder} has {len(clip)} frames of {name}, the annotation {length}')
    return clip


def _clips(folder: Path, pattern: str) -> Iterator[Clip]:
    for level in ('', '*/', '*/*/'):
        for path in sorted(folder.glob(level + pattern)):
            for place in (path / 'img', path):
                files = sorted(file for file in place.glob('*') if file.suffix.lower() in IMAGES)
                if files:
                    yield Clip(files)
        for path in sorted(folder.glob(f'{level}{pattern}.*')):
            if path.suffix.lower() in VIDEOS:
                yield Clip(path)
