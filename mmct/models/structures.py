"""What goes into a one-stream tracker, and what comes out."""
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from torch import Tensor


class Clip(NamedTuple):
    """A training batch: T templates and S search frames in order. Of a pair, both are 1.

    Attributes:
        templates: (B, T, 3, Sz, Sz) normalised RGB; of a data loader BGR, 0 to 255.
        template_boxes: (B, T, 4) x, y, w, h in pixels of the template crop.
        searches: (B, S, 3, Sx, Sx), as templates.
        gt_boxes: (B, S, 4) cx, cy, w, h in [0, 1] of the search crop; may reach outside.
        labels: (B, S), 1 if the search frame shows the target, else 0; None if all do.
    """
    templates: Tensor
    template_boxes: Tensor
    searches: Tensor
    gt_boxes: Tensor
    labels: Tensor | None = None

    @property
    def num_frames(self) -> int:
        return self.searches.size(1)

    def first(self, count: int | None) -> 'Clip':
        """So many samples, or all."""
        return Clip(*(part if part is None else part[:count] for part in self))


@dataclass
class Prediction:
    """What a tracker finds in one search frame of each sample.

    Attributes:
        outputs: of the head, by name.
        memory: (B, M, C), detached, for the next frame; M = 0 for trackers without.
        decode: the head's way from ``outputs`` to boxes.
    """
    outputs: dict[str, Tensor]
    memory: Tensor
    decode: Callable[[dict[str, Tensor]], Tensor]

    @cached_property
    def boxes(self) -> Tensor:
        """(B, 4) cx, cy, w, h in [0, 1] of the search crop, with gradient. No step of tracking asks
        for them: it applies a window first."""
        return self.decode(self.outputs)

    @property
    def score_map(self) -> Tensor | None:
        """(B, 1, n, n) in (0, 1), or None if the head has no such map."""
        score = self.outputs.get('score')
        return score if score is not None and score.dim() == 4 else None
