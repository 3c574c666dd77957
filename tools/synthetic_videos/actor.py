"""A thing on its way through the frame."""
import math

import cv2
import numpy as np
from numpy.random import Generator

from .camera import smear
from .motion import reflect, smooth
from .things import Thing


class Actor:
    """Where a thing is, how large and how far turned, by units of time.

    Args:
        thing: see ``make_thing``.
        size: pixels, in the middle of what it becomes.
        width, height: of the frame in pixels.
        length: units of time.
        shutter: units of time that a picture is exposed for.

    Attributes:
        x, y: (length,) of its centre in pixels of the frame.
        size: (length,) square root of its area in pixels.
        stretch: (length,) how much wider it is than it was drawn, and lower.
        angle: (length,) in radians.
    """

    def __init__(self, rng: Generator, thing: Thing, size: float, width: int, height: int,
                 length: int, shutter: float = 0.) -> None:
        self.thing, self.frame_size, self.shutter = thing, (width, height), shutter
        self.size = size * np.exp(rng.uniform(0, 0.4) * smooth(rng, length, rng.uniform(80, 240)))
        # Seen from the side, then from ahead: a thing becomes narrower and wider.
        stretch = 0.15 if thing.upright else 0.25
        self.stretch = np.exp(rng.uniform(0, stretch) * smooth(rng, length, rng.uniform(40, 200)))
        turn = rng.uniform(0, 0.15) if thing.upright else rng.choice([0.2, 0.7, 2.5],
                                                                     p=[.45, .35, .2])
        self.angle = turn * smooth(rng, length, rng.uniform(80, 300))
        self.soft = rng.uniform(0, 0.8) if rng.random() < 0.5 else 0
        # In its own sizes a unit of time; most targets of real benchmarks are no faster.
        speed = rng.choice([rng.uniform(0.01, 0.12), rng.uniform(0.1, 0.35)], p=[.75, .25]) * size
        self.x = path(rng, length, speed, width, size * math.sqrt(thing.aspect))
        self.y = path(rng, length, speed * rng.uniform(0.2, 1), height,
                      size / math.sqrt(thing.aspect))

    def place(self, time: int) -> tuple[np.ndarray | None, int, int]:
        """Its picture in a frame, (h, w, 4) uint8, colours multiplied by opacity, and x, y of its
        upper left corner there; None for the picture out of view."""
        sprite, centre = self.thing.draw(time)
        scale = self.size[time] / self.thing.nominal
        sx, sy = scale * self.stretch[time], scale / self.stretch[time]
        cos, sin = math.cos(self.angle[time]), math.sin(self.angle[time])
        matrix = np.array([[cos * sx, -sin * sy], [sin * sx, cos * sy]])
        h, w = sprite.shape[:2]
        position = np.array([self.x[time], self.y[time]])
        before = max(time - 1, 0)
        moved = self.shutter * np.array([self.x[time] - self.x[before],
                                         self.y[time] - self.y[before]])
        rim = 2 + int(np.abs(moved).max() / 2 + 2 * self.soft)
        corners = (np.array([(0, 0), (w, 0), (0, h), (w, h)]) - centre) @ matrix.T + position
        x0, y0 = np.maximum(corners.min(axis=0).astype(int) - rim, 0)
        x1, y1 = np.minimum(corners.max(axis=0).astype(int) + rim, self.frame_size)
        if x1 <= x0 or y1 <= y0:
            return None, 0, 0
        shift = position - (x0, y0) - matrix @ centre
        if scale < 0.7:  # without this a small thing would flicker
            small = cv2.resize(sprite, (max(int(1.3 * scale * w), 1), max(int(1.3 * scale * h), 1)),
                               interpolation=cv2.INTER_AREA)
            matrix = matrix @ np.diag((w / small.shape[1], h / small.shape[0]))
            sprite = small
        drawn = cv2.warpAffine(sprite, np.column_stack([matrix, shift]),
                               (int(x1 - x0), int(y1 - y0)))
        if self.soft > 0.3:
            drawn = cv2.GaussianBlur(drawn, (0, 0), self.soft)
        return smear(drawn, moved), int(x0), int(y0)


def path(rng: Generator, length: int, speed: float, extent: int, own: float) -> np.ndarray:
    """(length,) coordinate of a thing's centre, kept inside the frame for the most part.

    Args:
        length: units of time.
        speed: pixels a unit of time.
        extent: of the frame, in pixels.
        own: of the thing, in pixels.
    """
    margin = min(0.55 * own + 2, 0.45 * extent)
    start = rng.uniform(margin, extent - margin, 2).mean()
    period = rng.uniform(20, 240)
    drift = rng.normal() * 0.4 * speed
    way = smooth(rng, length, period) * speed * period / 4 + drift * np.arange(length)
    inner = margin * rng.choice([0.4, 1], p=[0.3, 0.7])
    return reflect(start + way - way[0], inner, extent - inner)
