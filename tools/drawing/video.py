"""Video files, written whole or not at all."""
import os
from pathlib import Path

import cv2
import numpy as np


class VideoFile:
    """Writes frames to a video; it appears under its name when all are written.

    Args:
        path: of the .mp4 or .avi, None to write nothing.
        fps: frames a second.

    Raises:
        ValueError: the ending is none that can be written.
        OSError: the file cannot be written.
    """

    CODECS = {'.mp4': 'mp4v', '.avi': 'MJPG'}

    def __init__(self, path: Path | None, fps: float) -> None:
        self.path, self.fps, self._writer, self._size = path, fps, None, None
        if path is not None:
            if path.suffix.lower() not in self.CODECS:
                raise ValueError(f'{path}: a video ends in {" or ".join(self.CODECS)}')
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

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        if self._writer is None:
            return
        self._writer.release()
        if kind is None:
            os.replace(self._part, self.path)
        else:
            self._part.unlink(missing_ok=True)
