"""What moves: a picture that bends, or several that swing on one body."""
import copy
import math

import cv2
import numpy as np
from numpy.random import Generator

from .motion import smooth
from .photos import Photos
from .pictures import cutout

LARGEST_SIDE = 170


class Flat:
    """One picture, which may bend over time, and turn as if seen from the side.

    Attributes:
        kind: name of the category.
        upright: it stands on its feet.
        nominal: square root of its area in pixels, as drawn.
        aspect: its width over its height.
    """
    kind = 'cutout'

    def __init__(self, rng: Generator, photos: Photos, length: int, side: float) -> None:
        self.upright = bool(rng.random() < 0.4)
        self.sheet = cutout(rng, photos, side, self.upright)
        height, width = self.sheet.shape[:2]
        self.nominal = math.sqrt(height * width)
        self.aspect = width / height
        self.bending = None
        if rng.random() < 0.6:
            strength = rng.uniform(0.01, 0.09) * min(height, width)
            period = rng.uniform(8, 60)
            self.bending = strength * np.stack(
                [smooth(rng, length, period) for _ in range(32)], axis=1).reshape(length, 4, 4, 2)
            grid = np.float32(np.mgrid[:height, :width][::-1])
            self.grid = np.ascontiguousarray(grid.transpose(1, 2, 0))

    def recolour(self, gain: np.ndarray) -> None:
        """Multiply its colours by (3,) factors."""
        self.sheet = _recolour(self.sheet, gain)

    def draw(self, time: int) -> tuple[np.ndarray, tuple[float, float]]:
        """(h, w, 4) uint8 picture, colours multiplied by opacity, and the centre of it, x, y."""
        sheet = self.sheet
        if self.bending is not None:
            h, w = sheet.shape[:2]
            shift = cv2.resize(np.float32(self.bending[time]), (w, h),
                               interpolation=cv2.INTER_CUBIC)
            sheet = cv2.remap(sheet, self.grid + shift, None, cv2.INTER_LINEAR)
        return sheet, (sheet.shape[1] / 2, sheet.shape[0] / 2)


class Jointed:
    """A body with a head and limbs that swing, each cut from a photograph of its own."""
    kind = 'jointed'
    upright = True

    def __init__(self, rng: Generator, photos: Photos, length: int, side: float) -> None:
        tall = rng.random() < 0.7  # a person rather than an animal
        width, height = (0.5, 1.9) if tall else (1.5, 0.9)
        self.aspect, self.nominal = width / height, side
        unit = side / math.sqrt(width * height)
        w, h = width * unit, height * unit
        self.canvas = int(1.5 * h + 0.6 * w) + 8, int(1.3 * w + 0.8 * h) + 8
        self.parts = []
        period, swing = rng.uniform(7, 25), rng.uniform(0.1, 0.55)
        phase = rng.uniform(0, 2 * np.pi)
        leg = 0.5 * h if tall else 0.55 * h
        hips = (0., 0.) if tall else (-0.33 * w, 0.33 * w)
        for i, x in enumerate(np.repeat(hips, 2)):
            turn = swing * np.sin(2 * np.pi * np.arange(length) / period + phase + i * np.pi)
            self._add(rng, photos, leg, 0.22 * unit, (x, 0. if tall else 0.1 * h), turn)
        body = 0.5 * h
        self._add(rng, photos, body, 0.8 * w, (0, -0.42 * h if tall else -0.3 * h),
                  0.05 * smooth(rng, length, 40))
        if tall:
            for i in range(2):
                turn = swing * np.sin(2 * np.pi * np.arange(length) / period + phase + i * np.pi)
                self._add(rng, photos, 0.4 * h, 0.16 * unit, (0, -0.35 * h), -turn)
        head = 0.42 * unit
        self._add(rng, photos, head, 0.85 * head, (0, -0.62 * h) if tall else (0.6 * w, -0.5 * h),
                  0.15 * smooth(rng, length, 30))

    def _add(self, rng: Generator, photos: Photos, height: float, width: float,
             joint: tuple[float, float], turn: np.ndarray) -> None:
        """A part that hangs down from its joint, x, y from the middle, at (length,) angles."""
        sheet = cutout(rng, photos, 32)
        size = max(int(width), 2), max(int(height), 2)
        self.parts.append((cv2.resize(sheet, size, interpolation=cv2.INTER_AREA), joint, turn))

    def recolour(self, gain: np.ndarray) -> None:
        """As :meth:`Flat.recolour`."""
        self.parts = [(_recolour(sheet, gain), *rest) for sheet, *rest in self.parts]

    def draw(self, time: int) -> tuple[np.ndarray, tuple[float, float]]:
        """As :meth:`Flat.draw`."""
        rows, columns = self.canvas
        image = np.zeros((rows, columns, 4), np.uint8)
        for sheet, (x, y), turn in self.parts:
            cos, sin = math.cos(turn[time]), math.sin(turn[time])
            matrix = np.array([[cos, -sin, 0], [sin, cos, 0]])
            matrix[:, 2] = (columns / 2 + x, rows / 2 + y) - matrix[:, :2] @ (sheet.shape[1] / 2, 0)
            part = cv2.warpAffine(sheet, matrix, (columns, rows))
            clear = cv2.merge([cv2.bitwise_not(part[..., 3])] * 4)
            image = cv2.add(cv2.multiply(image, clear, scale=1 / 255), part)
        return image, (columns / 2, rows / 2)


Thing = Flat | Jointed


def make_thing(rng: Generator, photos: Photos, length: int, side: float,
               jointed: bool | None = None) -> Thing:
    """A thing of any look.

    Args:
        length: units of time.
        side: pixels of the square root of its area, at its largest.
        jointed: whether it is :class:`Jointed`; None for either.
    """
    jointed = rng.random() < 0.3 if jointed is None else jointed
    return (Jointed if jointed else Flat)(rng, photos, length, min(max(side, 20), LARGEST_SIDE))


def look_alike(rng: Generator, thing: Thing) -> Thing:
    """Another thing of nearly the same look."""
    other = copy.copy(thing)
    other.recolour(np.exp(rng.normal(0, 0.25, size=3)))
    return other


def _recolour(sheet: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """A picture, (h, w, 4) uint8 with colours multiplied by opacity, in colours times (3,) factors.
    """
    alpha = sheet[..., 3:]
    colours = np.minimum(sheet[..., :3] * gain, alpha)
    return np.concatenate([colours.astype(np.uint8), alpha], axis=2)
