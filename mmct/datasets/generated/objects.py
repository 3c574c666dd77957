"""Any thing that moves, and others that look like it."""
import copy

import numpy as np

from .figures import Animal, Creature, Walker
from .solids import Box, Vehicle
from .sprites import Ball, Blob, Cloth, Cutout

THINGS = {thing.kind: thing for thing in
          (Walker, Vehicle, Animal, Creature, Blob, Cutout, Cloth, Ball, Box)}
SHARES = {'walker': .30, 'vehicle': .13, 'animal': .1, 'compound': .08, 'blob': .1, 'photo': .12,
          'cloth': .06, 'ball': .04, 'box': .07}


def make_thing(rng, split, length, side, kind=None):
    """A thing of any look.

    Args:
        rng, split: where looks come from.
        length: frames of the video.
        side: pixels of the square root of its area, at its largest.
        kind: a key of ``THINGS``; None for any.

    Returns:
        An object with ``kind``, ``upright``, ``aspect``, ``facing``, ``nominal`` and ``draw``.
    """
    kind = kind or rng.choice(list(SHARES), p=list(SHARES.values()))
    return THINGS[str(kind)](rng, split, length, min(max(side, 24), 170))


def look_alike(rng, split, length, side, thing):
    """Another thing of the same kind and nearly the same look; at times just of the same kind."""
    if rng.random() < 0.3:
        return make_thing(rng, split, length, side, thing.kind)
    other = copy.copy(thing)
    other.recolour(np.exp(rng.normal(0, 0.3, size=3)) if rng.random() < 0.7 else np.ones(3))
    if hasattr(other, 'yaw'):
        if rng.random() < 0.5:
            other.yaw = -other.yaw
        other.yaw = other.yaw + rng.normal() * 0.4
        other.facing = float(np.sin(other.yaw).mean())
    if hasattr(other, 'phase'):
        other.phase = other.phase * rng.uniform(0.8, 1.2) + rng.uniform(0, 2 * np.pi)
    return other
