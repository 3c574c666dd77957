"""A window that moves over a place larger than the frame."""
import math

import cv2
import numpy as np
from numpy.random import Generator

from .motion import smooth
from .photos import Photos
from .pictures import blend, cutout, noise, piece


class Camera:
    """Shows a part of a place, by units of time.

    Args:
        width, height: W, H of the frame in pixels.
        length: units of time.

    Attributes:
        canvas: (1.6 H, 1.6 W, 3) uint8 BGR of the place.
        x, y: (length,) of the frame's centre, pixels from the middle of the place.
        zoom, angle: (length,) by which the place is enlarged, and turned, in radians.
        shutter: units of time that a frame is exposed for.
    """

    def __init__(self, rng: Generator, photos: Photos, width: int, height: int,
                 length: int) -> None:
        self.size = width, height
        self.canvas = make_place(rng, photos, int(1.6 * height), int(1.6 * width))
        still = rng.random() < 0.3
        reach = 0. if still else rng.uniform(0.3, 1.6)
        self.x = reach * 0.28 * width * smooth(rng, length, rng.uniform(80, 600))
        self.y = reach * 0.2 * height * smooth(rng, length, rng.uniform(80, 600))
        self.zoom = np.exp(reach * 0.2 * smooth(rng, length, rng.uniform(100, 600)))
        self.angle = reach * 0.12 * smooth(rng, length, rng.uniform(100, 600))
        shake = rng.choice([0, 0.4, 2.5], p=[0.45, 0.35, 0.2])
        self.x = self.x + shake * rng.normal(size=length)
        self.y = self.y + shake * rng.normal(size=length)
        self.shutter = rng.uniform(0.2, 1) if rng.random() < 0.5 else 0.

    def matrix(self, time: int) -> np.ndarray:
        """(2, 3) from the place to the frame."""
        height, width = self.canvas.shape[:2]
        centre = width / 2 + self.x[time], height / 2 + self.y[time]
        matrix = cv2.getRotationMatrix2D(centre, math.degrees(self.angle[time]), self.zoom[time])
        matrix[:, 2] += (self.size[0] / 2 - centre[0], self.size[1] / 2 - centre[1])
        return matrix

    def view(self, time: int) -> np.ndarray:
        """(H, W, 3) uint8 BGR of the place."""
        image = cv2.warpAffine(self.canvas, self.matrix(time), self.size,
                               borderMode=cv2.BORDER_REFLECT_101)
        before = max(time - 1, 0)
        moved = self.shutter * np.array([self.x[time] - self.x[before],
                                         self.y[time] - self.y[before]])
        return smear(image, moved)

    def to_frame(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Paths in the place, (length,) each, as paths (2, length) in the frame."""
        return np.array([self.matrix(t) @ (x[t], y[t], 1) for t in range(len(x))]).T


def make_place(rng: Generator, photos: Photos, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8: a photograph, or ground before a backdrop, with things about."""
    if rng.random() < 0.7:
        image = piece(rng, photos, height, width, 0.45)
    else:
        image = ground(rng, photos, height, width)
    image = image.copy()
    for _ in range(rng.integers(0, 10)):
        thing = cutout(rng, photos, math.exp(rng.uniform(math.log(0.05), math.log(0.3))) * height)
        blend(image, thing, int(rng.uniform(-20, width)), int(rng.uniform(-20, height)))
    if rng.random() < 0.3:
        light = 1 - rng.uniform(0.2, 0.6) * (noise(rng, height, width) > 0.5)
        light = cv2.GaussianBlur(np.float32(light), (0, 0), rng.uniform(1, 6))
        image = np.uint8(image * light[..., None])
    return image


def ground(rng: Generator, photos: Photos, height: int, width: int) -> np.ndarray:
    """A photograph laid out as ground that runs away to a horizon, before another."""
    horizon = int(rng.uniform(0.1, 0.5) * height)
    image = piece(rng, photos, height, width, 0.45)
    side = 640
    flat = piece(rng, photos, side, side, 0.3)
    far, skew = rng.uniform(0.5, 1) * width, rng.uniform(-0.3, 0.3) * width
    corners = np.float32([(0, 0), (side, 0), (side, side), (0, side)])
    to = np.float32([(width / 2 - far + skew, horizon), (width / 2 + far + skew, horizon),
                     (2.2 * width, height), (-1.2 * width, height)])
    plane = cv2.warpPerspective(flat, cv2.getPerspectiveTransform(corners, to), (width, height),
                                flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    image[horizon:] = plane[horizon:]
    return image


def smear(image: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """What an image, (h, w, channels) uint8, becomes while it moves by (2,) x, y pixels."""
    steps = int(max(abs(moved[0]), abs(moved[1])))
    if steps < 1:
        return image
    side = 2 * (steps // 2 + 1) + 1
    kernel = np.zeros((side, side), np.float32)
    middle = side // 2
    half = np.asarray(moved) / 2
    start, end = (np.int32((middle + s * half) * 16 + 0.5) for s in (-1, 1))
    cv2.line(kernel, tuple(start.tolist()), tuple(end.tolist()), 1., 1, cv2.LINE_8, 4)
    return cv2.filter2D(image, -1, kernel / kernel.sum())
