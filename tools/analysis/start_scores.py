"""How well the students of a teacher start: their boxes before any training."""
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmtrack.registry import MODELS
from torch import Tensor, nn

from mmct.models.layers import Tokens
from mmct.models.losses import mean_iou

from .divisions import Division
from .layer_similarity import token_states


class Start(NamedTuple):
    """Mean IoU, in [0, 1], of an untrained student's boxes with ground truth and with its
    teacher's boxes."""
    truth: float
    teacher: float


class PairTokens(NamedTuple):
    """A batch before the first layer, its ground truth and its teacher's boxes, both (B, 4)
    cx, cy, w, h in [0, 1]."""
    tokens: Tokens
    gt_boxes: Tensor
    teacher_boxes: Tensor


class UntrainedStudents:
    """The students of all divisions, as they start: layers that are the last of the teacher's
    stages between its own embedding and head.

    None of them is built, as each is a way through the teacher's layers. The tokens of all pairs
    before the first layer are kept: 4 · N · C bytes a pair.

    Args:
        teacher: in eval mode.
        batches: of pairs, as a data loader gives them.
        progress: called after each batch with its number of pairs.

    Raises:
        ValueError: the teacher eliminates tokens.
    """

    @torch.no_grad()
    def __init__(self, teacher: nn.Module, batches: Iterable[dict],
                 progress: Callable[[int], None] = lambda pairs: None) -> None:
        self.teacher = teacher
        self.batches = []
        for data in batches:
            clip = teacher.data_preprocessor(data)['inputs']['clip']
            states = token_states(teacher, clip)
            gt_boxes = clip.gt_boxes[:, 0]
            self.batches.append(PairTokens(states[0], gt_boxes, self._boxes(states[-1])))
            progress(len(gt_boxes))

    @torch.no_grad()
    def score(self, divisions: Iterable[Division],
              progress: Callable[[int], None] = lambda pairs: None) -> dict[Division, Start]:
        """How well the students of some divisions into the same number of stages start.

        Args:
            divisions: layers of each stage.
            progress: called with the number of pairs that a student was tried on.
        """
        routes = {last_layers(division): division for division in divisions}
        totals, pairs = {division: np.zeros(2) for division in routes.values()}, 0
        for batch in self.batches:
            number = len(batch.gt_boxes)
            pairs += number
            for route, boxes in self._walk(batch.tokens, sorted(routes)):
                ious = [float(mean_iou(boxes, target))
                        for target in (batch.gt_boxes, batch.teacher_boxes)]
                totals[routes[route]] += number * np.array(ious)
                progress(number)
        return {division: Start(*(total / pairs).tolist()) for division, total in totals.items()}

    def _walk(self, tokens: Tokens, routes: Sequence[tuple[int, ...]],
              place: int = 0) -> Iterator[tuple[tuple[int, ...], Tensor]]:
        """Each of the sorted routes, indices of layers, with the boxes at its end; layers that
        routes have in common at their beginning run once."""
        if routes and place == len(routes[0]):
            yield routes[0], self._boxes(tokens)
            return
        for layer, group in groupby(routes, lambda route: route[place]):
            yield from self._walk(
                self.teacher.backbone.layers[layer](tokens), list(group), place + 1)

    def _boxes(self, tokens: Tokens) -> Tensor:
        return self.teacher.forward_head(tokens).boxes


def last_layers(division: Sequence[int]) -> tuple[int, ...]:
    """Indices of the last layer of each stage."""
    return tuple(end - 1 for end in accumulate(division))


def check_copies(config: Config, teacher: nn.Module) -> None:
    """See that the student of a compression starts as copies of its teacher's parts.

    Args:
        config: of the compression, or of its teacher only, about which there is nothing to check.

    Raises:
        ValueError: it does not, so it has no start to be scored.
    """
    if 'student' not in config.model:
        return
    student = MODELS.build(config.model.student)
    own, theirs = _form(student), _form(teacher)
    differing = [f"{name} is {form}, the teacher's {theirs.get(name)}"
                 for name, form in own.items() if theirs.get(name) != form]
    for name, value, needed in (
            ('layer_init', student.backbone.layer_init, 'last_of_stage'),
            ('layers_per_stage', student.backbone.layers_per_stage, 1),
            ('head_init', config.model.get('head_init', 'teacher'), 'teacher')):
        if value != needed:
            differing.append(f'{name} is {value!r}, not {needed!r}')
    if differing:
        raise ValueError("--metric start needs a student whose parts are copies of its teacher's, "
                         f'but {differing[0]}: use --metric cosine, or change the student')


def _form(tracker: nn.Module) -> dict[str, tuple[int, ...] | int]:
    """What two modules must have in common to be copies of each other."""
    form = {name: tuple(value.shape) for name, value in tracker.state_dict().items()}
    # Another number of heads has weights of the same shapes.
    form.update((f'{name}.num_heads', module.num_heads)
                for name, module in tracker.named_modules() if hasattr(module, 'num_heads'))
    return form
