"""What lies behind the moving things."""
import math

import cv2
import numpy as np

from .objects import make_thing
from .textures import colour, noise, photo_piece, texture


def make_place(rng, split, height, width, outdoors):
    """A place with things standing about in it, under the sky more often if ``outdoors``.

    Returns:
        (height, width, 3) uint8 picture, shadows included, and the (height, width) float32 share of
        the light that the shadows leave, or None.
    """
    kind = rng.choice(['photo', 'ground', 'surface'],
                      p=[0.2, 0.68, 0.12] if outdoors else [0.4, 0.36, 0.24])
    if kind == 'photo':
        image = np.clip(photo_piece(rng, split, height, width), 0, 255).astype(np.uint8)
    elif kind == 'surface':
        image = texture(rng, split, height, width)
    else:
        image = ground(rng, split, height, width)
    for _ in range(rng.integers(0, 8)):
        size = math.exp(rng.uniform(math.log(0.05), math.log(0.3))) * height
        thing = make_thing(rng, split, 1, size)
        picture, _ = thing.draw(0)
        put(image, picture, rng.uniform(0, width), rng.uniform(0, height))
    light = shadows(rng, height, width) if rng.random() < 0.45 else None
    if light is not None:
        # Shadows are bluer than the sun.
        tint = 1 - (1 - light[..., None]) * np.float32([0.85, 1, 1.08])
        image = np.clip(image * tint, 0, 255).astype(np.uint8)
    return image, light


def ground(rng, split, height, width):
    """Ground that runs away from the camera, up to a horizon or beyond the picture's top."""
    horizon = int(rng.uniform(0.05, 0.5) * height) if rng.random() < 0.65 else 0
    image = np.empty((height, width, 3), np.uint8)
    if horizon:
        image[:horizon] = backdrop(rng, split, horizon, width)
    flat = floor(rng, split, 700)
    near = rng.uniform(0.9, 2.2)
    narrow = rng.uniform(0.15, 1) if horizon else rng.uniform(0.55, 1)
    skew = rng.uniform(-0.5, 0.5)
    corners = np.float32([(0, 0), (700, 0), (700, 700), (0, 700)])
    middle = width / 2
    far = 1.6 * width * near * narrow
    to = np.float32([(middle - far / 2 + skew * width, horizon),
                     (middle + far / 2 + skew * width, horizon),
                     (middle + 0.9 * width * near, height), (middle - 0.9 * width * near, height)])
    matrix = cv2.getPerspectiveTransform(corners, to)
    plane = cv2.warpPerspective(flat, matrix, (width, height), flags=cv2.INTER_AREA,
                                borderMode=cv2.BORDER_REFLECT)
    image[horizon:] = plane[horizon:]
    for _ in range(rng.integers(0, 7)):  # posts, benches, walls, bushes
        y = rng.uniform(horizon, height)
        scale = 0.35 + 0.65 * (y - horizon) / max(height - horizon, 1)
        w, h = scale * np.exp(rng.uniform(np.log(4), np.log(50), 2))
        post(rng, split, image, rng.uniform(0, width), y, int(w) + 2, int(h * 1.5) + 4)
    return image


def floor(rng, split, side):
    """(side, side, 3) uint8 ground from above, with what is painted or laid on it."""
    base = colour(rng) * 0.35 + rng.uniform(40, 140)
    if rng.random() < 0.35:
        base = np.float32([[60, 110, 90], [70, 100, 150], [60, 80, 140], [140, 160, 175]][
            rng.integers(4)]) * rng.uniform(0.6, 1.3)
    if rng.random() < 0.35:
        grain = photo_piece(rng, split, side // 2, side // 2).mean(axis=2)
        grain = np.tile(grain, (2, 2))
        grain = (grain - grain.mean()) / (grain.std() + 1e-3) * rng.uniform(5, 30)
    else:
        grain = rng.normal(size=(side, side)) * rng.uniform(2, 16) \
            + (noise(rng, side, side) - 0.5) * rng.uniform(10, 80)
    image = np.clip(base + grain[..., None], 0, 255).astype(np.uint8)
    if rng.random() < 0.4:  # paving
        step, line = int(rng.uniform(14, 60)), (base * rng.uniform(0.75, 1.2)).tolist()
        ratio = rng.choice([1, 2])
        for i, y in enumerate(range(0, side, step)):
            cv2.line(image, (0, y), (side, y), line, 1)
            for x in range((i % 2) * step * ratio // 2, side, step * ratio):
                cv2.line(image, (x, y), (x, y + step), line, 1)
    for _ in range(rng.integers(0, 4)):  # other ground beside it
        points = rng.uniform(0, side, (2, 2))
        other = np.clip(base * rng.uniform(0.6, 1.5) + rng.normal(size=3) * 15, 0, 255)
        band(image, points, rng.uniform(20, 200), other.tolist())
    for _ in range(rng.integers(0, 4)):  # lines and lanes, some of them broken
        paint = rng.choice([230, 200, 160]) + rng.normal(size=3) * 12
        points = rng.uniform(-0.2, 1.2, (2, 2)) * side
        thick = rng.uniform(2, 12)
        if rng.random() < 0.4:
            for k in range(0, 20, 2):
                band(image, points[0] + (points[1] - points[0]) * np.array([[k], [k + 1]]) / 20,
                     thick, paint.tolist())
        else:
            band(image, points, thick, paint.tolist())
    if rng.random() < 0.35:  # a crossing
        start, along = rng.uniform(0.1, 0.6, 2) * side, rng.uniform(0, 2 * np.pi)
        way = np.array([math.cos(along), math.sin(along)])
        across = np.array([-way[1], way[0]]) * rng.uniform(60, 250)
        gap, paint = rng.uniform(14, 40), rng.uniform(170, 240)
        for k in range(rng.integers(5, 14)):
            corner = start + way * gap * k
            band(image, np.stack([corner, corner + across]), gap * rng.uniform(0.4, 0.55),
                 (paint, paint, paint))
    return image


def backdrop(rng, split, height, width):
    """(height, width, 3) uint8 of what stands at the horizon."""
    kind = rng.choice(['sky', 'house', 'hedge', 'photo', 'banner'], p=[.2, .25, .2, .2, .15])
    y = np.linspace(0, 1, height)[:, None, None]
    if kind == 'sky':
        image = (np.float32([230, 190, 150]) * rng.uniform(0.5, 1.1)) * (1 - y) \
            + colour(rng) * y + np.zeros((1, width, 1))
        image += (noise(rng, height, width)[..., None] - 0.5) * rng.uniform(0, 60)
        return np.clip(image, 0, 255).astype(np.uint8)
    if kind == 'photo':
        return np.clip(photo_piece(rng, split, height, width), 0, 255).astype(np.uint8)
    if kind == 'hedge':
        leaf = np.float32([40, 80, 60]) * rng.uniform(0.5, 1.6)
        image = leaf * (0.4 + 1.2 * noise(rng, height, width)[..., None]) \
            + rng.normal(size=(height, width, 1)) * rng.uniform(5, 30)
        image = np.clip(image, 0, 255).astype(np.uint8)
        if rng.random() < 0.4:  # a fence in front
            step, bar = int(rng.uniform(6, 50)), colour(rng).tolist()
            for x in range(0, width, step):
                cv2.line(image, (x, 0), (x, height), bar, int(rng.integers(1, 3)))
        return image
    wall = colour(rng) * 0.5 + 70
    image = np.empty((height, width, 3), np.float32)
    image[:] = wall
    image += (noise(rng, height, width)[..., None] - 0.5) * rng.uniform(0, 50)
    image = np.clip(image, 0, 255).astype(np.uint8)
    if kind == 'house':
        step_x, step_y = rng.uniform(14, 60, 2)
        pane = wall * rng.uniform(0.2, 1.4)
        for top in np.arange(4, height, step_y):
            for x in np.arange(rng.uniform(0, step_x), width, step_x):
                shade = np.clip(pane * rng.uniform(0.8, 1.2), 0, 255).tolist()
                cv2.rectangle(image, (int(x), int(top)),
                              (int(x + step_x * 0.55), int(top + step_y * 0.6)), shade, -1)
    else:
        for x in range(0, width, int(rng.uniform(80, 300))):
            word = ''.join(chr(rng.integers(65, 123)) for _ in range(rng.integers(2, 9)))
            cv2.putText(image, word, (x, int(rng.uniform(0.3, 0.95) * height)),
                        int(rng.integers(0, 8)), rng.uniform(0.5, 2.5), colour(rng).tolist(),
                        int(rng.integers(1, 6)), cv2.LINE_AA)
    return image


def post(rng, split, image, x, y, width, height):
    """Something upright that stands on the ground, round or flat."""
    x, top = int(x), max(int(y) - height, 0)
    width, height = min(width, image.shape[1] - x), int(y) - top
    if width < 2 or height < 2:
        return
    face = texture(rng, split, height, width) if rng.random() < 0.4 else \
        np.broadcast_to(colour(rng), (height, width, 3))
    if rng.random() < 0.6:
        face = face * (0.5 + 0.6 * np.sin(np.linspace(0.3, 2.9, width)))[None, :, None]
    image[top:top + height, x:x + width] = np.clip(face, 0, 255)


def band(image, points, thick, paint):
    """A straight band between two points."""
    way = points[1] - points[0]
    normal = np.array([-way[1], way[0]]) / (np.hypot(*way) + 1e-6) * thick
    shape = np.stack([points[0], points[1], points[1] + normal, points[0] + normal])
    cv2.fillPoly(image, [np.int32(shape * 16)], paint, cv2.LINE_AA, 4)


def shadows(rng, height, width):
    """(height, width) float32 share of light: of buildings and trees."""
    light = np.ones((height, width), np.float32)
    dark = rng.uniform(0.3, 0.75)
    if rng.random() < 0.3:  # under trees
        leaves = cv2.GaussianBlur(noise(rng, height, width), (0, 0), 2)
        light[leaves > rng.uniform(0.4, 0.6)] = dark
    for _ in range(rng.integers(1, 3)):
        middle, angle = rng.uniform(0.2, 0.8, 2) * (width, height), rng.uniform(0, 2 * np.pi)
        way = np.array([math.cos(angle), math.sin(angle)]) * 2 * width
        thick = rng.choice([30, 80, 2 * width])
        shape = np.stack([middle - way, middle + way])
        band(light, shape, thick, dark)
    side = rng.uniform(0.6, 5)
    return cv2.GaussianBlur(light, (0, 0), side)


def put(image, picture, x, y):
    """Blend a (h, w, 4) picture, colours multiplied by opacity, into an image around x, y."""
    h, w = picture.shape[:2]
    x0, y0 = int(x - w / 2), int(y - h / 2)
    left, top = max(-x0, 0), max(-y0, 0)
    picture = picture[top:image.shape[0] - y0, left:image.shape[1] - x0]
    if picture.size:
        blend(image, picture, x0 + left, y0 + top)


def blend(image, layer, x, y):
    """Put an (h, w, 4) layer, colours multiplied by opacity, onto an image, in place."""
    if layer is None:
        return
    h, w = layer.shape[:2]
    region = image[y:y + h, x:x + w]
    clear = cv2.merge([cv2.bitwise_not(layer[..., 3])] * 3)
    region[:] = cv2.add(cv2.multiply(region, clear, scale=1 / 255),
                        cv2.cvtColor(layer, cv2.COLOR_BGRA2BGR))
