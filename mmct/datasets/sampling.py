"""Which frames of a video make a training sample: one function for each kind of tracker.

Each takes a generator, the sorted indices (V,) of the frames in which the target is visible, at
least ``Sampling.min_visible``, the number of frames of the video, and its own settings; and gives
the indices of templates and search frames, each in the order of the tracker's slots.
"""
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature

import numpy as np

from ..utils.checks import check_number

Frames = tuple[list[int], list[int]]

GAP_STEP = 5  # by how much the windows grow with each draw that one of them leaves without a frame


def sample_pair(rng: np.random.Generator, visible: np.ndarray, length: int,
                max_gap: int = 200) -> Frames:
    """Draw a template and a later search frame (OSTrack).

    The template is any visible frame but the last of the video; the search frame a visible one
    1 to max_gap - 1 later. If there is none, the window grows and a new template is drawn.
    """
    while True:
        template = pick(rng, visible, 0, length - 1)
        search = pick(rng, visible, template + 1, template + max_gap)
        if search is not None:
            return [template], [search]
        max_gap += GAP_STEP


def sample_mixformer(rng: np.random.Generator, visible: np.ndarray, length: int,
                     max_gap: int = 200) -> Frames:
    """Draw two templates and a search frame (MixFormerV2).

    The base template is any visible frame but the first and the last of the video. The other
    template is a visible frame 1 to max_gap earlier, the search frame one 1 to max_gap - 1 later.
    If there is no such template or no such search frame, both windows grow and all is drawn anew.

    The base is the first template. The other, although earlier, takes the second slot, that of the
    online template, as published.
    """
    while True:
        base = pick(rng, visible, 1, length - 1)
        earlier = pick(rng, visible, base - max_gap, base)
        search = pick(rng, visible, base + 1, base + max_gap)
        if earlier is not None and search is not None:
            return [base, earlier], [search]
        max_gap += GAP_STEP


def sample_trident(rng: np.random.Generator, visible: np.ndarray, length: int,
                   max_gap: int = 200) -> Frames:
    """Draw two templates and a search frame for the training of a score (MixFormerV2).

    First template and search frame are any two visible frames. The online template is any frame,
    visible or not: one of the max_gap from the search frame on if the first template is not before
    the search frame, otherwise one of the max_gap before the search frame.
    """
    first = pick(rng, visible, 0, length)
    search = pick(rng, visible, 0, length)
    if first >= search:
        online = rng.integers(search, min(search + max_gap, length))
    else:
        online = rng.integers(max(search - max_gap, 0), search)
    return [first, int(online)], [search]


def sample_odtrack(rng: np.random.Generator, visible: np.ndarray, length: int, max_gap: int = 400,
                   num_templates: int = 3, num_searches: int = 2) -> Frames:
    """Draw templates, and later search frames (ODTrack).

    The base is any visible frame with room for the others before and behind it. The other
    templates are visible frames 1 to max_gap earlier, the search frames 1 to max_gap - 1 later; a
    frame may be drawn several times. If a window has no frame, both grow and all is drawn anew.
    Templates and search frames are in the order of the video, so the base is the last template.
    One template is the base itself.
    """
    while True:
        base = pick(rng, visible, num_templates - 1, length - num_searches)
        earlier = pick_many(rng, visible, base - max_gap, base, num_templates - 1)
        searches = pick_many(rng, visible, base + 1, base + max_gap, num_searches)
        if earlier is not None and searches is not None:
            return [*earlier, base], searches
        max_gap += GAP_STEP


def sample_sutrack(rng: np.random.Generator, visible: np.ndarray, length: int,
                   max_gap: int = 400, num_templates: int = 2) -> Frames:
    """Draw templates and a search frame around any visible frame, the base (SUTrack).

    All are visible frames from max_gap before the base to less than max_gap after it, drawn with
    replacement. They stand in the order of the video or against it, each as likely, the search
    frame last.
    """
    base = pick(rng, visible, 0, length)
    frames = sorted((pick(rng, visible, base - max_gap, base + max_gap)
                     for _ in range(num_templates + 1)), reverse=rng.random() < 0.5)
    return frames[:-1], frames[-1:]


def pick_many(rng: np.random.Generator, visible: np.ndarray, start: int, stop: int,
              count: int) -> list[int] | None:
    """So many of the visible frames in [start, stop), each as likely and again and again, in
    order; None if there is none."""
    first, last = np.searchsorted(visible, (start, stop))
    if count and first == last:
        return None
    return sorted(visible[rng.integers(first, last, count)].tolist()) if count else []


def pick(rng: np.random.Generator, visible: np.ndarray, start: int, stop: int) -> int | None:
    """One of the visible frames in [start, stop), each as likely; None if there is none."""
    first, last = np.searchsorted(visible, (start, stop))
    return int(visible[rng.integers(first, last)]) if first < last else None


@dataclass(frozen=True)
class Sampling:
    """A way to draw samples.

    Attributes:
        sample: one of the functions above.
        num_templates: T, how many templates it gives.
        num_searches: S, how many search frames.
        negatives: in half of the samples the search frame gives way to one without the target, and
            all samples say which they are.
    """
    sample: Callable[..., Frames]
    num_templates: int = 1
    num_searches: int = 1
    negatives: bool = False

    @property
    def min_visible(self) -> int:
        """In how many frames of a video the target has to be visible, as published."""
        return 2 * (self.num_templates + self.num_searches) + 1

    def frames(self, rng: np.random.Generator, visible: np.ndarray, length: int) -> Frames:
        """Indices of T templates and S search frames; an image is all of them itself."""
        if length == 1:
            return [0] * self.num_templates, [0] * self.num_searches
        return self.sample(rng, visible, length)


SAMPLINGS = dict(
    pair=Sampling(sample_pair),
    mixformer=Sampling(sample_mixformer, num_templates=2),
    trident=Sampling(sample_trident, num_templates=2, negatives=True),
    odtrack=Sampling(sample_odtrack, num_templates=3, num_searches=2),
    sutrack=Sampling(sample_sutrack, num_templates=2))


def make_sampling(config: dict) -> Sampling:
    """A sampling by its name ``type`` and the settings of its function."""
    if not isinstance(config, dict):
        raise ValueError(f"sampling={config!r} must be a dict, such as dict(type='pair')")
    settings = dict(config)
    kind = settings.pop('type', None)
    if kind not in list(SAMPLINGS):
        raise ValueError(f'sampling.type={kind!r} is not one of {list(SAMPLINGS)}')
    sampling = SAMPLINGS[kind]
    known = list(signature(sampling.sample).parameters)[3:]
    for name, value in settings.items():
        if name not in known:
            raise ValueError(f'sampling.{name}: {kind!r} has no such setting; it has {known}')
        check_number(f'sampling.{name}', value, '[2, inf)' if name == 'max_gap' else '[1, 64]',
                     whole=True)
    counts = {name: value for name, value in settings.items() if name.startswith('num_')}
    return replace(sampling, sample=partial(sampling.sample, **settings), **counts)
