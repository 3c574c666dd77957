"""Video files, written whole or not at all."""
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2  # before PyAV, after which a window of OpenCV on Linux would hang
import numpy as np


class VideoFile:
    """Writes frames to a video; it appears under its name when all are written.

    PyAV writes what browsers play (H.264, VP9) as fast as a camera takes it. Without it, the codec
    is the first of those of the name's ending that OpenCV has here, and a warning says what is
    amiss with it.

    Args:
        path: of the .mp4, .webm or .avi, None to write nothing.
        fps: frames a second; a warning says if the file has to have another rate. None for frames
            of a live source, whose rate is measured as the first ones come.

    Raises:
        ValueError: the ending is none that can be written.
        OSError: the file cannot be written, or not whole.
    """

    CODECS = {'.mp4': ('avc1', 'mp4v'), '.webm': ('VP80', 'VP90'), '.avi': ('MJPG', )}
    TO_SAY = {'mp4v': 'browsers do not play this video (MPEG-4 Part 2); pip install av, '
                      'and they do',
              'VP80': 'OpenCV takes long for this video (VP8); pip install av, and it does not'}
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
        self._size, ending = size, self.path.suffix.lower()
        if encoder := pyav_encoder(ending):
            self._writer = PyAVWriter(self.path, self._part, encoder, self.fps, size)
            return
        for codec in self.CODECS[ending]:
            with quiet():  # of codecs that are not there
                self._writer = cv2.VideoWriter(
                    str(self._part), cv2.VideoWriter_fourcc(*codec), self.fps, size)
            if self._writer.isOpened():
                if codec in self.TO_SAY:
                    warnings.warn(f'{self.path}: {self.TO_SAY[codec]}', stacklevel=2)
                return
        raise OSError(f'{self.path} cannot be written')

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        if self.path is None:
            return
        try:
            if self._held and kind is None:
                self._write_held()
            if self._writer is None:
                return
            with suppress(OSError) if kind else nullcontext():
                self._writer.release()
            if kind is None:
                found = frames_in(self._part, self._count)
                if found < self._count:
                    raise OSError(f'{self.path} cannot be written: {self._count} frames were '
                                  f'given, {found} are in the file; is the disk full?')
                os.replace(self._part, self.path)
        finally:  # also if it is told to end meanwhile
            self._part.unlink(missing_ok=True)


REALTIME = {'deadline': 'realtime', 'cpu-used': '8', 'crf': '32', 'b': '0'}
ENCODERS = {'.mp4': {'libx264': {'preset': 'ultrafast', 'crf': '20'}, 'libvpx-vp9': REALTIME},
            '.webm': {'libvpx-vp9': REALTIME}}


def pyav_encoder(ending: str) -> str | None:
    """The first of ``ENCODERS`` that PyAV has here; None if there is none, or no PyAV."""
    try:
        import av
    except ImportError:
        return None
    return next((name for name in ENCODERS.get(ending, ()) if name in av.codecs_available), None)


class PyAVWriter:
    """PyAV's writer, used as OpenCV's; of an odd width or height the last pixels are left out.

    Args:
        path: what errors call the file, which is ``part`` as yet.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path, part: Path, encoder: str, fps: float, size: tuple[int, int]
                 ) -> None:
        import av
        self._path, self._even = path, (slice(size[1] // 2 * 2), slice(size[0] // 2 * 2))
        with ffmpeg_errors(path):
            if min(size) < 2:
                raise OSError(f'{size[0]}x{size[1]} pixels are too few')
            self._file = av.open(str(part), 'w')
            self._stream = self._file.add_stream(encoder, Fraction(fps).limit_denominator(1000),
                                                 options=ENCODERS[path.suffix.lower()][encoder])
            self._stream.height, self._stream.width = (side.stop for side in self._even)
            self._stream.pix_fmt = 'yuv420p'  # what browsers take; a colour is of 2x2 pixels
            # Not with the first packet: it runs Python, where Ctrl-C would lose that.
            self._file.start_encoding()

    def write(self, frame: np.ndarray) -> None:
        from av import VideoFrame
        even = np.ascontiguousarray(frame[self._even])
        with ffmpeg_errors(self._path):
            self._encode(VideoFrame.from_ndarray(even, format='bgr24'))

    def release(self) -> None:
        with ffmpeg_errors(self._path), self._file:
            self._encode(None)

    def _encode(self, frame: object) -> None:
        # In one call, so that Ctrl-C comes before or after it and loses no packet.
        self._file.mux(chain.from_iterable(map(self._stream.encode, [frame])))


@contextmanager
def ffmpeg_errors(path: Path) -> Iterator[None]:
    """Errors of PyAV, which are not all OSError, as one that names the file."""
    from av import FFmpegError
    try:
        yield
    except (OSError, FFmpegError) as error:
        raise OSError(f'{path} cannot be written: {error.strerror or error}') from error


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
    found = max(int(video.get(cv2.CAP_PROP_FRAME_COUNT)), 0) if video.grab() else 0
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
