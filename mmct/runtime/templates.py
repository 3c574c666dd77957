"""Which templates a frame is searched with: one policy for each way to keep up with a target."""
from collections.abc import Callable, Sequence

import numpy as np

from ..utils.checks import check_number
from .crop_store import CropStore

# (T, S, S, 3) uint8 BGR crops and (T, 4) float32 boxes x, y, w, h in pixels of the crops.
Templates = tuple[np.ndarray, np.ndarray]
# (S, S, 3) uint8 BGR crop and box x, y, w, h in pixels of it.
Template = tuple[np.ndarray, np.ndarray]


class TemplatePolicy:
    """Keeps the templates of one target. Frames are counted from 0, the first of the target.

    A frame that fails must leave no trace, so a tracker asks a shallow copy what would come of it,
    and keeps that only if all went well: what a policy holds is replaced, never changed.
    """

    def start(self, crop: np.ndarray, box: np.ndarray) -> None:
        """Take the template of the first frame."""
        raise NotImplementedError

    def current(self, frame: int) -> Templates:
        """The templates for a frame; the same object as long as they are the same."""
        return self._templates

    def observe(self, frame: int, score: float, cut: Callable[[], Template]) -> None:
        """Learn the score of a frame; ``cut`` makes a template of the box that was found."""


class Fixed(TemplatePolicy):
    """The first template, for ever (OSTrack, VitTrack).

    Args:
        copies: how often it is given: 2 for a MixFormerV2 without a score head.
    """

    def __init__(self, copies: int = 1) -> None:
        check_number('copies', copies, '[1, 64]', whole=True)
        self.copies = copies

    def start(self, crop: np.ndarray, box: np.ndarray) -> None:
        self._templates = joined([(crop, box)] * self.copies)


class BestOfInterval(TemplatePolicy):
    """The first template, and that of the best frame of the last interval (MixFormerV2).

    An interval without a good frame puts the first template into the second place, too.

    Args:
        interval: frames from one update to the next.
        threshold: a frame is good if its score is above it.
        decay: factor of the best score in each frame, so that later frames win more easily.
    """

    def __init__(self, interval: int = 200, threshold: float = 0.5, decay: float = 1.) -> None:
        check_number('interval', interval, '[1, inf)', whole=True)
        check_number('threshold', threshold, '[0, 1]')
        check_number('decay', decay, '(0, 1]')
        self.interval, self.threshold, self.decay = interval, threshold, decay

    def start(self, crop: np.ndarray, box: np.ndarray) -> None:
        self._first = self._online = self._candidate = crop, box
        self._best = -1.
        self._templates = joined([self._first, self._online])

    def observe(self, frame: int, score: float, cut: Callable[[], Template]) -> None:
        self._best *= self.decay
        if score > self.threshold and score > self._best:
            self._candidate, self._best = cut(), score
        if frame % self.interval == 0:
            # Often both are the first template: nothing is encoded anew.
            if self._online is not self._candidate:
                self._online = self._candidate
                self._templates = joined([self._first, self._online])
            self._candidate, self._best = self._first, -1.


class SpreadHistory(TemplatePolicy):
    """The first template, and some spread over all frames since (ODTrack).

    Args:
        count: N, into how many equal parts the past is cut; of each the middle is a template. The
            first N frames have all crops before them. 1: the first template, for ever.

    Attributes:
        frames: numbers of the frames of the templates in use.
        most_templates: how many there can be.
    """

    def __init__(self, count: int = 3) -> None:
        check_number('count', count, '[1, 64]', whole=True)
        self.count = count
        self.most_templates = count + 1 if count > 1 else 1

    def start(self, crop: np.ndarray, box: np.ndarray) -> None:
        self._past, self._dropped, self.frames = CropStore(crop.shape), 1, None
        self._past.put(0, crop, box)

    def current(self, frame: int) -> Templates:
        frames = spread(frame, self.count)
        if frames != self.frames:
            self.frames = frames
            self._templates = joined([self._past.get(own) for own in frames])
        return self._templates

    def observe(self, frame: int, score: float, cut: Callable[[], Template]) -> None:
        if self.count == 1:
            return
        # The store is changed in place, which does no harm to what this is a copy of: a crop is
        # written over if its frame comes once more, and no later frame uses what is dropped, since
        # the middles only move on.
        self._past.put(frame, *cut())
        while self._dropped < (frame + 1) // self.count // 2:
            self._past.drop(self._dropped)
            self._dropped += 1


def spread(frame: int, count: int) -> list[int]:
    """Numbers of the frames whose crops are the templates of a frame, see
    :class:`SpreadHistory`."""
    if count == 1:
        return [0]
    if frame <= count:
        return list(range(frame))
    part = frame // count
    return sorted({0, *(k * part + part // 2 for k in range(count))})


class RecentConfident(TemplatePolicy):
    """The first template, and those of the last frames that were sure at the end of an interval
    (SUTrack).

    Args:
        copies: templates in all; all are the first one until there are others, and always if 1.
        interval: frames from one look at the score to the next.
        threshold: a frame whose score is above it gives a template, for the oldest but the first.
    """

    def __init__(self, copies: int = 2, interval: int = 25, threshold: float = 0.7) -> None:
        check_number('copies', copies, '[1, 64]', whole=True)
        check_number('interval', interval, '[1, inf)', whole=True)
        check_number('threshold', threshold, '[0, 1]')
        self.copies, self.interval, self.threshold = copies, interval, threshold

    def start(self, crop: np.ndarray, box: np.ndarray) -> None:
        self._kept = [(crop, box)] * self.copies
        self._templates = joined(self._kept)

    def observe(self, frame: int, score: float, cut: Callable[[], Template]) -> None:
        if self.copies > 1 and frame % self.interval == 0 and score > self.threshold:
            first, _, *recent = self._kept
            self._kept = [first, *recent, cut()]
            self._templates = joined(self._kept)


POLICIES = dict(Fixed=Fixed, BestOfInterval=BestOfInterval, SpreadHistory=SpreadHistory,
                RecentConfident=RecentConfident)


def joined(templates: Sequence[Template]) -> Templates:
    """Templates as a network takes them."""
    crops, boxes = zip(*templates)
    return np.stack(crops), np.stack(boxes).astype(np.float32)


def make_policy(config: dict) -> TemplatePolicy:
    """A policy by its name ``type`` and its arguments; ValueError if there is none."""
    if not isinstance(config, dict):
        raise ValueError(f"template policy {config!r} must be a dict, such as dict(type='Fixed')")
    arguments = dict(config)
    kind = arguments.pop('type', None)
    if kind not in POLICIES:
        raise ValueError(f'template policy {kind!r} is not one of {list(POLICIES)}')
    try:
        return POLICIES[kind](**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f'template policy {kind}: {error}') from None


def policy_text(config: dict) -> str:
    """A policy as it would be made in Python."""
    arguments = ', '.join(f'{name}={value!r}' for name, value in config.items() if name != 'type')
    return f'{config["type"]}({arguments})'


def count_templates(config: dict, first: bool = False) -> int:
    """T, how many templates a policy gives to a frame: to the first, or else the most."""
    policy = make_policy(config)
    policy.start(np.zeros((1, 1, 3), np.uint8), np.zeros(4, np.float32))
    most = None if first else getattr(policy, 'most_templates', None)
    return most or len(policy.current(1)[0])
