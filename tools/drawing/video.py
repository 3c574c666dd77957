"""Video files, written whole or not at all."""
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np


class VideoFile:
    """Writes frames to a video; it appears under its name when all are written.

    Of the codecs that a name's ending can have, it is the first that OpenCV has here. Browsers play
    H.264, VP9 and VP8, not MPEG-4's own (mp4v), of which a warning says so.

    Args:
        path: of the .mp4, .webm or .avi, None to write nothing.
        fps: frames a second; a warning says if the file has to have another rate. None for frames
            of a live source, whose rate is measured as the first ones come, and which no codec
            delays that is slow (VP9).

    Raises:
        ValueError: the ending is none that can be written.
        OSError: the file cannot be written, or not whole, which OpenCV does not say.
    """

    CODECS = {'.mp4': ('avc1', 'vp09', 'mp4v'), '.webm': ('VP80', 'VP90'), '.avi': ('MJPG', )}
    SLOW = 'vp09'
    MEASURED = 10  # frames, which are held until their rate is known

    def __init__(self, path: Path | None, fps: float | None) -> None:
        self.path, self.fps, self._writer, self._size, self._count = path, None, None, None, 0
        self._live, self._held, self._times = fps is None, [], []
        if path is not None:
            if path.suffix.lower() not in self.CODECS:
                raise ValueError(f'{path}: a video ends in {" or ".join(self.CODECS)}')
            if not self._live:
                self._set_rate(fps)
            path.parent.mkdir(parents=True, exist_ok=True)
            # Absolute, for a colon in its name would make a protocol of what is before it.
            self._part = path.absolute().with_name(f'.{path.stem}.part{path.suffix}')

    def __enter__(self) -> 'VideoFile':
        return self

    def write(self, frame: np.ndarray) -> None:
        """Add a frame (H, W, 3) uint8 BGR, which is not to be changed afterwards; one of another
        size than the first is resized to it."""
        if self.path is None:
            return
        self._held.append(frame)
        if self.fps is None:
            self._times.append(time.monotonic())
        if self.fps is not None or len(self._held) == self.MEASURED:
            self._write_held()

    def _write_held(self) -> None:
        if self.fps is None:
            gaps = np.diff(self._times)  # whose median a pause does not change
            self._set_rate(1 / max(np.median(gaps), 1e-3) if len(gaps) else 30)
        held, self._held = self._held, []
        for frame in held:
            if self._writer is None:
                self._open(frame.shape[1::-1])
            if frame.shape[1::-1] != self._size:
                frame = cv2.resize(frame, self._size)
            self._writer.write(frame)
            self._count += 1

    def _set_rate(self, fps: float) -> None:
        self.fps = fitting_rate(fps)
        if not self._live and not abs(self.fps - fps) <= 0.001:  # which OpenCV rounds away, too
            warnings.warn(f'{self.path}: {fps:g} frames a second are written as {self.fps:g}, '
                          'which is the nearest rate that fits', stacklevel=2)

    def _open(self, size: tuple[int, int]) -> None:
        self._size = size
        for codec in self.CODECS[self.path.suffix.lower()]:
            if self._live and codec == self.SLOW:
                continue
            with quiet():  # of codecs that are not there
                self._writer = cv2.VideoWriter(
                    str(self._part), cv2.VideoWriter_fourcc(*codec), self.fps, size)
            if self._writer.isOpened():
                if codec == 'mp4v':
                    warnings.warn(f'{self.path}: browsers do not play this video (MPEG-4 Part 2), '
                                  'as this OpenCV cannot write H.264; a name that ends in .webm '
                                  'makes one that they play, and takes longer', stacklevel=2)
                return
        raise OSError(f'{self.path} cannot be written')

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        if self._held and kind is None:
            self._write_held()
        if self._writer is None:
            return
        try:
            self._writer.release()
            if kind is None:
                found = frames_in(self._part, self._count)
                if found < self._count:  # one more if Ctrl-C came as it had been written
                    raise OSError(f'{self.path} cannot be written: {self._count} frames were '
                                  f'given, {found} are in the file; is the disk full?')
                os.replace(self._part, self.path)
        finally:  # also if it is told to end meanwhile
            self._part.unlink(missing_ok=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Let nobody write to stderr, not even FFmpeg, which goes past Python."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def frames_in(path: Path, last: int) -> int:
    """How many frames a video says that it has; 0 if its frame ``last``, from 1, is not there."""
    video = cv2.VideoCapture(str(path))
    video.set(cv2.CAP_PROP_POS_FRAMES, last - 1)
    found = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.grab() else 0
    video.release()
    return found


def fitting_rate(fps: float) -> float:
    """The nearest rate that all codecs take, 30 if it is none (of many videos that say 0 or NaN).

    OpenCV's writer makes a fraction of it over 1, 10, 100 or 1000, and MPEG-4 has 16 bits for the
    upper part; MJPG and VP9 lose frames at rates that are far higher or lower.
    """
    if not 0 < fps < np.inf:
        return 30.
    places = next((places for places in (3, 2) if round(fps * 10**places) < 1 << 16), 1)
    return min(max(round(fps, places), 0.1), 1000.)
