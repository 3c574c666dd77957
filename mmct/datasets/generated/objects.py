"""Things that move: sprites with an outline of their own, articulated or deformable."""
import math
from dataclasses import dataclass

import cv2
import numpy as np

from .textures import colour, texture

SIDE = 96  # pixels of a sprite's longer side
KINDS = ('blob', 'walker', 'vehicle', 'compound', 'animal')


@dataclass
class Thing:
    """A moving thing.

    Attributes:
        kind: one of ``KINDS``.
        phases: sprites of a cycle, (h, w, 4) uint8 BGR and opacity each; one for a rigid thing.
        pace: phases per frame.
    """
    kind: str
    phases: list
    pace: float

    def sprite(self, time):
        return self.phases[int(time * self.pace) % len(self.phases)]


def make_thing(rng, split, kind=None):
    """A thing of any look."""
    kind = kind or rng.choice(KINDS, p=[0.3, 0.28, 0.16, 0.14, 0.12])
    phases, pace = {'blob': blob, 'walker': walker, 'vehicle': vehicle, 'compound': compound,
                    'animal': animal}[kind](rng, split)
    return Thing(str(kind), [shade(rng, phase) for phase in phases], pace)


def look_alike(rng, thing):
    """Another thing of the same kind and nearly the same look."""
    gain = rng.uniform(0.75, 1.3, size=3) if rng.random() < 0.6 else np.full(3, rng.uniform(.7, 1.4))
    lut = np.clip(np.arange(256)[:, None] * gain, 0, 255).astype(np.uint8)[None]
    phases = []
    for phase in thing.phases:
        other = phase.copy()
        other[..., :3] = cv2.LUT(np.ascontiguousarray(phase[..., :3]), lut)
        phases.append(other)
    mirrored = rng.random() < 0.5
    phases = [phase[:, ::-1] for phase in phases] if mirrored else phases
    return Thing(thing.kind, phases, thing.pace * rng.uniform(0.8, 1.2))


def blob_mask(rng, height, width, roughness=None):
    """(height, width) uint8 opacity of a free closed curve that fills the box."""
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones_like(angles)
    roughness = rng.uniform(0, 0.35) if roughness is None else roughness
    for k in range(2, 7):
        radius += roughness / k ** 0.7 * rng.normal() * np.cos(k * angles + rng.uniform(0, 6.3))
    radius = np.maximum(radius, 0.25)
    if rng.random() < 0.2:  # a box or a polygon
        corners = rng.integers(3, 8)
        radius = 1 / np.cos((angles + 0.4) % (2 * np.pi / corners) - np.pi / corners)
    points = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    low, high = points.min(axis=0), points.max(axis=0)
    points = (points - low) / (high - low) * (width - 3, height - 3) + 1
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.int32(points * 16)], 255, cv2.LINE_AA, 4)
    return mask


def with_mask(image, mask):
    return np.dstack([image, mask])


def shade(rng, sprite):
    """Light from one side."""
    height, width = sprite.shape[:2]
    strength, angle = rng.uniform(0, 0.35), rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-1, 1, width)[None], np.linspace(-1, 1, height)[:, None]
    light = 1 + strength * (np.cos(angle) * x + np.sin(angle) * y)
    sprite[..., :3] = np.clip(sprite[..., :3] * light[..., None], 0, 255)
    return sprite


def box_of(rng, low=0.5, high=2.):
    """Height and width of a sprite of free aspect."""
    aspect = math.exp(rng.uniform(math.log(low), math.log(high)))
    return (SIDE, int(SIDE / aspect)) if aspect > 1 else (int(SIDE * aspect), SIDE)


def blob(rng, split):
    height, width = box_of(rng)
    return [with_mask(texture(rng, split, height, width), blob_mask(rng, height, width))], 0.


def compound(rng, split):
    """Some blobs that hang together, the smaller ones swinging a little."""
    height, width = box_of(rng)
    parts = [(texture(rng, split, height, width), blob_mask(rng, height, width))
             for _ in range(rng.integers(2, 5))]
    places = [(0.5, 0.5, 0.8, 0.)] + [
        (rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.55),
         rng.uniform(0, 0.08)) for _ in parts[1:]]
    phases = []
    for k in range(8):
        sprite = np.zeros((height, width, 4), np.uint8)
        for i, ((image, mask), (x, y, scale, swing)) in enumerate(zip(parts, places)):
            x = x + swing * math.sin(2 * math.pi * k / 8 + i)
            matrix = np.float32([[scale, 0, width * (x - scale / 2)],
                                 [0, scale, height * (y - scale / 2)]])
            part = cv2.warpAffine(with_mask(image, mask), matrix, (width, height))
            inside = part[..., 3] > 127
            sprite[inside] = part[inside]
        phases.append(sprite)
    return phases, rng.uniform(0.1, 0.4)


def limb(canvas, start, angle, lengths, bend, thickness, colour_):
    """Two straight pieces from a joint; returns the far end."""
    for length, turn in zip(lengths, (0, bend)):
        angle += turn
        end = start[0] + length * math.sin(angle), start[1] + length * math.cos(angle)
        cv2.line(canvas, tuple(int(v * 16) for v in start), tuple(int(v * 16) for v in end),
                 (*colour_.tolist(), 255), max(int(thickness), 1), cv2.LINE_AA, 4)
        start = end
    return start


def walker(rng, split):
    """An upright figure with a walking cycle, from the side or from the front."""
    height, width = SIDE, int(SIDE * 0.5)
    front = rng.random() < 0.4
    skin = np.float32([60, 90, 130]) * rng.uniform(0.4, 1.6) + rng.uniform(0, 40)
    hair, legs, shoes = colour(rng) * 0.5, colour(rng), colour(rng) * 0.5
    sleeves = colour(rng)
    coat = texture(rng, split, height, width)
    if rng.random() < 0.6:  # sleeves like the rest
        sleeves = coat[height // 3:height // 2].reshape(-1, 3).mean(axis=0)
    stout = rng.uniform(0.8, 1.35)
    hip, shoulder = rng.uniform(0.5, 0.56) * height, rng.uniform(0.19, 0.23) * height
    stride = rng.uniform(0.3, 0.6)
    thick = 0.085 * height * stout
    skirt = rng.random() < 0.2
    bag = rng.random() < 0.25 and (rng.uniform(-0.2, 0.2), rng.uniform(0.3, 0.55), colour(rng))
    phases = []
    for k in range(8):
        swing = stride * math.sin(2 * math.pi * k / 8)
        canvas = np.zeros((height, width, 4), np.uint8)
        middle = width / 2
        apart = (0.045 if front else 0.01) * height * stout
        bob = 0.01 * height * abs(math.cos(2 * math.pi * k / 8))
        for side in (-1, 1):
            lean = side * swing * (0.35 if front else 1)
            short = 1 - (0.18 * max(side * swing, 0) / stride if front else 0)
            start = middle + side * apart, hip + bob
            end = limb(canvas, start, lean, (0.22 * height * short, 0.21 * height * short),
                       -0.5 * max(-lean, 0) * 2 if not front else 0, thick, legs)
            cv2.ellipse(canvas, (int(end[0] + (0 if front else 2)), int(end[1])),
                        (int(thick * 0.75) + 1, int(thick * 0.4) + 1), 0, 0, 360,
                        (*shoes.tolist(), 255), -1, cv2.LINE_AA)
        for side in (-1, 1):
            start = middle + side * (0.1 if front else 0.02) * height * stout, shoulder + bob + 3
            end = limb(canvas, start, -side * swing * 0.9 + (side * 0.15 if front else 0),
                       (0.15 * height, 0.14 * height), 0.3, thick * 0.75, sleeves)
            cv2.circle(canvas, (int(end[0]), int(end[1])), int(thick * 0.35) + 1,
                       (*skin.tolist(), 255), -1, cv2.LINE_AA)
        body = np.zeros((height, width), np.uint8)
        half = (0.115 if front else 0.085) * height * stout
        flare = half * (1.5 if skirt else 0.85)
        low = hip + (0.14 if skirt else 0.04) * height + bob
        cv2.fillPoly(body, [np.int32([(middle - half, shoulder + bob), (middle + half, shoulder + bob),
                                      (middle + flare, low), (middle - flare, low)])], 255,
                     cv2.LINE_AA)
        body = cv2.GaussianBlur(body, (5, 5), 0)
        canvas[body > 127] = with_mask(coat, body)[body > 127]
        canvas[body > 127, 3] = 255
        head = (int(middle), int(0.11 * height + bob))
        radius = int(0.07 * height)
        cv2.ellipse(canvas, head, (radius, int(radius * 1.25)), 0, 0, 360, (*skin.tolist(), 255), -1,
                    cv2.LINE_AA)
        cv2.ellipse(canvas, (head[0], head[1] - 1), (radius + 1, int(radius * 1.3)), 0, 180, 360,
                    (*hair.tolist(), 255), -1, cv2.LINE_AA)
        if bag:
            cv2.rectangle(canvas, (int(middle + bag[0] * height), int(bag[1] * height)),
                          (int(middle + bag[0] * height + 0.14 * height),
                           int((bag[1] + 0.16) * height)), (*bag[2].tolist(), 255), -1)
        phases.append(trim(canvas))
    return same_size(phases), rng.uniform(0.25, 0.8)


def animal(rng, split):
    """A body on four legs, seen from the side."""
    height, width = int(SIDE * 0.7), SIDE
    coat = texture(rng, split, height, width)
    legs, eye = coat.reshape(-1, 3).mean(axis=0) * 0.8, colour(rng)
    body_mask = blob_mask(rng, int(height * 0.42), int(width * 0.6), 0.1)
    head_mask = blob_mask(rng, int(height * 0.32), int(width * 0.24), 0.15)
    thick, stride = rng.uniform(0.05, 0.1) * width, rng.uniform(0.3, 0.7)
    phases = []
    for k in range(8):
        canvas = np.zeros((height, width, 4), np.uint8)
        for i, x in enumerate((0.24, 0.3, 0.62, 0.68)):
            swing = stride * math.sin(2 * math.pi * k / 8 + i * 2.2)
            limb(canvas, (x * width, 0.55 * height), swing, (0.2 * height, 0.2 * height), 0.2,
                 thick, legs)
        limb(canvas, (0.18 * width, 0.35 * height), -1.2 + 0.3 * math.sin(k), (0.1 * width,) * 2,
             0.4, thick * 0.6, legs)
        for mask, x, y in ((body_mask, 0.15, 0.22), (head_mask, 0.68, 0.05)):
            y0, x0 = int(y * height), int(x * width)
            region = canvas[y0:y0 + mask.shape[0], x0:x0 + mask.shape[1]]
            inside = mask > 127
            region[inside, :3] = coat[y0:y0 + mask.shape[0], x0:x0 + mask.shape[1]][inside]
            region[inside, 3] = 255
        cv2.circle(canvas, (int(0.83 * width), int(0.17 * height)), 2, (*eye.tolist(), 255), -1)
        phases.append(trim(canvas))
    return same_size(phases), rng.uniform(0.3, 0.9)


def vehicle(rng, split):
    """A car, a van or a lorry from the side, or a car from behind."""
    behind = rng.random() < 0.3
    height, width = (int(SIDE * 0.85), SIDE) if behind else (int(SIDE * rng.uniform(.4, .55)), SIDE)
    paint = np.empty((height, width, 3), np.uint8)
    paint[:] = colour(rng)
    if rng.random() < 0.35:
        paint = texture(rng, split, height, width)
    glass, tyre, lamp = colour(rng) * 0.35, np.float32([30, 30, 30]), np.float32([60, 60, 220])
    mask = np.zeros((height, width), np.uint8)
    roof = rng.uniform(0.02, 0.12)
    if behind:
        outline = [(.05, .5), (.2, roof), (.8, roof), (.95, .5), (.95, .9), (.05, .9)]
        windows = [[(.2, .45), (.28, .14), (.72, .14), (.8, .45)]]
    else:
        a, b = rng.uniform(0.05, 0.35), rng.uniform(0.65, 0.98)
        outline = [(.01, .45), (a, .42), (a + .1, roof), (b - .12, roof), (b, .42), (.99, .5),
                   (.99, .82), (.01, .82)]
        middle = (a + b) / 2
        windows = [[(a + .05, .4), (a + .12, .12), (middle - .02, .12), (middle - .02, .4)],
                   [(middle + .02, .4), (middle + .02, .12), (b - .14, .12), (b - .06, .4)]]

    def points(shape):
        return [np.int32([(x * width * 16, y * height * 16) for x, y in shape])]

    cv2.fillPoly(mask, points(outline), 255, cv2.LINE_AA, 4)
    for window in windows:
        cv2.fillPoly(paint, points(window), glass.tolist(), cv2.LINE_AA, 4)
    cv2.line(paint, (0, int(.62 * height)), (width, int(.62 * height)), (glass * 1.5).tolist(), 1)
    sprite = with_mask(paint, mask)
    for x in (.12, .88):
        if behind:
            cv2.rectangle(sprite, (int((x - .05) * width), int(.55 * height)),
                          (int((x + .05) * width), int(.65 * height)), (*lamp.tolist(), 255), -1)
            cv2.rectangle(sprite, (int((x - .06) * width), int(.88 * height)),
                          (int((x + .06) * width), height - 1), (*tyre.tolist(), 255), -1)
    if not behind:
        for x in (.22, .78):
            centre, radius = (int(x * width), int(.8 * height)), int(.19 * height)
            cv2.circle(sprite, centre, radius, (*tyre.tolist(), 255), -1, cv2.LINE_AA)
            cv2.circle(sprite, centre, radius // 2, (150, 150, 150, 255), -1, cv2.LINE_AA)
    return [sprite], 0.


def trim(sprite):
    """Cut a sprite to what is visible of it, keeping its middle."""
    rows = np.flatnonzero(sprite[..., 3].max(axis=1) > 127)
    columns = np.flatnonzero(sprite[..., 3].max(axis=0) > 127)
    return sprite[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


def same_size(phases):
    """Pad the phases of a cycle to one size, feet on the ground, so that a thing does not pulse."""
    height, width = (max(phase.shape[axis] for phase in phases) for axis in (0, 1))
    out = []
    for phase in phases:
        left = (width - phase.shape[1]) // 2
        out.append(np.pad(phase, ((height - phase.shape[0], 0),
                                  (left, width - phase.shape[1] - left), (0, 0))))
    return out
