"""Flat things of free outline that bend, fold or roll."""
import math

import cv2
import numpy as np

from .motion import smooth
from .textures import colour, folds, noise, photo_piece, texture


class Blob:
    """A piece of surface with a free outline, which may bend over time."""

    kind = 'blob'
    upright = False
    facing = 0.

    def __init__(self, rng, split, length, side):
        self.aspect = math.exp(rng.uniform(-0.7, 0.7))
        width, height = (max(int(side * f), 12) for f in (math.sqrt(self.aspect),
                                                          1 / math.sqrt(self.aspect)))
        self.nominal = math.sqrt(width * height)
        image = self.surface(rng, split, height, width)
        self.sheet = premultiplied(image, self.outline(rng, height, width))
        self.bending = None
        if rng.random() < 0.6:
            strength = rng.uniform(0.02, 0.13) * min(height, width)
            period = rng.uniform(8, 60)
            self.bending = strength * np.stack(
                [smooth(rng, length, period) for _ in range(32)], axis=1).reshape(length, 4, 4, 2)
            grid = np.float32(np.mgrid[:height, :width][::-1])
            self.grid = np.ascontiguousarray(grid.transpose(1, 2, 0))

    def surface(self, rng, split, height, width):
        return shaded(rng, texture(rng, split, height, width))

    def outline(self, rng, height, width):
        return blob_mask(rng, height, width)

    def recolour(self, gain):
        alpha = self.sheet[..., 3:]
        colours = np.minimum(self.sheet[..., :3] * gain, alpha)
        self.sheet = np.concatenate([colours.astype(np.uint8), alpha], axis=2)

    def draw(self, time):
        """(h, w, 4) uint8 picture, colours multiplied by opacity, and the centre of it, x, y."""
        sheet = self.sheet
        if self.bending is not None:
            h, w = sheet.shape[:2]
            shift = cv2.resize(np.float32(self.bending[time]), (w, h),
                               interpolation=cv2.INTER_CUBIC)
            sheet = cv2.remap(sheet, self.grid + shift, None, cv2.INTER_LINEAR)
        return sheet, (sheet.shape[1] / 2, sheet.shape[0] / 2)


class Cutout(Blob):
    """A piece of a photograph with a soft or hard outline."""

    kind = 'photo'

    def surface(self, rng, split, height, width):
        return np.clip(photo_piece(rng, split, height, width), 0, 255).astype(np.uint8)

    def outline(self, rng, height, width):
        mask = blob_mask(rng, height, width, rng.uniform(0, 0.25))
        soft = rng.uniform(0, 0.03) * min(height, width)
        return cv2.GaussianBlur(mask, (0, 0), soft) if soft > 0.5 else mask


class Cloth(Blob):
    """A bag, a sheet, a leaf: one colour with folds, always bending."""

    kind = 'cloth'

    def surface(self, rng, split, height, width):
        tint = colour(rng) if rng.random() < 0.6 else np.float32([235, 230, 225])
        return np.clip(tint * folds(rng, height, width)[..., None], 0, 255).astype(np.uint8)


class Ball(Blob):
    """A ball that rolls."""

    kind = 'ball'

    def __init__(self, rng, split, length, side):
        self.aspect, side = 1., max(int(side), 12)
        self.nominal = side
        band = texture(rng, split, side * 2, side * 2)
        self.band = np.hstack([band, band[:, ::-1]])
        y, x = (np.mgrid[:side, :side] + 0.5) * 2 / side - 1
        depth = np.sqrt(np.maximum(1 - x ** 2 - y ** 2, 0))
        angle = rng.uniform(0, 6.3)
        u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        self.map_x = np.float32((np.arctan2(u, depth) / np.pi + 0.5) * 2 * side)
        self.map_y = np.float32((np.arcsin(np.clip(v, -1, 1)) / np.pi + 0.5) * 2 * side - 0.5)
        toward = rng.normal(size=2) * 0.5
        light = np.clip(0.45 + 0.55 * (x * toward[0] + y * toward[1] + depth * 0.8), 0.25, 1.2)
        self.light = np.float32(light)[..., None]
        self.mask = np.uint8(np.clip((1 - np.hypot(x, y)) * side / 2 + 0.5, 0, 1) * 255)
        self.roll = np.cumsum(rng.uniform(-0.2, 0.2) + 0.1 * smooth(rng, length, 60)) * side

    def recolour(self, gain):
        self.band = np.clip(self.band * gain, 0, 255).astype(np.uint8)

    def draw(self, time):
        side = len(self.mask)
        columns = (self.map_x + self.roll[time]) % (4 * side - 1)
        image = cv2.remap(self.band, np.float32(columns), self.map_y, cv2.INTER_LINEAR)
        return premultiplied(np.clip(image * self.light, 0, 255).astype(np.uint8), self.mask), \
            (side / 2, side / 2)


def blob_mask(rng, height, width, roughness=None):
    """(height, width) uint8 opacity of a free closed curve that fills the box."""
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones_like(angles)
    roughness = rng.uniform(0, 0.35) if roughness is None else roughness
    for k in range(2, 7):
        radius += roughness / k ** 0.7 * rng.normal() * np.cos(k * angles + rng.uniform(0, 6.3))
    radius = np.maximum(radius, 0.25)
    if rng.random() < 0.25:  # a box or a polygon
        corners = rng.integers(3, 8)
        radius = 1 / np.cos((angles + 0.4) % (2 * np.pi / corners) - np.pi / corners)
    points = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    low, high = points.min(axis=0), points.max(axis=0)
    points = (points - low) / (high - low) * (width - 3, height - 3) + 1
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.int32(points * 16)], 255, cv2.LINE_AA, 4)
    return mask


def premultiplied(image, mask):
    """(h, w, 4): colours multiplied by opacity, so that resampling brings in no dark rim."""
    return np.dstack([cv2.multiply(image, cv2.merge([mask] * 3), scale=1 / 255), mask])


def shaded(rng, image):
    """Light from one side, and a little unevenness."""
    height, width = image.shape[:2]
    strength, angle = rng.uniform(0, 0.4), rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-1, 1, width)[None], np.linspace(-1, 1, height)[:, None]
    light = 1 + strength * (np.cos(angle) * x + np.sin(angle) * y)
    light += rng.uniform(0, 0.3) * (noise(rng, height, width) - 0.5)
    return np.clip(image * light[..., None], 0, 255).astype(np.uint8)
