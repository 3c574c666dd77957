"""A video that needs no file."""
import cv2
import numpy as np

BOX = (48., 48., 24., 24.)


def moving_disc(count):
    """(120, 160, 3) frames: a disc that moves over noise."""
    rng = np.random.default_rng(0)
    background = cv2.resize(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8), (160, 120))
    return [cv2.circle(background.copy(), (60 + 2 * i, 60), 12, (0, 0, 255), -1)
            for i in range(count)]
