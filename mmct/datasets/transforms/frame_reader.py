from collections.abc import Sequence

import cv2
import numpy as np

from ...runtime.frames import Video, frame_of_video, read_image

# By how much frames can be smaller than they are.
REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
           8: cv2.IMREAD_REDUCED_COLOR_8}


class FrameReader:
    """Frames by name, image files or VIDEO#NUMBER; the video of the last call stays open.

    Args:
        levels: of images of 16 bits, see :func:`mmct.runtime.frames.read_image`.
    """

    def __init__(self, levels: Sequence[float] | None = None) -> None:
        self.levels = levels
        self._videos, self._last = {}, None

    def read(self, name: str, scale: int = 1) -> np.ndarray:
        """Read a frame, (H, W, 3) uint8 BGR.

        Args:
            name: path of an image file, or VIDEO#NUMBER.
            scale: by how much the frame is to be smaller, one of ``REDUCED``.

        Raises:
            OSError: it cannot be read.
        """
        video = frame_of_video(name)
        if video is None:
            return read_image(name, REDUCED[scale], self.levels)
        path, number = video
        if path not in self._videos:
            self._videos[path] = Video(path)
        if self._last not in (None, path):
            self._videos[self._last].close()
        self._last = path
        frame = self._videos[path][number]
        if scale == 1:
            return frame
        return cv2.resize(frame, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
