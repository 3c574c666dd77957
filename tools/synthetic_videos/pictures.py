"""Pieces of photographs, with and without an outline."""
import math

import cv2
import numpy as np
from numpy.random import Generator

from .photos import Photos


def colour(rng: Generator) -> np.ndarray:
    """A (3,) colour, dull more often than not, as the world is."""
    grey = rng.uniform(15, 240)
    tint = rng.normal(size=3) * rng.choice([6, 25, 70], p=[0.4, 0.35, 0.25])
    return np.clip(grey + tint, 0, 255).astype(np.float32)


def noise(rng: Generator, height: int, width: int) -> np.ndarray:
    """(height, width) float32 in [0, 1]: random values, coarse and fine."""
    total = np.zeros((height, width), np.float32)
    for _ in range(2):
        cells = int(2 ** rng.uniform(1, 6))
        grid = rng.random((cells, cells), dtype=np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(total / 2, 0, 1)


def piece(rng: Generator, photos: Photos, height: int, width: int,
          least: float = 0.15) -> np.ndarray:
    """A (height, width, 3) uint8 piece of a photograph, mirrored and recoloured at random.

    Args:
        least: share of the largest possible piece that it has at least, by its side.
    """
    scene = photos.scenes[rng.integers(len(photos.scenes))]
    share = rng.uniform(least, 1) * min(scene.shape[0] / height, scene.shape[1] / width)
    h, w = max(int(height * share), 2), max(int(width * share), 2)
    y, x = rng.integers(scene.shape[0] - h + 1), rng.integers(scene.shape[1] - w + 1)
    return recoloured(rng, mirrored(rng, cv2.resize(
        scene[y:y + h, x:x + w], (width, height), interpolation=cv2.INTER_AREA)))


def mirrored(rng: Generator, image: np.ndarray) -> np.ndarray:
    """An (h, w, channels) picture, or its mirror image."""
    return image[:, ::-1] if rng.random() < 0.5 else image


def recoloured(rng: Generator, image: np.ndarray) -> np.ndarray:
    """A (h, w, 3) uint8 picture in other light."""
    image = image[..., rng.permutation(3)] if rng.random() < 0.12 else image
    gain = np.exp(rng.normal(0, 0.1, size=3)) if rng.random() < 0.6 else np.ones(3)
    curve = 255 * (np.arange(256)[:, None] / 255) ** rng.uniform(0.65, 1.5) * gain
    image = cv2.LUT(np.ascontiguousarray(image), np.clip(curve, 0, 255).astype(np.uint8)[None])
    if rng.random() < 0.2:
        tint = colour(rng)
        grey = image.mean(axis=2, keepdims=True)
        image = np.uint8(np.clip(grey * (0.3 + 0.9 * tint / max(tint.max(), 1)), 0, 255))
    return image


def cutout(rng: Generator, photos: Photos, side: float, upright: bool = False) -> np.ndarray:
    """(h, w, 4) uint8 cut from a photograph, colours multiplied by opacity.

    A thing that stands free on a transparent ground, a natural area, or any piece in a free
    outline.

    Args:
        side: square root of w · h in pixels.
        upright: it may be turned round its vertical axis only, and is not lower than wide.
    """
    kind = rng.choice(['stamp', 'segment', 'outline'], p=[0.45, 0.25, 0.3])
    if kind == 'stamp' and photos.stamps:
        stamp = photos.stamps[rng.integers(len(photos.stamps))]
        height, width = _fit(side, stamp.shape[1] / stamp.shape[0])
        sheet = cv2.resize(stamp, (width, height), interpolation=cv2.INTER_AREA)
    elif kind == 'segment' and photos.segments:
        scene, (x, y, w, h), mask = photos.segments[rng.integers(len(photos.segments))]
        height, width = _fit(side, w / h)
        image = cv2.resize(photos.scenes[scene][y:y + h, x:x + w], (width, height),
                           interpolation=cv2.INTER_AREA)
        mask = cv2.GaussianBlur(cv2.resize(mask, (width, height)), (0, 0), 1)
        sheet = np.dstack([image, mask])
    else:
        aspect = math.exp(rng.uniform(-1, 0) if upright else rng.uniform(-0.8, 0.8))
        height, width = _fit(side, aspect)
        image, mask = piece(rng, photos, height, width, 0.08), outline(rng, height, width)
        soft = rng.uniform(0, 0.02) * side
        mask = cv2.GaussianBlur(mask, (0, 0), soft) if soft > 0.5 else mask
        return premultiplied(shaded(rng, image), mask)
    sheet = mirrored(rng, sheet)
    image = shaded(rng, recoloured(rng, sheet[..., :3]))
    return premultiplied(image, np.ascontiguousarray(sheet[..., 3]))


def _fit(side: float, aspect: float) -> tuple[int, int]:
    """Height and width in pixels, whose product is side²; no more than four times as long."""
    aspect = min(max(aspect, 1 / 4), 4)
    return max(int(side / math.sqrt(aspect)), 8), max(int(side * math.sqrt(aspect)), 8)


def outline(rng: Generator, height: int, width: int) -> np.ndarray:
    """(height, width) uint8 opacity of a free closed curve, or a polygon, that fills the box."""
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius, roughness = np.ones_like(angles), rng.uniform(0, 0.35)
    for k in range(2, 7):
        radius += roughness / k ** 0.7 * rng.normal() * np.cos(k * angles + rng.uniform(0, 6.3))
    radius = np.maximum(radius, 0.25)
    if rng.random() < 0.25:
        corners = rng.integers(3, 8)
        radius = 1 / np.cos((angles + 0.4) % (2 * np.pi / corners) - np.pi / corners)
    points = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    low, high = points.min(axis=0), points.max(axis=0)
    points = (points - low) / (high - low) * (width - 3, height - 3) + 1
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.int32(points * 16)], 255, cv2.LINE_AA, 4)
    return mask


def premultiplied(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(h, w, 4) uint8 of a (h, w, 3) picture and its (h, w) opacity: colours multiplied by opacity,
    so that resampling brings in no dark rim."""
    return np.dstack([cv2.multiply(image, cv2.merge([mask] * 3), scale=1 / 255), mask])


def shaded(rng: Generator, image: np.ndarray) -> np.ndarray:
    """A (h, w, 3) uint8 picture with light from one side."""
    height, width = image.shape[:2]
    strength, angle = rng.uniform(0, 0.35), rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-1, 1, width)[None], np.linspace(-1, 1, height)[:, None]
    light = 1 + strength * (np.cos(angle) * x + np.sin(angle) * y)
    return np.clip(image * light[..., None], 0, 255).astype(np.uint8)


def blend(image: np.ndarray, layer: np.ndarray | None, x: int, y: int) -> None:
    """Put a layer, (h, w, 4) uint8 with colours multiplied by opacity, onto an (H, W, 3) image, in
    place, its upper left corner at x, y; what lies outside the image is left out."""
    if layer is None:
        return
    left, top = max(-x, 0), max(-y, 0)
    layer = layer[top:max(image.shape[0] - y, 0), left:max(image.shape[1] - x, 0)]
    if not layer.size:
        return
    h, w = layer.shape[:2]
    region = image[y + top:y + top + h, x + left:x + left + w]
    clear = cv2.merge([cv2.bitwise_not(layer[..., 3])] * 3)
    region[:] = cv2.add(cv2.multiply(region, clear, scale=1 / 255),
                        cv2.cvtColor(layer, cv2.COLOR_BGRA2BGR))
