"""One video: a target among others, before a background, under changing light."""
import math
from typing import NamedTuple

import cv2
import numpy as np

from .objects import SIDE, Thing, blob_mask, look_alike, make_thing, with_mask
from .textures import colour, noise, photo_piece, texture

# The target may be hidden or out of view in this share of the frames, at most.
MAX_ABSENT = 0.1
SPLIT_KEYS = {'train': 0, 'val': 1, 'test': 2}


class Frame(NamedTuple):
    """image (H, W, 3) uint8 BGR; box x, y, w, h in pixels, of the whole target as far as it lies
    inside the frame, zeros out of view; whether the target is hidden, or out of view."""
    image: np.ndarray
    box: tuple
    occluded: bool
    out_of_view: bool


class Video:
    """A generated video, a function of its key alone.

    Args:
        seed, split, index: the key; no two keys share a random draw.
        length: number of frames.
        size: width, height in pixels.
    """

    def __init__(self, seed, split, index, length, size):
        self.rng = rng = np.random.default_rng([seed, SPLIT_KEYS[split], index])
        self.split, self.length, (self.width, self.height) = split, length, size
        target = make_thing(rng, split)
        self.category = target.kind
        self.camera = Camera(rng, split, self.width, self.height, length)
        area = math.exp(rng.uniform(math.log(0.05), math.log(0.42))) * min(size)
        self.target = Actor(rng, target, area, self.width, self.height, length)
        self.behind, self.front = [], []
        for _ in range(rng.choice([0, 1, 2, 3, 4], p=[0.2, 0.25, 0.25, 0.2, 0.1])):
            alike = rng.random() < 0.6
            thing = look_alike(rng, target) if alike else make_thing(rng, split)
            other = Actor(rng, thing, area * rng.uniform(0.7, 1.4), self.width, self.height, length)
            (self.front if rng.random() < 0.3 else self.behind).append(other)
        self.poles = self._poles() if rng.random() < 0.3 else None
        self.event = self._event()
        self.look = Look(rng, self.width, self.height, length)

    def _poles(self):
        """(H, W, 4) upright bars that stand in front of everything."""
        rng, layer = self.rng, np.zeros((self.height, self.width, 4), np.uint8)
        for _ in range(rng.integers(1, 4)):
            x, w = rng.integers(self.width), int(rng.uniform(0.01, 0.05) * self.width) + 1
            top = int(rng.uniform(0, 0.5) * self.height)
            bar = texture(rng, self.split, self.height - top, w)
            layer[top:, x:x + w, :3] = bar[:, :self.width - x]
            layer[top:, x:x + w, 3] = 255
        return layer

    def _event(self):
        """The target passes behind something, leaves the view, or neither."""
        rng, target = self.rng, self.target
        kind = rng.choice(['none', 'hidden', 'away'], p=[0.5, 0.3, 0.2])
        longest = int(MAX_ABSENT * self.length)
        if kind == 'none' or longest < 2 or self.length < 30:
            return None
        start, absent = rng.integers(15, self.length - longest), rng.integers(2, longest + 1)
        time = (np.arange(self.length) - start) / absent
        if kind == 'away':
            self._leave(time, absent)
            return None
        side = int(1.5 * SIDE)
        cover = with_mask(texture(rng, self.split, side, side), blob_mask(rng, side, side, 0.05))
        actor = Actor(rng, Thing('cover', [cover], 0.), target.size.max() * 1.9, self.width, self.height,
                      self.length)
        angle, step = rng.uniform(0, 2 * np.pi), 2.2 * target.size.max()
        # Passing by: it comes from one side, covers the target for a while, leaves on the other.
        offset = np.where(time < 0, time, np.where(time < 1, 0, time - 1)) * step
        actor.x = target.x + offset * math.cos(angle)
        actor.y = target.y + offset * math.sin(angle)
        actor.angle[:] = 0
        return actor

    def _leave(self, time, absent):
        """Bend the target's path so that it is outside the frame for at most ``absent`` frames."""
        target = self.target
        bump = np.where(np.abs(time) < 3, 0.5 + 0.5 * np.cos(np.pi * np.clip(time / 3, -1, 1)), 0)
        middle = int(np.argmax(bump))
        left = target.x[middle] < self.width / 2
        reach = target.x[middle] if left else self.width - target.x[middle]
        half = 0.8 * target.size[middle] * max(1, target.aspect)
        for amount in np.linspace(reach + half, 0, 12):
            x = target.x + bump * amount * (-1 if left else 1)
            outside = (x < -half * 0.5) | (x > self.width + half * 0.5)
            if outside.sum() <= absent:
                target.x = x
                return

    def __iter__(self):
        """Frames, one after another."""
        budget = int(MAX_ABSENT * self.length)
        for time in range(self.length):
            image = self.camera.view(time)
            for actor in self.behind:
                blend(image, *actor.place(time))
            sprite, x0, y0 = self.target.place(time)
            blend(image, sprite, x0, y0)
            shown = np.zeros((self.height, self.width), np.uint8)
            if sprite is not None:
                shown[y0:y0 + sprite.shape[0], x0:x0 + sprite.shape[1]] = sprite[..., 3] > 127
            box = bounds(shown)
            area, layers = shown.sum(dtype=np.int64), self._front(time)
            for layer, lx, ly in layers:
                if layer is not None:
                    h, w = layer.shape[:2]
                    shown[ly:ly + h, lx:lx + w][layer[..., 3] > 127] = 0
            visible = shown.sum(dtype=np.int64) / max(area, 1)
            out = area == 0
            hidden = not out and visible < 0.08
            if hidden and budget == 0 or time < 3 and visible < 0.95:
                layers, hidden = [], False
            budget -= hidden or out
            for layer in layers:
                blend(image, *layer)
            yield Frame(self.look.apply(self.rng, image, time), box, bool(hidden), bool(out))

    def _front(self, time):
        layers = [actor.place(time) for actor in self.front]
        if self.poles is not None:
            layers.append((self.poles, 0, 0))
        if self.event is not None:
            layers.append(self.event.place(time))
        return layers


def smooth(rng, length, period):
    """(length,) random path in about [-1, 1], with waves of ``period`` frames and longer."""
    time = np.arange(length)
    waves = [np.sin(2 * np.pi * time / (period * factor) + rng.uniform(0, 2 * np.pi))
             * rng.uniform(0.3, 1) for factor in (1, 1.7, 3.1)]
    return np.sum(waves, axis=0) / 2


def reflect(values, low, high):
    """Fold a path back into an interval."""
    if high <= low:
        return np.full_like(values, (low + high) / 2)
    span = high - low
    values = np.mod(values - low, 2 * span)
    return low + np.where(values > span, 2 * span - values, values)


class Actor:
    """A thing on its way: x, y of its centre, size (square root of its area) and angle by frame."""

    def __init__(self, rng, thing, size, width, height, length):
        self.thing = thing
        self.frame_size = width, height
        sprite = thing.phases[0]
        self.aspect = sprite.shape[1] / sprite.shape[0]
        upright = thing.kind in ('walker', 'vehicle', 'animal')
        self.size = size * np.exp(rng.uniform(0, 0.4) * smooth(rng, length, rng.uniform(40, 120)))
        self.stretch = np.exp(rng.uniform(0, 0.2) * smooth(rng, length, rng.uniform(30, 100)))
        turn = rng.uniform(0, 0.15) if upright else rng.choice([0.2, 1, 2.5])
        self.angle = turn * smooth(rng, length, rng.uniform(40, 150))
        # As fast as half its own size a frame: a search region holds it, but only just.
        speed = rng.uniform(0.02, 0.3) * size
        self.x = self._path(rng, length, speed, width, size * math.sqrt(self.aspect))
        self.y = self._path(rng, length, speed * rng.uniform(0.2, 1), height,
                            size / math.sqrt(self.aspect))

    @staticmethod
    def _path(rng, length, speed, extent, own):
        margin = min(0.55 * own + 2, 0.45 * extent)
        start = rng.uniform(margin, extent - margin)
        period = rng.uniform(25, 120)
        way = smooth(rng, length, period) * speed * period / 4 + rng.normal() * speed * 0.4 \
            * np.arange(length)
        inner = margin * rng.choice([0.4, 1], p=[0.3, 0.7])
        return reflect(start + way - way[0], inner, extent - inner)

    def place(self, time):
        """Its picture in a frame: (h, w, 4) uint8 or None, and where that goes, x and y."""
        sprite = self.thing.sprite(time)
        h, w = sprite.shape[:2]
        scale = self.size[time] / math.sqrt(h * w)
        sx, sy = scale * self.stretch[time], scale / self.stretch[time]
        cos, sin = math.cos(self.angle[time]), math.sin(self.angle[time])
        matrix = np.array([[cos * sx, -sin * sy], [sin * sx, cos * sy]])
        half = np.abs(matrix) @ (w / 2, h / 2)
        x, y = self.x[time], self.y[time]
        x0, y0 = max(int(x - half[0]) - 1, 0), max(int(y - half[1]) - 1, 0)
        x1 = min(int(x + half[0]) + 2, self.frame_size[0])
        y1 = min(int(y + half[1]) + 2, self.frame_size[1])
        if x1 <= x0 or y1 <= y0:
            return None, 0, 0
        shift = (x - x0, y - y0) - matrix @ (w / 2, h / 2)
        if scale < 0.5:  # without this a small thing would flicker
            small = cv2.resize(sprite, None, fx=2 * scale, fy=2 * scale,
                               interpolation=cv2.INTER_AREA)
            matrix = matrix @ np.diag((w / small.shape[1], h / small.shape[0]))
            sprite = small
        affine = np.column_stack([matrix, shift])
        return cv2.warpAffine(sprite, affine, (x1 - x0, y1 - y0)), x0, y0


class Camera:
    """A window that moves over a background larger than the frame."""

    def __init__(self, rng, split, width, height, length):
        self.size = width, height
        self.canvas = background(rng, split, int(1.6 * height), int(1.6 * width))
        still = rng.random() < 0.35
        reach = 0. if still else 1.
        self.x = reach * 0.28 * width * smooth(rng, length, rng.uniform(60, 300))
        self.y = reach * 0.2 * height * smooth(rng, length, rng.uniform(60, 300))
        self.zoom = np.exp(reach * 0.15 * smooth(rng, length, rng.uniform(60, 300)))
        self.angle = reach * 0.1 * smooth(rng, length, rng.uniform(60, 300))
        shake = rng.choice([0, 0.3, 1.5], p=[0.5, 0.35, 0.15])
        self.x = self.x + shake * rng.normal(size=length)
        self.y = self.y + shake * rng.normal(size=length)

    def view(self, time):
        height, width = self.canvas.shape[:2]
        centre = width / 2 + self.x[time], height / 2 + self.y[time]
        matrix = cv2.getRotationMatrix2D(centre, math.degrees(self.angle[time]), self.zoom[time])
        matrix[:, 2] += (self.size[0] / 2 - centre[0], self.size[1] / 2 - centre[1])
        return cv2.warpAffine(self.canvas, matrix, self.size, borderMode=cv2.BORDER_REFLECT_101)


def background(rng, split, height, width):
    """A (height, width, 3) uint8 place with things standing about."""
    kind = rng.choice(['photo', 'street', 'surface'], p=[0.4, 0.35, 0.25])
    if kind == 'photo':
        image = np.clip(photo_piece(rng, split, height, width), 0, 255).astype(np.uint8)
    elif kind == 'surface':
        image = texture(rng, split, height, width)
    else:
        image = street(rng, split, height, width)
    for _ in range(rng.integers(0, 8)):
        thing = make_thing(rng, split)
        size = math.exp(rng.uniform(math.log(0.05), math.log(0.35))) * height
        actor = Actor(rng, thing, size, width, height, 1)
        actor.x[:], actor.y[:] = rng.uniform(0, width), rng.uniform(0, height)
        blend(image, *actor.place(0))
    for _ in range(rng.integers(0, 3)):  # shadows
        points = rng.uniform(-0.3, 1.3, (4, 2)) * (width, height)
        mask = np.full((height, width), 255, np.uint8)
        cv2.fillPoly(mask, [np.int32(points)], rng.uniform(80, 180))
        side = int(rng.uniform(0, 12)) * 2 + 1
        mask = cv2.GaussianBlur(mask, (side, side), 0)
        image = cv2.multiply(image, cv2.merge([mask] * 3), scale=1 / 255)
    return image


def street(rng, split, height, width):
    """Walls with windows above, ground with lanes, kerbs and crossings below."""
    horizon = int(rng.uniform(0.05, 0.5) * height)
    image = np.empty((height, width, 3), np.uint8)
    wall = colour(rng) * 0.4 + 90
    image[:horizon] = wall
    if horizon > 30 and rng.random() < 0.7:
        step = int(rng.uniform(14, 40))
        for y in range(4, horizon - step // 2, step):
            for x in range(int(rng.integers(step)), width, step):
                cv2.rectangle(image, (x, y), (x + step // 2, y + step // 2),
                              (wall * rng.uniform(0.3, 1.3)).clip(0, 255).tolist(), -1)
    ground = colour(rng) * 0.3 + rng.uniform(50, 150)
    below = height - horizon
    grain = noise(rng, below, width)[..., None] * 40 + rng.normal(size=(below, width, 1)) * 8
    image[horizon:] = np.clip(ground + grain - 20, 0, 255)
    for _ in range(rng.integers(1, 5)):
        shade = (ground * rng.uniform(0.5, 1.7)).clip(0, 255).tolist()
        points = np.float32([(rng.uniform(-.3, 1.3) * width, rng.uniform(horizon, height)),
                             (rng.uniform(-.3, 1.3) * width, rng.uniform(horizon, height))])
        normal = np.float32([0, rng.uniform(4, 60)])
        cv2.fillPoly(image, [np.int32([points[0], points[1], points[1] + normal,
                                       points[0] + normal])], shade, cv2.LINE_AA)
    if rng.random() < 0.6:  # a crossing
        x, y = rng.uniform(0, 0.6) * width, rng.uniform(horizon, height)
        w, h, gap = rng.uniform(40, 140), rng.uniform(4, 12), rng.uniform(8, 20)
        slant = rng.uniform(-1, 1)
        for k in range(rng.integers(4, 10)):
            corner = np.float32([x + k * slant * gap, y + k * gap])
            shape = corner + np.float32([(0, 0), (w, slant * 20), (w, slant * 20 + h), (0, h)])
            cv2.fillPoly(image, [np.int32(shape)], (ground * 1.7).clip(0, 255).tolist(),
                         cv2.LINE_AA)
    for _ in range(rng.integers(0, 6)):  # posts
        x, y = int(rng.uniform(0, width)), int(rng.uniform(horizon, height))
        w, h = int(rng.uniform(3, 16)), int(rng.uniform(15, 90))
        image[max(y - h, 0):y, x:x + w] = texture(rng, split, y - max(y - h, 0) or 1, w)[
            :, :max(width - x, 0)][:y - max(y - h, 0)]
    return image


class Look:
    """What light, lens and recorder do to a whole frame."""

    def __init__(self, rng, width, height, length):
        self.gain = np.exp(rng.uniform(0, 0.35) * smooth(rng, length, rng.uniform(30, 200)))
        gamma = math.exp(rng.normal() * 0.2)
        cast = rng.normal(1, 0.06, size=3)
        self.curve = 255 * (np.arange(256)[:, None] / 255) ** gamma * cast
        self.grey = rng.random() < 0.12
        self.blur = rng.uniform(0.4, 1.3) if rng.random() < 0.4 else 0
        self.coarse = rng.uniform(1.2, 2.2) if rng.random() < 0.35 else 1
        self.noise = None
        if rng.random() < 0.7:
            strength = rng.uniform(1, 9)
            self.noise = np.int16(rng.normal(size=(height + 32, width + 32, 3)) * strength)
        self.light = None
        if rng.random() < 0.3:
            light = noise(rng, 2 * height, 2 * width)
            self.light = cv2.merge([np.uint8(110 + 145 * light)] * 3)

    def apply(self, rng, image, time):
        height, width = image.shape[:2]
        if self.light is not None:
            x, y = time * 2 % width, time % height
            image = cv2.multiply(image, self.light[y:y + height, x:x + width], scale=1 / 255)
        curve = np.clip(self.curve * self.gain[time], 0, 255).astype(np.uint8)[None]
        image = cv2.LUT(image, curve)
        if self.grey:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        if self.blur:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        if self.coarse > 1:
            small = cv2.resize(image, None, fx=1 / self.coarse, fy=1 / self.coarse,
                               interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, (width, height))
        if self.noise is not None:
            x, y = rng.integers(32, size=2)
            image = cv2.add(image, self.noise[y:y + height, x:x + width], dtype=cv2.CV_8U)
        return image


def blend(image, layer, x, y):
    """Put an (h, w, 4) layer onto an image, in place."""
    if layer is None:
        return
    h, w = layer.shape[:2]
    region = image[y:y + h, x:x + w]
    alpha = cv2.merge([layer[..., 3]] * 3)
    front = cv2.multiply(np.ascontiguousarray(layer[..., :3]), alpha, scale=1 / 255)
    back = cv2.multiply(region, 255 - alpha, scale=1 / 255)
    region[:] = cv2.add(front, back)


def bounds(mask):
    """x, y, w, h of what is not zero in a mask; zeros if nothing is."""
    return tuple(float(value) for value in cv2.boundingRect(mask))
