"""OpenCV's ``TrackerVit``, in versions in which it is right and in those in which it is not."""
from pathlib import Path

import cv2

# The first two numbers of versions that take the inverse of a quaternion for what is a division by
# each deviation, and so scale the channels by 1.494, −1.462 and −1.468 for 4.367, 4.464 and 4.444.
WRONG = ('4.11', '4.12', '4.13', '4.14', '5.0')
STD = (0.229, 0.224, 0.225)


def parameters(path: Path) -> 'cv2.TrackerVit_Params':
    """Parameters with which ``TrackerVit`` of this OpenCV reads a file and scales channels as the
    network was trained.

    Raises:
        ImportError: this OpenCV has no ``TrackerVit`` (4.9 was the first).
    """
    if not hasattr(cv2, 'TrackerVit_create'):
        raise ImportError(f'OpenCV {cv2.__version__} has no TrackerVit; install opencv-python 4.9 '
                          'or later')
    found = cv2.TrackerVit_Params()
    found.net = str(path)
    if '.'.join(cv2.__version__.split('.')[:2]) in WRONG:
        found.stdvalue = mended(STD)
    return found


def mended(std: tuple[float, float, float]) -> tuple[float, float, float]:
    """The ``stdvalue`` whose inverse, as a quaternion, is 1 / ``std``."""
    k = [1 / value for value in std]
    square = sum(value**2 for value in k)
    return k[0] / square, -k[1] / square, -k[2] / square
