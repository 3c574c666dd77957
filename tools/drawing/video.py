"""Video files, written whole or not at all."""
import os
import warnings
from pathlib import Path

import cv2
import numpy as np


class VideoFile:
    """Writes frames to a video; it appears under its name when all are written.

    Args:
        path: of the .mp4 or .avi, None to write nothing.
        fps: frames a second; a warning says if the file has to have another rate.

    Raises:
        ValueError: the ending is none that can be written.
        OSError: the file cannot be written, or not whole, which OpenCV does not say.
    """

    CODECS = {'.mp4': 'mp4v', '.avi': 'MJPG'}

    def __init__(self, path: Path | None, fps: float) -> None:
        self.path, self.fps, self._writer, self._size, self._count = path, fps, None, None, 0
        if path is not None:
            if path.suffix.lower() not in self.CODECS:
                raise ValueError(f'{path}: a video ends in {" or ".join(self.CODECS)}')
            self.fps = fitting_rate(fps)
            if abs(self.fps - fps) > 0.001:  # which OpenCV rounds away, too
                warnings.warn(f'{path}: {fps:g} frames a second are written as {self.fps:g}, '
                              'which is the nearest rate that MPEG-4 has', stacklevel=2)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._part = path.with_name(f'.{path.stem}.part{path.suffix}')

    def __enter__(self) -> 'VideoFile':
        return self

    def write(self, frame: np.ndarray) -> None:
        """Add a frame (H, W, 3) uint8 BGR; one of another size than the first is resized to it."""
        if self.path is None:
            return
        if self._writer is None:
            self._size = frame.shape[1::-1]
            codec = cv2.VideoWriter_fourcc(*self.CODECS[self.path.suffix.lower()])
            self._writer = cv2.VideoWriter(str(self._part), codec, self.fps, self._size)
            if not self._writer.isOpened():
                raise OSError(f'{self.path} cannot be written')
        if frame.shape[1::-1] != self._size:
            frame = cv2.resize(frame, self._size)
        self._writer.write(frame)
        self._count += 1

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        if self._writer is None:
            return
        self._writer.release()
        found = frames_in(self._part, self._count) if kind is None else 0
        if found == self._count:
            os.replace(self._part, self.path)
            return
        self._part.unlink(missing_ok=True)
        if kind is None:
            raise OSError(f'{self.path} cannot be written: {self._count} frames were given, '
                          f'{found} are in the file; is the disk full?')


def frames_in(path: Path, last: int) -> int:
    """How many frames a video says that it has; 0 if its frame ``last``, from 1, is not there."""
    video = cv2.VideoCapture(str(path))
    video.set(cv2.CAP_PROP_POS_FRAMES, last - 1)
    found = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.grab() else 0
    video.release()
    return found


def fitting_rate(fps: float) -> float:
    """The nearest rate that OpenCV's writer takes: it makes a fraction of it over 1, 10, 100 or
    1000, and MPEG-4 has 16 bits for the upper part."""
    places = next((places for places in (3, 2, 1) if round(fps * 10**places) < 1 << 16), 0)
    return min(max(round(fps, places), 0.01), 65535.)
