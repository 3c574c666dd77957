"""Things with flat faces: boxes and vehicles, seen from any side."""
import math

import cv2
import numpy as np

from .motion import smooth
from .textures import colour, texture
from .view import View

WHEEL = np.stack([np.cos(np.arange(16) * np.pi / 8), np.sin(np.arange(16) * np.pi / 8)], axis=1)


class Solid:
    """A profile, drawn out sideways.

    Attributes:
        profile: (n, 2) ahead, up of a closed line, ahead-up-back, in body units.
        half: half its breadth.
    """

    kind = ''
    upright = True

    def __init__(self, rng, split, length, side):
        self.elevation = rng.uniform(0.05, 0.7)
        self.light = rng.normal(size=3) + (0, 0, 1.2)
        self.light /= np.linalg.norm(self.light)
        self.contrast = rng.uniform(0.25, 0.6)
        self.face_of(rng, split, length)
        self.aspect = 1.
        self.unit = 1.
        boxes = [self.bounds(time) for time in (0, length // 2, length - 1)]
        width, height = np.mean(boxes, axis=0)
        self.aspect = float(width / height)
        self.unit = side / math.sqrt(width * height)
        self.facing = float(np.sin(self.yaw).mean())

    @property
    def nominal(self):
        w, h = self.bounds(0)
        return math.sqrt(self.aspect) * h * self.unit if h else 1.

    def bounds(self, time):
        """Width and height in body units."""
        corners = np.array([(s * self.half, *p) for p in self.profile for s in (-1, 1)])
        seen = View(self.yaw[time], self.elevation).project(corners)[:, :2]
        return seen.max(axis=0) - seen.min(axis=0)

    def draw(self, time):
        """(h, w, 4) uint8 picture, colours multiplied by opacity, and the centre of it, x, y."""
        view = View(self.yaw[time], self.elevation)
        middle = (self.profile.max(axis=0) + self.profile.min(axis=0)) / 2
        extent = 2 * self.half, *np.ptp(self.profile, axis=0)
        radius = int(0.78 * self.unit * math.hypot(*extent)) + 2
        picture = np.zeros((2 * radius, 2 * radius, 4), np.uint8)

        def place(points):
            seen = view.project(np.asarray(points, float) - (0, *middle))
            return seen[:, :2] * self.unit + radius, seen[:, 2].mean()

        faces = []
        n = len(self.profile)
        for i in range(n):
            (b0, u0), (b1, u1) = self.profile[i], self.profile[(i + 1) % n]
            normal = np.array([0, u1 - u0, b0 - b1]) / (math.hypot(b1 - b0, u1 - u0) + 1e-9)
            quad = [(-self.half, b0, u0), (self.half, b0, u0), (self.half, b1, u1),
                    (-self.half, b1, u1)]
            faces.append((normal, quad, self.strips[i]))
        for sign in (-1, 1):
            points = [(sign * self.half, b, u) for b, u in self.profile]
            faces.append((np.array([sign, 0., 0.]), points, self.flank))
        visible = []
        for normal, points, look in faces:
            if view.project(normal)[2] > 0.01:
                seen, nearness = place(points)
                light = 1 - self.contrast * (1 - max(0., float(normal @ self.light)))
                visible.append((nearness, seen, look, light, normal, points))
        for sign in (-1, 1):
            if view.project((sign, 0, 0))[2] < 0:
                self.wheels(picture, place, sign)
        for _, seen, look, light, normal, points in sorted(visible, key=lambda face: face[0]):
            fill(picture, seen, look, light)
            self.details(picture, place, normal, points, light)
        x, y, w, h = cv2.boundingRect(picture[..., 3])
        return picture[y:y + h, x:x + w], (radius - x, radius - y)

    def wheels(self, picture, place, sign):
        pass

    def details(self, picture, place, normal, points, light):
        pass


class Box(Solid):
    """A parcel, a tin, a book, a board: four corners or a few more."""

    kind = 'box'

    def face_of(self, rng, split, length):
        b, u = np.exp(rng.uniform(-0.8, 0.3, 2)) / 2
        self.half = float(np.exp(rng.uniform(-1.2, 0.3)) / 2)
        self.profile = np.array([(-b, 0), (b, 0), (b, 2 * u), (-b, 2 * u)])
        if rng.random() < 0.3:  # a house, a wedge, a prism
            count = rng.integers(3, 7)
            angles = np.arange(count) * 2 * np.pi / count + rng.uniform(0, 1)
            self.profile = np.stack([b * np.cos(angles), u * np.sin(angles)], axis=1)
        plain = colour(rng)
        looks = [texture(rng, split, 96, 96) if rng.random() < 0.7 else plain for _ in range(3)]
        self.strips = [looks[i % 2] for i in range(len(self.profile))]
        self.flank = looks[2]
        turn = rng.choice([0.15, 0.7, 2.], p=[0.4, 0.4, 0.2])
        self.yaw = rng.uniform(0, 6.3) + turn * smooth(rng, length, rng.uniform(60, 200))

    def recolour(self, gain):
        self.strips = [np.clip(look * gain, 0, 255).astype(look.dtype) for look in self.strips]
        self.flank = np.clip(self.flank * gain, 0, 255).astype(self.flank.dtype)


class Vehicle(Solid):
    """A car, a van, a bus or a lorry with windows, wheels and lamps."""

    kind = 'vehicle'
    shapes = {
        'saloon': ([(-.5, .08), (.5, .08), (.5, .19), (.46, .22), (.24, .245), (.1, .36),
                    (-.2, .36), (-.37, .25), (-.5, .23)], 0.2, {4, 6}),
        'hatch': ([(-.48, .08), (.5, .08), (.49, .22), (.25, .26), (.1, .4), (-.34, .4),
                   (-.46, .25)], 0.21, {3, 5}),
        'van': ([(-.5, .07), (.5, .07), (.5, .22), (.4, .28), (.28, .46), (-.48, .46)], 0.2, {3}),
        'bus': ([(-.5, .06), (.5, .06), (.5, .4), (.48, .44), (-.5, .44)], 0.14, {1}),
        'lorry': ([(-.5, .1), (.5, .1), (.5, .3), (.45, .42), (.3, .42), (.28, .5), (-.5, .5)],
                  0.15, {2}),
    }

    def face_of(self, rng, split, length):
        name = rng.choice(list(self.shapes), p=[0.35, 0.25, 0.16, 0.12, 0.12])
        profile, half, self.glass_strips = self.shapes[name]
        self.profile = np.array(profile) * (1, rng.uniform(0.85, 1.2))
        self.half = half * rng.uniform(0.9, 1.15)
        self.name = name
        grey = rng.choice([20, 60, 130, 190, 235])
        paint = np.clip(grey + rng.normal(size=3) * rng.choice([5, 60]), 5, 250).astype(np.float32)
        self.glass = np.float32([60, 55, 50]) * rng.uniform(0.4, 1.8)
        self.tyre = np.float32([28, 28, 28]) * rng.uniform(0.6, 1.8)
        self.rim = np.float32([150, 150, 150]) * rng.uniform(0.4, 1.4)
        advert = name in ('van', 'bus', 'lorry') and rng.random() < 0.5
        self.flank = texture(rng, split, 96, 96) if advert else paint
        self.paint = paint
        self.strips = [self.glass if i in self.glass_strips else paint
                       for i in range(len(self.profile))]
        turn = rng.choice([0.05, 0.4, 1.2], p=[0.6, 0.3, 0.1])
        start = rng.uniform(0, 6.3) if rng.random() < 0.5 else \
            rng.choice([-1, 1]) * np.pi / 2 + rng.uniform(-0.35, 0.35)
        self.yaw = start + turn * smooth(rng, length, rng.uniform(60, 200))
        self.elevation *= 0.7

    def recolour(self, gain):
        paint = np.clip(self.paint * gain, 0, 255)
        self.strips = [look if look is self.glass else paint for look in self.strips]
        self.flank = np.clip(self.flank * gain, 0, 255).astype(self.flank.dtype)
        self.paint = paint

    def wheels(self, picture, place, sign):
        for ahead in (-0.3, 0.31):
            for radius, look in ((0.088, self.tyre), (0.05, self.rim)):
                points = [(sign * self.half * 1.01, ahead + radius * c, 0.088 + radius * s)
                          for c, s in WHEEL]
                fill(picture, place(points)[0], look, 1.)

    def details(self, picture, place, normal, points, light):
        top, sill = self.profile[:, 1].max(), 0.6 * self.profile[:, 1].max()
        if abs(normal[0]) > 0.5:
            side = float(normal[0]) * self.half
            roof = self.profile[self.profile[:, 1] > 0.85 * top]
            front, back = roof[:, 0].max(), roof[:, 0].min()
            panes = 5 if self.name == 'bus' else (1 if self.name in ('van', 'lorry') else 2)
            if self.name in ('van', 'lorry'):
                back = front - 0.16
            step = (front - back) / panes
            for i in range(panes):
                a, b = back + i * step + 0.012, back + (i + 1) * step - 0.012
                slope_back = 0.07 * (i == 0) * (panes == 2)
                slope_front = 0.07 * (i == panes - 1) * (panes < 5)
                shape = [(side, a - slope_back, sill * 1.1), (side, b + slope_front, sill * 1.1),
                         (side, b, top * 0.93), (side, a, top * 0.93)]
                fill(picture, place(shape)[0], self.glass, light)
            self.wheels(picture, place, math.copysign(1, side))
        elif abs(normal[1]) > 0.9:  # front or back
            ahead = points[0][1] * 1.003
            lamp = np.float32([200, 235, 245]) if normal[1] > 0 else np.float32([40, 40, 190])
            for s in (-1, 1):
                u = 0.45 * sill + 0.02
                shape = [(s * self.half * 0.95, ahead, u), (s * self.half * 0.6, ahead, u),
                         (s * self.half * 0.6, ahead, u + 0.04),
                         (s * self.half * 0.95, ahead, u + 0.04)]
                fill(picture, place(shape)[0], lamp, 1.)
            if self.name in ('bus', 'van', 'lorry'):
                shape = [(s * self.half * 0.85, ahead, u) for s, u in (
                    (-1, sill * 1.05), (1, sill * 1.05), (1, top * 0.92), (-1, top * 0.92))]
                if normal[1] > 0 or self.name != 'lorry':
                    fill(picture, place(shape)[0], self.glass, light)


def fill(picture, points, look, light):
    """Fill a polygon with a colour, or with a texture stretched between three of its corners."""
    shape = [np.int32(np.round(points * 16))]
    if look.ndim == 1:
        cv2.fillPoly(picture, shape, (*np.clip(look * light, 0, 255).tolist(), 255), cv2.LINE_8, 4)
        return
    low, high = points.min(axis=0), points.max(axis=0)
    x0, y0 = np.maximum(low.astype(int), 0)
    x1, y1 = high.astype(int) + 1
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(mask, [shape[0] - np.int32([x0 * 16, y0 * 16])], 255, cv2.LINE_8, 4)
    h, w = look.shape[:2]
    if len(points) == 4:
        source = np.float32([(0, h), (w, h), (w, 0)])
        target = np.float32(points[:3] - (x0, y0))
    else:
        source = np.float32([(0, 0), (w, 0), (w, h)])
        target = np.float32([(0, 0), (x1 - x0, 0), (x1 - x0, y1 - y0)])
    affine = cv2.getAffineTransform(source, target)
    drawn = cv2.warpAffine(cv2.convertScaleAbs(look, alpha=light), affine, (x1 - x0, y1 - y0),
                           borderMode=cv2.BORDER_REFLECT)
    region = picture[y0:y1, x0:x1]
    region[..., :3] = np.where(mask[..., None] > 0, drawn, region[..., :3])
    region[..., 3] |= mask
