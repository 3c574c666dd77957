"""Things with limbs: people, animals and creatures that do not exist.

A figure is a list of parts, each the convex hull of a few balls in space, so that it can be seen
from any side while its joints swing.
"""
import math

import cv2
import numpy as np

from .motion import smooth
from .textures import colour, texture
from .view import View

CIRCLE = np.stack([np.cos(np.arange(12) * np.pi / 6), np.sin(np.arange(12) * np.pi / 6)], axis=1)


class Figure:
    """Draws parts; what the parts are and how they move is a subclass's.

    Args:
        rng, split: where looks come from.
        length: frames of the video.
        side: pixels of the square root of its area in its own picture.

    Attributes:
        aspect: width / height to expect.
        facing: in [-1, 1], where it goes: left to right.
    """

    kind = ''
    upright = True
    # Width and height of the picture, and where the ground is, in body units.
    extent = 1.3, 1.3, 1.1
    aspect = 0.4
    reach = 1.  # body units of the longer side

    def __init__(self, rng, split, length, side):
        self.unit = side / math.sqrt(self.aspect) / self.reach
        if self.aspect > 1:
            self.unit = side * math.sqrt(self.aspect) / self.reach
        self.elevation = abs(rng.normal() * 0.25)
        self.yaw = rng.uniform(0, 2 * np.pi) + rng.choice([0.1, 0.5, 1.5], p=[0.6, 0.3, 0.1]) \
            * smooth(rng, length, rng.uniform(60, 200))
        self.facing = float(np.sin(self.yaw).mean())
        self.phase = rng.uniform(0, 2 * np.pi) + np.arange(length) * 2 * np.pi / rng.uniform(10, 45)
        self.light = rng.uniform(-1, 1)
        self.depth = rng.uniform(0.2, 0.6)
        width, height = (int(value * self.unit) + 2 for value in self.extent[:2])
        looks = [texture_of(rng, split, height, width) if callable(texture_of)
                 else texture_of for texture_of in self.looks(rng)]
        self.atlas = np.zeros((2 * len(looks) + 1, height, width, 3), np.uint8)
        for label, look in enumerate(looks, 1):
            self.atlas[label] = look
            # The same in the figure's own shadow, for the far side.
            self.atlas[label + len(looks)] = self.atlas[label] * 0.72
        self.count = len(looks)

    @property
    def nominal(self):
        """Square root of its expected area, in pixels of its own picture."""
        longer = self.unit * self.reach
        return longer * math.sqrt(self.aspect if self.aspect < 1 else 1 / self.aspect)

    def looks(self, rng):
        """A colour or a maker of a texture for each label, from 1."""
        raise NotImplementedError

    def parts(self, time):
        """(label, balls) each; balls (n, 4): side, ahead, up, radius in body units."""
        raise NotImplementedError

    def recolour(self, gain):
        self.atlas = np.clip(self.atlas * gain, 0, 255).astype(np.uint8)

    def draw(self, time):
        """(h, w, 4) uint8 picture, colours multiplied by opacity, and the centre of it, x, y."""
        _, height, width, _ = self.atlas.shape
        labels = np.zeros((height, width), np.uint8)
        view = View(self.yaw[time], self.elevation)
        origin = np.array([width / 2, self.extent[2] * self.unit])
        drawn = []
        for label, balls in self.parts(time):
            balls = np.asarray(balls, np.float64)
            seen = view.project(balls[:, :3])
            drawn.append((seen[:, 2].mean(), label, seen[:, :2], balls[:, 3]))
        drawn.sort(key=lambda part: part[0])
        for nearness, label, centres, radii in drawn:
            points = (centres[:, None] + radii[:, None, None] * CIRCLE).reshape(-1, 2)
            hull = cv2.convexHull(np.int32((points * self.unit + origin) * 16))
            far = self.count if nearness < -0.055 else 0
            cv2.fillConvexPoly(labels, hull, int(label + far), cv2.LINE_8, 4)
        x, y, w, h = cv2.boundingRect(labels)
        labels = labels[y:y + h, x:x + w]
        rows, columns = np.ogrid[y:y + h, x:x + w]
        picture = np.empty((h, w, 4), np.uint8)
        picture[..., :3] = self.shade(self.atlas[labels, rows, columns], labels)
        picture[..., 3] = np.where(labels > 0, 255, 0)
        return picture, (width / 2 - x, (self.extent[2] - 0.5 * self.body_height()) * self.unit - y)

    def body_height(self):
        return self.reach if self.aspect < 1 else self.reach / self.aspect

    def shade(self, image, labels):
        """Round bodies: darker towards the edge that lies away from the light."""
        size = max(int(0.09 * self.unit), 3) | 1
        inside = np.where(labels > 0, 255, 0).astype(np.uint8)
        anchor = int((self.light * 0.5 + 0.5) * (size - 1)), int(0.7 * (size - 1))
        # Seen from a pixel, how much of the body lies towards the light's other side.
        solid = cv2.blur(inside, (size, size), anchor=anchor, borderType=cv2.BORDER_CONSTANT)
        factor = cv2.convertScaleAbs(solid, alpha=self.depth, beta=255 * (1 - self.depth))
        image = cv2.multiply(image, cv2.merge([factor] * 3), scale=1 / 255)
        return cv2.copyTo(image, inside)


class Walker(Figure):
    """A person who walks, runs, stands about or plays, dressed in some way."""

    kind = 'walker'
    skin, hair, coat, sleeves, trousers, shoes, thing = range(1, 8)

    def __init__(self, rng, split, length, side):
        self.manner = rng.choice(['walk', 'run', 'stand', 'play'], p=[0.55, 0.15, 0.12, 0.18])
        self.dress = rng.choice(['jacket', 'coat', 'skirt', 'shorts'], p=[0.5, 0.2, 0.12, 0.18])
        self.carries = rng.choice(['nothing', 'bag', 'backpack', 'racket', 'hat', 'hood'],
                                  p=[0.42, 0.16, 0.14, 0.08, 0.1, 0.1])
        self.stout = rng.uniform(0.85, 1.45)
        self.head = rng.uniform(0.058, 0.075)
        low, high = {'walk': (0.35, 0.6), 'run': (0.6, 0.95), 'stand': (0, 0.08),
                     'play': (0.1, 0.4)}[self.manner]
        self.stride = rng.uniform(low, high)
        restless = {'walk': 0.1, 'run': 0.15, 'stand': 0.12, 'play': 0.7}[self.manner]
        period = rng.uniform(12, 50)
        # Free movement of hips (ahead, aside), knees, shoulders (ahead, aside), elbows, trunk.
        self.free = restless * np.stack([smooth(rng, length, period) for _ in range(13)], axis=1)
        self.bend = rng.uniform(0.1, 0.4) + (0.9 if self.manner == 'run' else 0)
        self.elbow_out = rng.uniform(0.02, 0.3)
        super().__init__(rng, split, length, side)

    def looks(self, rng):
        skin = np.float32([[70, 95, 140], [100, 135, 190], [40, 55, 85]][rng.integers(3)])
        skin = np.clip(skin * rng.uniform(0.8, 1.3), 0, 255)
        hair = np.float32([[25, 25, 30], [30, 45, 75], [70, 130, 170], [150, 150, 150]][
            rng.choice(4, p=[.5, .3, .1, .1])]) * rng.uniform(0.6, 1.3)
        coat = clothing(rng)
        sleeves = coat if rng.random() < 0.75 else (skin if rng.random() < 0.6 else clothing(rng))
        trousers = clothing(rng, patterned=0.08)
        if rng.random() < 0.4:
            trousers = np.float32([rng.choice([90, 60, 40]), 60, 50]) * rng.uniform(0.5, 1.5)
        shoes = colour(rng) * 0.6
        return [skin, hair, coat, sleeves, trousers, shoes, clothing(rng)]

    def parts(self, time):
        free, stout = self.free[time], self.stout
        phase = self.phase[time]
        bob = 0.012 * math.cos(2 * phase)
        crouch = max(0., free[12]) * (0.16 if self.manner == 'play' else 0.03)
        hip, lean = 0.48 + bob - crouch, 0.08 * free[11] + (0.07 if self.manner == 'run' else 0.015)
        legs_open = 0.35 if self.manner == 'play' else 0.06
        shoulder = np.array([0.25 * free[10], lean, hip + 0.335])
        for sign in (-1, 1):
            swing = self.stride * math.sin(phase) * sign
            i = 0 if sign < 0 else 5
            thigh = swing + free[i] + crouch * 3
            knee = max(0., self.stride * 1.1 * math.sin(phase * 1 + sign * math.pi / 2 + 0.4)) \
                + crouch * 6 + 0.06 + abs(free[i + 2]) * 0.5
            aside = sign * abs(free[i + 1]) * legs_open * 2
            start = np.array([sign * 0.05 * stout, 0, hip])
            joint = start + 0.245 * direction(thigh, aside)
            ankle = joint + 0.225 * direction(thigh - knee, aside)
            toe = ankle + 0.07 * np.array([0, math.cos(thigh - knee), math.sin(thigh - knee) * 0.7])
            r = 0.042 * stout
            upper = self.trousers if self.dress != 'skirt' else self.skin
            lower = self.trousers if self.dress in ('jacket', 'coat') else self.skin
            yield upper, [(*start, r * 1.35), (*joint, r * 0.95)]
            yield lower, [(*joint, r * 0.9), (*ankle, r * 0.62)]
            yield self.shoes, [(*ankle, 0.026), (*toe, 0.02)]
            arm = -swing * 0.8 + free[i + 3] * 1.3
            out = sign * (self.elbow_out + abs(free[i + 4]) * 1.5)
            start = shoulder + (sign * 0.105 * stout, 0, -0.01)
            elbow = start + 0.16 * direction(arm, out)
            hand = elbow + 0.15 * direction(arm + self.bend + abs(free[i + 4]), out * 0.5)
            r = 0.034 * stout
            yield self.sleeves, [(*start, r * 1.25), (*elbow, r)]
            yield (self.sleeves if self.dress != 'shorts' else self.skin), [
                (*elbow, r), (*(0.8 * hand + 0.2 * elbow), r * 0.75)]
            yield self.skin, [(*hand, 0.026)]
            if sign > 0 and self.carries == 'bag':
                yield self.thing, [(*(hand + (0, b, u)), r) for b, u, r in (
                    (-0.05, -0.05, 0.03), (0.05, -0.05, 0.03), (0, -0.13, 0.05))]
            if sign > 0 and self.carries == 'racket':
                tip = hand + 0.22 * direction(arm + self.bend + 0.9, out)
                yield self.thing, [(*hand, 0.01), (*tip, 0.012)]
                yield self.thing, [(*tip, 0.05), (*(tip * 1.3 - hand * 0.3), 0.05)]
        hem = {'jacket': -0.02, 'coat': -0.2, 'skirt': -0.01, 'shorts': -0.01}[self.dress]
        flare = 0.05 * stout + (0.02 if self.dress == 'coat' else 0)
        both = (-1, 1)
        yield self.coat, [(*(shoulder + (s * 0.075 * stout, 0, 0)), 0.052 * stout) for s in both] \
            + [(s * flare, 0, hip + hem, 0.055 * stout) for s in both]
        if self.dress in ('skirt', 'shorts'):
            low = 0.2 if self.dress == 'skirt' else 0.12
            yield self.trousers, [(s * 0.055 * stout, 0, hip + 0.02, 0.05 * stout) for s in both] \
                + [(s * 0.07 * stout, 0, hip - low, 0.045 * stout) for s in both]
        neck = shoulder + (0, 0.01, 0.05)
        head = shoulder + np.array([0, 0.02, 0.135])
        yield self.skin, [(*neck, 0.032), (*(head - (0, 0, 0.02)), 0.03)]
        yield self.skin, [(*head, self.head), (*(head - (0, -0.01, 0.03)), self.head * 0.8)]
        yield self.hair, [(*(head + (0, -0.03, 0.022)), self.head * 0.98)]
        if self.carries == 'hat':
            yield self.thing, [(*(head + (0, 0.01, 0.05)), self.head * 0.95),
                               (*(head + (0, 0.06, 0.04)), 0.02)]
        if self.carries == 'hood':
            yield self.coat, [(*(head + (0, -0.035, 0.012)), self.head * 1.2)]
        if self.carries == 'backpack':
            yield self.thing, [(s * 0.05, -0.12 + lean, z, 0.05) for s in (-1, 1)
                               for z in (hip + 0.1, hip + 0.29)]


class Animal(Figure):
    """Four legs, a body, a neck and a tail, in proportions from a dog's to a giraffe's."""

    kind = 'animal'
    aspect = 1.25
    extent = 1.6, 1.6, 1.25
    body, legs, tip = range(1, 4)

    def __init__(self, rng, split, length, side):
        self.leg, self.girth = rng.uniform(0.2, 0.45), rng.uniform(0.1, 0.19)
        self.neck, self.rise = rng.uniform(0.08, 0.3), rng.uniform(0.1, 1.3)
        self.muzzle, self.tail = rng.uniform(0.05, 0.16), rng.uniform(0.1, 0.35)
        self.limb, self.stride = rng.uniform(0.028, 0.06), rng.uniform(0.15, 0.7)
        self.gait = rng.choice([math.pi, 0.6, 0.])
        self.nod = smooth(rng, length, rng.uniform(20, 60)) * 0.35
        self.wag = smooth(rng, length, rng.uniform(8, 30))
        super().__init__(rng, split, length, side)
        # Mostly from the side, as animals that pass are seen.
        self.yaw = self.yaw * 0.25 + rng.choice([-1, 1]) * np.pi / 2
        self.facing = float(np.sin(self.yaw).mean())

    def looks(self, rng):
        fur = colour(rng)
        return [texture if rng.random() < 0.6 else fur, fur * rng.uniform(0.5, 1.1),
                fur * rng.uniform(0.3, 0.9)]

    def parts(self, time):
        phase, up = self.phase[time], self.leg + self.girth * 0.7
        for i, (s, b) in enumerate(((-1, -1), (1, -1), (-1, 1), (1, 1))):
            swing = self.stride * math.sin(phase + (math.pi if s > 0 else 0)
                                           + (self.gait if b > 0 else 0))
            hip = np.array([s * self.girth * 0.55, b * 0.26, up])
            knee = hip + self.leg * 0.6 * direction(swing + b * 0.12, 0)
            bend = 0.4 * max(0., math.cos(phase + i))
            foot = knee + self.leg * 0.55 * direction(swing * 0.6 - bend, 0)
            yield self.legs, [(*hip, self.limb * 1.7), (*knee, self.limb)]
            yield self.legs, [(*knee, self.limb), (*foot, self.limb * 0.7)]
        yield self.body, [(0, -0.28, up + 0.02, self.girth * 0.95), (0, 0, up, self.girth),
                          (0, 0.28, up + 0.03, self.girth * 0.9)]
        angle = self.rise + self.nod[time] * 0.5
        chest = np.array([0, 0.33, up + 0.06])
        head = chest + self.neck * 1.3 * np.array([0, math.cos(angle), math.sin(angle)])
        nose = head + self.muzzle * np.array([0, 1, -0.5 + self.nod[time]])
        yield self.body, [(*chest, self.girth * 0.65), (*head, self.girth * 0.45)]
        yield self.body, [(*head, self.girth * 0.5), (*nose, self.girth * 0.27)]
        yield self.tip, [(*nose, self.girth * 0.2)]
        for s in (-1, 1):
            yield self.legs, [(s * self.girth * 0.35, head[1] - 0.02, head[2] + self.girth * 0.35,
                               0.02), (s * self.girth * 0.45, head[1] - 0.03,
                                       head[2] + self.girth * 0.75, 0.012)]
        rump = np.array([0, -0.4, up + 0.08])
        end = rump + self.tail * np.array([0.6 * self.wag[time], -0.5, -0.6 + 0.4 * self.wag[time]])
        yield self.legs, [(*rump, 0.03), (*end, 0.018)]


class Creature(Figure):
    """A trunk with limbs anywhere, each swinging in its own way."""

    kind = 'compound'
    upright = False
    aspect = 0.95
    extent = 1.7, 1.7, 1.3

    def __init__(self, rng, split, length, side):
        self.trunk = [(*rng.uniform(-0.16, 0.16, 3), rng.uniform(0.1, 0.24))
                      for _ in range(rng.integers(1, 4))]
        self.limbs = []
        for _ in range(rng.integers(1, 6)):
            way = rng.normal(size=3)
            way /= np.linalg.norm(way)
            self.limbs.append((way, rng.uniform(0.1, 0.36), rng.uniform(0.03, 0.15),
                               rng.uniform(0.02, 0.13), rng.integers(1, 4),
                               rng.uniform(0, 0.35) * smooth(rng, length, rng.uniform(10, 80))))
        super().__init__(rng, split, length, side)

    def looks(self, rng):
        return [texture if rng.random() < 0.7 else colour(rng) for _ in range(3)]

    def parts(self, time):
        centre = np.array([0, 0, 0.5])
        yield 1, [(*(centre + ball[:3]), ball[3]) for ball in self.trunk]
        for way, reach, thick, thin, label, swing in self.limbs:
            turned = way + swing[time] * np.array([way[1], way[2], -way[0]])
            root = centre + np.array(self.trunk[0][:3]) + 0.1 * way
            yield label, [(*root, thick), (*(root + turned * reach), thin)]


def direction(ahead, aside):
    """A limb that hangs down, swung ahead and aside by angles."""
    return np.array([math.sin(aside), math.sin(ahead) * math.cos(aside),
                     -math.cos(ahead) * math.cos(aside)])


def clothing(rng, patterned=0.25):
    """A colour people wear, or a patterned cloth."""
    if rng.random() < patterned:
        return texture
    shade = rng.choice(['dark', 'light', 'any'], p=[0.45, 0.2, 0.35])
    if shade == 'any':
        return colour(rng)
    grey = rng.uniform(15, 70) if shade == 'dark' else rng.uniform(170, 245)
    return np.clip(grey + rng.normal(size=3) * 10, 0, 255).astype(np.float32)
