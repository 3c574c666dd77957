"""Frames of a video file, a camera or a folder of images."""
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

IMAGES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')


def read_image(path: str | Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray:
    """(H, W, 3) uint8 BGR of an image file; grey becomes colour, 16 bit 8, alpha is left out.

    Raises:
        OSError: it cannot be read.
    """
    try:
        # Not cv2.imread, which fills up a JPEG that was broken off with grey, and says nothing.
        frame = cv2.imdecode(np.fromfile(path, np.uint8), flags)
    except (OSError, cv2.error):  # the latter where a file is empty, or claims to be gigantic
        frame = None
    if frame is None:
        raise OSError(f'frame {path} cannot be read')
    return frame


class Frames:
    """Iterates over (H, W, 3) uint8 BGR frames.

    Args:
        source: a video file, a folder of images in the order of their names, or the number of a
            camera.

    Attributes:
        length: number of frames, None where nobody knows.
        fps: frames a second as recorded, None for a folder.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: it cannot be read as a video, or the folder has no images.
    """

    def __init__(self, source: str | Path) -> None:
        self.source, self.fps, self._files, self._video = source, None, None, None
        path = Path(source)
        if path.is_dir():
            self._files = sorted(f for f in path.iterdir() if f.suffix.lower() in IMAGES)
            if not self._files:
                raise ValueError(f'folder {path} has no images ({", ".join(IMAGES)})')
            self.length = len(self._files)
            return
        camera = str(source).isdigit()
        if not camera and not path.is_file():
            raise FileNotFoundError(f'{path} does not exist; give a video file, a folder of images '
                                    'or the number of a camera')
        self._video = cv2.VideoCapture(int(str(source)) if camera else str(source))
        if not self._video.isOpened():
            raise ValueError(f'{"camera" if camera else "video"} {source} cannot be opened')
        count = int(self._video.get(cv2.CAP_PROP_FRAME_COUNT))
        self.length = count if count > 0 and not camera else None
        fps = self._video.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps < 1000 else None

    def __iter__(self) -> Iterator[np.ndarray]:
        """Raises:
            OSError: an image of the folder cannot be read.
        """
        if self._files is None:
            while True:
                ok, frame = self._video.read()
                if not ok:
                    return
                yield frame
        for file in self._files:
            yield read_image(file)
