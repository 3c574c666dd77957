"""One video: a target among others, before a background, under changing light."""
import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from .actor import Actor
from .camera import Camera
from .look import Look
from .photos import photos_of
from .pictures import blend
from .things import Thing, look_alike, make_thing

# Share of the videos whose target is a part of the place. A tracker that has seen few of these
# looks for edges, which cut out things have and things in clutter do not.
SPOTS = 0.4
# Share of the frames in which the target may be hidden or out of view, at most.
MAX_ABSENT = 0.1
# Other things come near the target only after these frames.
APART_FRAMES = 10
SPLIT_KEYS = {'train': 0, 'val': 1, 'test': 2}


class Frame(NamedTuple):
    """image (H, W, 3) uint8 BGR; box x, y, w, h in pixels, of the whole target as far as it lies
    inside the frame, zeros out of view; whether the target is hidden, or out of view."""
    image: np.ndarray
    box: tuple[float, float, float, float]
    occluded: bool
    out_of_view: bool


class Spot:
    """A target that is a part of the place itself, such as a face in a photograph.

    Args:
        camera: shows the place.
        box: x, y, w, h in pixels of the first frame.
    """
    kind = 'spot'

    def __init__(self, camera: Camera, box: tuple[float, float, float, float]) -> None:
        x, y, w, h = box
        corners = np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
        back = cv2.invertAffineTransform(camera.matrix(0))
        self.camera, self.corners = camera, corners @ back[:, :2].T + back[:, 2]
        self.size = math.sqrt(w * h)

    def path(self, times: range) -> np.ndarray:
        """(2, length) of its centre in the frame."""
        x, y = self.corners.mean(axis=0)
        return np.array([self.camera.matrix(time) @ (x, y, 1) for time in times]).T

    def away(self, times: range) -> int:
        """How many times it is out of view."""
        return sum(not self.shown(time).any() for time in times)

    def shown(self, time: int) -> np.ndarray:
        """(H, W) uint8: 1 where it is."""
        matrix = self.camera.matrix(time)
        corners = self.corners @ matrix[:, :2].T + matrix[:, 2]
        low, high = corners.min(axis=0), corners.max(axis=0)
        # As wide as it is, not as its turned corners reach.
        middle, half = (low + high) / 2, np.ptp(self.corners, axis=0) / 2
        half = half * np.sqrt(np.abs(np.linalg.det(matrix[:, :2])))
        mask = np.zeros(self.camera.size[::-1], np.uint8)
        (x0, y0), (x1, y1) = np.rint(middle - half).astype(int), np.rint(middle + half).astype(int)
        mask[max(y0, 0):max(y1, 0), max(x0, 0):max(x1, 0)] = 1
        return mask


class Video:
    """A video, a function of its key and its photographs only.

    Args:
        seed, split, index: the key; no two keys share a random draw.
        length: number of frames.
        size: width, height in pixels.
        step: units of time between two frames. Training draws frames that lie far apart anyway,
            so its videos show every third.
        photos: folder with more photographs, see :class:`~.photos.Photos`.
    """

    def __init__(self, seed: int, split: str, index: int, length: int,
                 size: tuple[int, int], step: int = 1, photos: str | None = None) -> None:
        self.rng = rng = np.random.default_rng([seed, SPLIT_KEYS[split], index])
        self.photos, self.step = photos_of(split, photos), step
        self.times = range(0, length * step, step)
        self.length, (self.width, self.height) = length * step, size
        area = math.exp(rng.uniform(math.log(0.07), math.log(0.45))) * min(size)
        for _ in range(6):
            self.camera = Camera(rng, self.photos, self.width, self.height, self.length)
            self.spot = self.new_spot(area) if rng.random() < SPOTS else None
            if self.spot:
                self.category, self.target = Spot.kind, None
                break
            thing = make_thing(rng, self.photos, self.length, area * 1.3)
            self.category, self.target = thing.kind, self._actor(thing, area)
            if self._start_well():
                break
        self.behind, self.front = [], []
        for _ in range(rng.choice([0, 1, 2, 4], p=[0.3, 0.35, 0.2, 0.15])):
            for _ in range(6):
                other = self.new_other(area * rng.uniform(0.7, 1.4))
                if self._apart(other):
                    (self.front if rng.random() < 0.3 else self.behind).append(other)
                    break
        # Frames in which other things may still hide the target.
        self.budget = int(MAX_ABSENT * length)
        self.event = self._event()
        self.look = Look(rng, self.camera.view(0), self.length)

    def _actor(self, thing: Thing, size: float) -> Actor:
        return Actor(self.rng, thing, size, self.width, self.height, self.length,
                     self.camera.shutter)

    def new_spot(self, size: float) -> Spot | None:
        """A part of the first view that can be told from what is around it and stays in view, or
        None."""
        rng, view = self.rng, cv2.cvtColor(self.camera.view(0), cv2.COLOR_BGR2GRAY)
        edges = np.abs(cv2.Laplacian(cv2.GaussianBlur(view, (0, 0), 1), cv2.CV_32F))
        aspect = math.exp(rng.uniform(-0.6, 0.4))
        w, h = size * math.sqrt(aspect), size / math.sqrt(aspect)
        for _ in range(8):
            x, y = rng.uniform(2, self.width - w - 2), rng.uniform(2, self.height - h - 2)
            inside = edges[int(y):int(y + h), int(x):int(x + w)]
            if inside.mean() > 3 and inside.mean() > 0.9 * edges.mean():
                spot = Spot(self.camera, (x, y, w, h))
                # The camera may turn away from it for good.
                if spot.away(self.times) <= MAX_ABSENT * len(self.times):
                    return spot
        return None

    def new_other(self, size: float) -> Actor:
        """Another thing of about that size; at times it looks like the target."""
        rng = self.rng
        thing = look_alike(rng, self.target.thing) if self.target and rng.random() < 0.35 \
            else make_thing(rng, self.photos, self.length, size)
        other = self._actor(thing, size)
        if rng.random() < 0.5:  # moves in the place rather than with the camera
            other.x, other.y = self.camera.to_frame(
                other.x + 0.3 * self.width, other.y + 0.3 * self.height)
        return other

    def way(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y and size of the target, (length,) each, by units of time."""
        if self.spot:
            x, y = self.spot.path(range(self.length))
            return x, y, np.full(self.length, self.spot.size)
        return self.target.x, self.target.y, self.target.size

    def _apart(self, other: Actor) -> bool:
        """Whether another thing is clear of the target while a tracker takes that in."""
        first = slice(0, APART_FRAMES)
        x, y, size = self.way()
        far = np.hypot(other.x[first] - x[first], other.y[first] - y[first])
        return (far > 0.8 * (other.size[first] + size[first])).all()

    def _start_well(self) -> bool:
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
        sprite, x, y = actor.place(0)
        if sprite is None:
            return False
        h, w = sprite.shape[:2]
        place = self.camera.view(0)[y:y + h, x:x + w]
        before = place.copy()
        blend(place, sprite, 0, 0)
        solid = sprite[..., 3] > 127
        return solid.any() and np.abs(place[solid].astype(int) - before[solid]).mean() > 22

    def _event(self) -> Actor | None:
        """Something that passes before the target, and hides a part of it, or all."""
        rng = self.rng
        longest = int(MAX_ABSENT * self.length)
        if rng.random() < 0.7 or longest < 2 or self.length < 30:
            return None
        start, absent = rng.integers(15, self.length - longest), rng.integers(1, longest + 1)
        x, y, own = self.way()
        size = own.max() * rng.choice([0.5, 0.8, 1.8], p=[0.45, 0.35, 0.2])
        actor = self._actor(make_thing(rng, self.photos, self.length, size, jointed=False), size)
        actor.size[:] = size
        angle, way = rng.uniform(0, 2 * np.pi), 2.2 * own.max()
        # Passing by: it comes from one side, covers the target for a while, leaves on the other.
        time = (np.arange(self.length) - start) / absent
        offset = np.where(time < 0, time, np.where(time < 1, 0, time - 1)) * way
        actor.x, actor.y = x + offset * math.cos(angle), y + offset * math.sin(angle)
        return actor

    def __iter__(self) -> Iterator[Frame]:
        """Frames, one after another."""
        budget = self.budget
        before = self.front + ([self.event] if self.event else [])
        # Things behind a thing that is tracked are before a part of the place.
        behind, before = ([], self.behind + before) if self.spot else (self.behind, before)
        for number, time in enumerate(self.times):
            image = self.camera.view(time)
            for actor in behind:
                blend(image, *actor.place(time))
            if self.spot:
                shown = self.spot.shown(time)
            else:
                sprite, x0, y0 = self.target.place(time)
                blend(image, sprite, x0, y0)
                shown = np.zeros((self.height, self.width), np.uint8)
                if sprite is not None:
                    shown[y0:y0 + sprite.shape[0], x0:x0 + sprite.shape[1]] = \
                        sprite[..., 3] > 127
            box = bounds(shown)
            area = shown.sum(dtype=np.int64)
            layers = [actor.place(time) for actor in before]
            for layer, lx, ly in layers:
                if layer is not None:
                    h, w = layer.shape[:2]
                    shown[ly:ly + h, lx:lx + w][layer[..., 3] > 127] = 0
            visible = shown.sum(dtype=np.int64) / max(area, 1)
            out = area == 0
            hidden = not out and visible < 0.08
            if hidden and budget <= 0 or number < 3 and visible < 0.95:
                layers, hidden = [], False
            budget -= hidden
            for layer in layers:
                blend(image, *layer)
            yield Frame(self.look.apply(self.rng, image, time), box, bool(hidden), bool(out))


def bounds(mask: np.ndarray) -> tuple[float, float, float, float]:
    """x, y, w, h of what is not zero in an (H, W) mask; zeros if nothing is."""
    return tuple(float(value) for value in cv2.boundingRect(mask))
