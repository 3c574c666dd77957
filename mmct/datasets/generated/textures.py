"""What surfaces look like: photographs and procedural patterns."""
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

# Photographs that come inside scikit-image's wheel; others of its data would be downloaded.
# Disjoint, so that what a tracker is tested on was not seen in training.
PHOTOS = {
    'train': ('astronaut', 'coffee', 'motorcycle_left', 'rocket', 'ihc', 'grass', 'gravel', 'coins',
              'page', 'retina'),
    'test': ('chelsea', 'camera', 'brick', 'moon', 'hubble_deep_field', 'cell'),
}


@cache
def photos(split):
    """The photographs of a split, (H, W, 3) uint8 BGR each, at most 640 pixels wide.

    Raises:
        ImportError: scikit-image is not installed.
    """
    try:
        import skimage.data
    except ImportError as error:
        raise ImportError(
            'the generated videos use photographs of scikit-image: pip install mmct[demo]'
        ) from error
    folder = Path(skimage.data.__file__).parent
    images = []
    for name in PHOTOS['train' if split == 'train' else 'test']:
        path = next(p for p in sorted(folder.glob(f'{name}.*')) if p.suffix in ('.png', '.jpg'))
        image = np.asarray(Image.open(path).convert('RGB'))[..., ::-1]
        scale = min(1, 640 / image.shape[1])
        images.append(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return images


def texture(rng, split, height, width):
    """A (height, width, 3) uint8 surface: a piece of a photograph, or a pattern."""
    kind = rng.choice(['photo', 'noise', 'stripes', 'checks', 'plain', 'patches', 'tiles'],
                      p=[0.36, 0.14, 0.12, 0.06, 0.12, 0.12, 0.08])
    if kind == 'photo':
        image = photo_piece(rng, split, height, width)
    elif kind == 'noise':
        image = mix(rng, noise(rng, height, width))
    elif kind == 'stripes':
        image = mix(rng, stripes(rng, height, width))
    elif kind == 'checks':
        image = mix(rng, np.float32(stripes(rng, height, width) > 0.5)
                    * np.float32(stripes(rng, height, width) > 0.5))
    elif kind == 'patches':
        image = patches(rng, height, width)
    elif kind == 'tiles':
        image = tiles(rng, split, height, width)
    else:
        image = np.broadcast_to(colour(rng), (height, width, 3)).astype(np.float32)
    image = image * (1 + 0.25 * (noise(rng, height, width)[..., None] - 0.5))
    return np.clip(image, 0, 255).astype(np.uint8, order='C')


def colour(rng):
    """A (3,) colour, dull more often than not, as the world is."""
    grey = rng.uniform(15, 240)
    tint = rng.normal(size=3) * rng.choice([6, 25, 70], p=[0.4, 0.35, 0.25])
    return np.clip(grey + tint, 0, 255).astype(np.float32)


def mix(rng, weight):
    """Two colours mixed by a (H, W) weight in [0, 1]."""
    a, b = colour(rng), colour(rng)
    return a + (b - a) * weight[..., None]


def noise(rng, height, width):
    """(height, width) float32 in [0, 1]: random values, coarse and fine."""
    total = np.zeros((height, width), np.float32)
    for _ in range(2):
        cells = int(2 ** rng.uniform(1, 6))
        grid = rng.random((cells, cells), dtype=np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(total / 2, 0, 1)


def stripes(rng, height, width):
    """(height, width) float32 in [0, 1]: soft or hard bands at an angle."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    period = rng.uniform(0.06, 0.5) * max(height, width)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    return np.clip(0.5 + wave * rng.choice([0.5, 4]), 0, 1).astype(np.float32)


def patches(rng, height, width):
    """A few areas of one colour each."""
    image = np.empty((height, width, 3), np.float32)
    image[:] = colour(rng)
    for _ in range(rng.integers(2, 7)):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        axes = (int(rng.uniform(0.1, 0.5) * width) + 1, int(rng.uniform(0.1, 0.5) * height) + 1)
        cv2.ellipse(image, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360,
                    colour(rng).tolist(), -1, cv2.LINE_AA)
    return image


def tiles(rng, split, height, width):
    """A small piece of a photograph again and again."""
    side = int(rng.uniform(0.15, 0.5) * min(height, width)) + 4
    piece = photo_piece(rng, split, side, side)
    return np.tile(piece, (height // side + 1, width // side + 1, 1))[:height, :width]


def photo_piece(rng, split, height, width):
    """A (height, width, 3) float32 piece of a photograph, turned, mirrored and recoloured."""
    images = photos(split)
    image = images[rng.integers(len(images))]
    largest = min(image.shape[0] / height, image.shape[1] / width)
    scale = largest * rng.uniform(0.15, 1)
    h, w = max(int(height * scale), 2), max(int(width * scale), 2)
    y, x = rng.integers(image.shape[0] - h + 1), rng.integers(image.shape[1] - w + 1)
    piece = cv2.resize(image[y:y + h, x:x + w], (width, height), interpolation=cv2.INTER_AREA)
    piece = piece[:, ::-1] if rng.random() < 0.5 else piece
    piece = piece[..., rng.permutation(3)] if rng.random() < 0.3 else piece
    piece = 255 * (piece.astype(np.float32) / 255) ** rng.uniform(0.6, 1.6)
    if rng.random() < 0.3:
        tint = colour(rng)
        piece = piece.mean(axis=2, keepdims=True) * (0.3 + 0.7 * tint / max(tint.max(), 1))
    return piece


def folds(rng, height, width):
    """(height, width) float32 about 1: light and dark creases, as of cloth or a plastic bag."""
    total = np.zeros((height, width), np.float32)
    for cells, weight in ((3, 0.5), (6, 0.3), (14, 0.2)):
        grid = rng.random((cells, cells), dtype=np.float32)
        wave = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) - 0.5
        total += weight * (1 - 4 * np.abs(wave))
    return 0.85 + rng.uniform(0.08, 0.35) * total
