"""One video: a target among others, before a background, under changing light."""
import math
from typing import NamedTuple

import cv2
import numpy as np

from .actor import Actor
from .camera import Camera
from .look import Look
from .objects import look_alike, make_thing
from .places import blend
from .sprites import Blob
from .textures import texture

# The target may be hidden or out of view in this share of the frames, at most.
MAX_ABSENT = 0.1
# Other things come near the target only after these.
APART_FRAMES = 10
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
        area = math.exp(rng.uniform(math.log(0.06), math.log(0.42))) * min(size)
        target = make_thing(rng, split, length, area * 1.3)
        self.category = target.kind
        self.camera = Camera(rng, split, self.width, self.height, length,
                             target.upright)
        self.target = self._actor(target, area)
        tries = 0
        while not self._start_well() and tries < 6:
            tries += 1
            target = make_thing(rng, split, length, area * 1.3, target.kind)
            self.target = self._actor(target, area)
        self.behind, self.front = [], []
        for _ in range(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1])):
            for _ in range(6):
                other = self._other(area * rng.uniform(0.7, 1.4))
                if self._apart(other):
                    (self.front if rng.random() < 0.3 else self.behind).append(other)
                    break
        self.poles = self._poles() if rng.random() < 0.25 else None
        # Frames in which other things may still hide the target.
        self.budget = int(MAX_ABSENT * length)
        self.event = self._event()
        self.look = Look(rng, self.camera.view(0), length)

    def _actor(self, thing, size):
        return Actor(self.rng, thing, size, self.width, self.height, self.length,
                     self.camera.shutter)

    def _other(self, size):
        """Another thing of about that size; at times it looks like the target."""
        rng = self.rng
        thing = look_alike(rng, self.split, self.length, size, self.target.thing) \
            if rng.random() < 0.35 else make_thing(rng, self.split, self.length, size)
        other = self._actor(thing, size)
        if rng.random() < 0.5:  # moves in the place rather than with the camera
            other.x, other.y = self.camera.to_frame(
                other.x + 0.3 * self.width, other.y + 0.3 * self.height)
        return other

    def _apart(self, other):
        """Whether another thing is clear of the target while a tracker takes that in."""
        first = slice(0, APART_FRAMES)
        far = np.hypot(other.x[first] - self.target.x[first], other.y[first] - self.target.y[first])
        return (far > 0.8 * (other.size[first] + self.target.size[first])).all()

    def _start_well(self):
        """Put the target wholly into the first frame; whether it can be told from the place there.
        """
        actor = self.target
        picture, centre = actor.thing.draw(0)
        extent = np.array(picture.shape[1::-1], float)
        scale = actor.size / actor.thing.nominal
        actor.size = actor.size * min(1, (0.85 * np.array([self.width, self.height])
                                          / (extent * scale.max())).min())
        scale = actor.size[0] / actor.thing.nominal * 1.1
        low, high = scale * np.array(centre), scale * (extent - centre)
        actor.x = actor.x + np.clip(actor.x[0], low[0], self.width - high[0]) - actor.x[0]
        actor.y = actor.y + np.clip(actor.y[0], low[1], self.height - high[1]) - actor.y[0]
        sprite, x, y = self._lit(actor, 0)
        h, w = sprite.shape[:2]
        place = self.camera.view(0)[y:y + h, x:x + w]
        before = place.copy()
        blend(place, sprite, 0, 0)
        solid = sprite[..., 3] > 127
        return solid.any() and np.abs(place[solid].astype(int) - before[solid]).mean() > 26

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
        if kind == 'away':
            self.budget -= self._leave(int(start), absent)
            return None
        size = target.size.max() * rng.choice([0.8, 1.9])  # covers a part, or all of it
        actor = self._actor(Blob(rng, self.split, self.length, size), size)
        actor.size[:], actor.angle[:] = size, 0
        angle, step = rng.uniform(0, 2 * np.pi), 2.2 * target.size.max()
        # Passing by: it comes from one side, covers the target for a while, leaves on the other.
        time = (np.arange(self.length) - start) / absent
        offset = np.where(time < 0, time, np.where(time < 1, 0, time - 1)) * step
        actor.x = target.x + offset * math.cos(angle)
        actor.y = target.y + offset * math.sin(angle)
        return actor

    def _leave(self, middle, absent):
        """Bend the target's path so that it is outside the frame for at most ``absent`` frames.

        Returns in how many it may be.
        """
        target = self.target
        left = target.x[middle] < self.width / 2
        reach = target.x[middle] if left else self.width - target.x[middle]
        # Slowly enough to be followed; not in the first frames.
        rise = min(max(3 * absent, 4 * reach / target.size[middle]), middle - 3)
        time = np.clip((np.arange(self.length) - middle) / rise, -1, 1)
        bump = 0.5 + 0.5 * np.cos(np.pi * time)
        for amount in np.linspace(reach + 1.5 * target.size[middle], 0, 24):
            x = target.x + bump * amount * (-1 if left else 1)
            # A thing whose centre is outside may still show: an upper bound.
            outside = (x < 0) | (x > self.width)
            if outside.sum() <= absent:
                target.x = x
                return outside.sum()
        return 0

    def __iter__(self):
        """Frames, one after another."""
        budget = self.budget
        for time in range(self.length):
            image = self.camera.view(time)
            for actor in (*self.behind, self.target):
                blend(image, *actor.cast(time))
            for actor in self.behind:
                blend(image, *self._lit(actor, time))
            sprite, x0, y0 = self._lit(self.target, time)
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
            if hidden and budget <= 0 or time < 3 and visible < 0.95:
                layers, hidden = [], False
            budget -= hidden
            for layer in layers:
                blend(image, *layer)
            yield Frame(self.look.apply(self.rng, image, time), box, bool(hidden), bool(out))

    def _lit(self, actor, time):
        """An actor's picture, darker where it stands in a shadow."""
        sprite, x, y = actor.place(time)
        if sprite is not None:
            h, w = sprite.shape[:2]
            light = self.camera.light_at(time, x + w / 2, y + (h if actor.thing.upright else h / 2))
            if light < 1:
                sprite = cv2.multiply(sprite, (light, light, light, 1.))
        return sprite, x, y

    def _front(self, time):
        layers = [self._lit(actor, time) for actor in self.front]
        if self.poles is not None:
            layers.append((self.poles, 0, 0))
        if self.event is not None:
            layers.append(self.event.place(time))
        return layers


def bounds(mask):
    """x, y, w, h of what is not zero in a mask; zeros if nothing is."""
    return tuple(float(value) for value in cv2.boundingRect(mask))
