"""The schedule of candidate elimination while training (OSTrack, section 3.2)."""
import math

from mmengine.runner import Runner
from mmtrack.registry import HOOKS
from torch import nn

from ...utils.checks import check_number
from .schedule_hook import ScheduleHook
from .unwrapped import unwrapped


def scheduled_keep_ratio(epoch: int, keep_ratio: float, start: int = 20, end: int = 100) -> float:
    """The keep ratio of an epoch (or iteration) counted from 0: 1 before ``start``, ``keep_ratio``
    from ``end``, a half cosine between."""
    if epoch < start:
        return 1.
    if epoch >= end:
        return keep_ratio
    phase = math.pi * (epoch - start) / (end - start)
    return keep_ratio + (1 - keep_ratio) * (1 + math.cos(phase)) / 2


@HOOKS.register_module()
class EliminationScheduleHook(ScheduleHook):
    """One scheduled keep ratio for all eliminating layers in training and validation, of a tracker
    or of the student of a compression.

    Args:
        keep_ratio: the ratio that the schedule ends with.
        start, end: epochs between which it falls.
        by_epoch: False for ``start`` and ``end`` in iterations, as a loop over iterations needs.
    """
    counted = 'start and end'

    def __init__(self, keep_ratio: float = 0.7, start: int = 20, end: int = 100,
                 by_epoch: bool = True) -> None:
        super().__init__(by_epoch)
        check_number('keep_ratio', keep_ratio, '(0, 1]')
        check_number('start', start, '[0, inf)')
        check_number('end', end, f'[{start}, inf)')
        self.keep_ratio, self.start, self.end = keep_ratio, start, end

    def schedule(self, runner: Runner, now: int) -> None:
        # The published loop counts epochs from 1, and validates with the ratio of the epoch.
        ratio = scheduled_keep_ratio(now + 1, self.keep_ratio, self.start, self.end)
        self._backbone(runner).schedule_elimination(ratio)

    def before_test(self, runner: Runner) -> None:
        self._backbone(runner).schedule_elimination(None)

    @staticmethod
    def _backbone(runner: Runner) -> nn.Module:
        model = unwrapped(runner.model)
        return getattr(model, 'student', model).backbone
