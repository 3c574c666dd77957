"""Which templates a frame is searched with: one policy for each way to keep up with a target."""
from collections.abc import Callable
from typing import Protocol

import numpy as np

# (T, S, S, 3) uint8 BGR crops and (T, 4) float32 boxes x, y, w, h in pixels of the crops.
Templates = tuple[np.ndarray, np.ndarray]
# (S, S, 3) uint8 BGR crop and box x, y, w, h in pixels of it.
Template = tuple[np.ndarray, np.ndarray]


class TemplatePolicy(Protocol):
    """Keeps the templates of one target. Frames are counted from 0, the first of the target."""

    def start(self, crop: np.ndarray, box: np.ndarray) -> None:
        """Take the template of the first frame, (S, S, 3) uint8 BGR, and the target's box
        x, y, w, h in pixels of it."""

    def current(self, frame: int) -> Templates:
        """The templates for a frame; the same object as long as they are the same."""

    def observe(self, frame: int, score: float, cut: Callable[[], Template]) -> None:
        """Learn the score of a frame; ``cut`` makes a template of the box that was found."""


class Fixed:
    """The first template, for ever (OSTrack, VitTrack)."""

    def start(self, crop: np.ndarray, box: np.ndarray) -> None:
        self._templates = crop[None], np.asarray(box, np.float32)[None]

    def current(self, frame: int) -> Templates:
        return self._templates

    def observe(self, frame: int, score: float, cut: Callable[[], Template]) -> None:
        pass


POLICIES = dict(Fixed=Fixed)


def make_policy(config: dict) -> TemplatePolicy:
    """A policy by its name ``type`` and its arguments.

    Raises:
        ValueError: there is no such policy, or it has no such arguments.
    """
    arguments = dict(config)
    kind = arguments.pop('type', None)
    if kind not in POLICIES:
        raise ValueError(f'template policy {kind!r} is not one of {list(POLICIES)}')
    try:
        return POLICIES[kind](**arguments)
    except TypeError as error:
        raise ValueError(f'template policy {kind}: {error}') from None
