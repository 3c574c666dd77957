"""A window that moves over a place larger than the frame."""
import math

import cv2
import numpy as np

from .motion import smooth
from .places import make_place


class Camera:
    def __init__(self, rng, split, width, height, length, outdoors):
        self.size = width, height
        self.canvas, self.light = make_place(rng, split, int(1.6 * height), int(1.6 * width),
                                             outdoors)
        still = rng.random() < 0.4
        reach = 0. if still else rng.uniform(0.3, 1.4)
        self.x = reach * 0.28 * width * smooth(rng, length, rng.uniform(120, 600))
        self.y = reach * 0.2 * height * smooth(rng, length, rng.uniform(120, 600))
        self.zoom = np.exp(reach * 0.15 * smooth(rng, length, rng.uniform(120, 600)))
        self.angle = reach * 0.1 * smooth(rng, length, rng.uniform(120, 600))
        shake = rng.choice([0, 0.3, 1.5], p=[0.5, 0.35, 0.15])
        self.x = self.x + shake * rng.normal(size=length)
        self.y = self.y + shake * rng.normal(size=length)
        self.shutter = rng.uniform(0.2, 0.8) if rng.random() < 0.4 else 0.

    def matrix(self, time):
        """(2, 3) from the place to the frame."""
        height, width = self.canvas.shape[:2]
        centre = width / 2 + self.x[time], height / 2 + self.y[time]
        matrix = cv2.getRotationMatrix2D(centre, math.degrees(self.angle[time]), self.zoom[time])
        matrix[:, 2] += (self.size[0] / 2 - centre[0], self.size[1] / 2 - centre[1])
        return matrix

    def view(self, time):
        """(H, W, 3) uint8 of the place."""
        image = cv2.warpAffine(self.canvas, self.matrix(time), self.size,
                               borderMode=cv2.BORDER_REFLECT_101)
        before = max(time - 1, 0)
        moved = self.shutter * np.array([self.x[time] - self.x[before],
                                         self.y[time] - self.y[before]])
        return smear(image, moved)

    def to_frame(self, x, y):
        """Paths in the place, (length,) each, as paths in the frame."""
        return np.array([self.matrix(t) @ (x[t], y[t], 1) for t in range(len(x))]).T

    def light_at(self, time, x, y):
        """Share of the light that falls on a spot of the frame."""
        if self.light is None:
            return 1.
        u, v = cv2.invertAffineTransform(self.matrix(time)) @ (x, y, 1)
        height, width = self.light.shape
        return float(self.light[min(max(int(v), 0), height - 1), min(max(int(u), 0), width - 1)])


def smear(image, moved):
    """What an image becomes while it moves by some pixels."""
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
