"""Hooks that set something before each epoch, or each iteration."""
import math

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmtrack.registry import HOOKS
from torch import nn

from ...utils.checks import check_number
from .unwrapped import unwrapped


class ScheduleHook(Hook):
    """Calls :meth:`schedule` before each epoch or iteration.

    Args:
        by_epoch: False for iterations, as a loop over these needs: it is one epoch for MMEngine.

    Attributes:
        counted: settings that count epochs or iterations, for errors.
    """
    counted: str

    def __init__(self, by_epoch: bool = True) -> None:
        self.by_epoch = by_epoch

    def schedule(self, runner: Runner, now: int) -> None:
        """Set what belongs to an epoch or iteration, counted from 0."""
        raise NotImplementedError

    def before_train(self, runner: Runner) -> None:
        if self.by_epoch and isinstance(runner.train_loop, IterBasedTrainLoop):
            raise ValueError(
                f'{self.counted} of {type(self).__name__} count epochs, the loop of the config '
                'iterations; give them in iterations, with by_epoch=False')

    def before_train_epoch(self, runner: Runner) -> None:
        if self.by_epoch:
            self.schedule(runner, runner.epoch)

    def before_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        if not self.by_epoch:
            self.schedule(runner, runner.iter)


def progressive_prob(epoch: int, max_epochs: int, init: float = 0.5, alpha1: float = 0.1,
                     alpha2: float = 0.1) -> float:
    """p of epoch 1 … ``max_epochs`` (CompressTracker, equation 3, as its code has it): ``init`` in
    the first share ``alpha1`` of the training, 1 in the last, ``alpha2``."""
    start, end = int(alpha1 * max_epochs + 1e-9), int(alpha2 * max_epochs + 1e-9)
    if epoch <= start + 1:
        return init
    if epoch <= max_epochs - end:
        # Rounding may lead beyond 1.
        return min(init + (1 - init) * (epoch - start) / (max_epochs - start - end), 1.)
    return 1.


@HOOKS.register_module()
class ReplacementScheduleHook(ScheduleHook):
    """Sets and logs the distiller's ``replace_prob`` at each epoch: more and more student
    (CompressTracker, section 3.3).

    In a loop over iterations, which is one epoch for MMEngine, iterations take the place of epochs.

    Args:
        mode: 'progressive', or 'constant' for p = ``init`` throughout.
        init: p at the start, in (0, 1].
        alpha1, alpha2: see :func:`progressive_prob`.
        final_epochs: with mode 'constant', the last epochs train only the student (p = 1).
    """

    def __init__(self, mode: str = 'progressive', init: float = 0.5, alpha1: float = 0.1,
                 alpha2: float = 0.1, final_epochs: int = 0) -> None:
        if mode not in ('progressive', 'constant'):
            raise ValueError(f'mode={mode!r} of the schedule is not "progressive" or "constant"')
        check_number('init', init, '(0, 1]')
        check_number('alpha1', alpha1, '[0, 1)')
        check_number('alpha2', alpha2, '[0, 1)')
        if alpha1 + alpha2 >= 1:
            raise ValueError(f'alpha1={alpha1} and alpha2={alpha2} must sum to less than 1')
        check_number('final_epochs', final_epochs, '[0, inf)', whole=True)
        super().__init__()
        self.mode, self.init, self.final_epochs = mode, init, final_epochs
        self.alpha1, self.alpha2 = alpha1, alpha2

    def prob(self, epoch: int, max_epochs: int) -> float:
        """p of epoch 1 … ``max_epochs``."""
        if self.mode == 'progressive':
            return progressive_prob(epoch, max_epochs, self.init, self.alpha1, self.alpha2)
        return 1. if epoch > max_epochs - self.final_epochs else self.init

    def before_train(self, runner: Runner) -> None:
        # The gates are keyed by the seed of the run.
        unwrapped(runner.model).seed = runner.seed or 0
        prob = runner.cfg.get('model', {}).get('replace_prob', self.init)
        if prob != self.init:
            raise ValueError(f'model.replace_prob={prob} has no effect, for init={self.init} of '
                             'ReplacementScheduleHook takes its place; set init in custom_hooks')
        self.by_epoch = not isinstance(runner.train_loop, IterBasedTrainLoop)
        if not self.by_epoch and self.final_epochs:
            raise ValueError(
                f'final_epochs={self.final_epochs} of ReplacementScheduleHook needs a loop over '
                "epochs, train_cfg.type='ResumableTrainLoop'; the config's is over iterations")

    def schedule(self, runner: Runner, now: int) -> None:
        length = runner.max_epochs if self.by_epoch else runner.max_iters
        unwrapped(runner.model).set_replace_prob(self.prob(now + 1, length))

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        runner.message_hub.update_scalar(
            'train/replace_prob', unwrapped(runner.model).replace_prob)


@HOOKS.register_module()
class OneStageAtATimeHook(ScheduleHook):
    """Trains stage 1 in place of the teacher's, freezes it, then stage 2, …, then all together
    (CompressTracker's "Decouple"), the ablation that replacement training is compared with.

    The embedding, which is all of the backbone before its layers, is trained and frozen with the
    first stage; norm and head are trained always. What the config freezes stays frozen.

    Args:
        epochs_per_stage: length of each stage's turn; what is left trains all stages.
        by_epoch: False for iterations in place of epochs, as a loop over iterations needs.
    """
    counted = 'epochs_per_stage'

    def __init__(self, epochs_per_stage: int = 75, by_epoch: bool = True) -> None:
        super().__init__(by_epoch)
        check_number('epochs_per_stage', epochs_per_stage, '[1, inf)', whole=True)
        self.epochs_per_stage = epochs_per_stage

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        backbone = unwrapped(runner.model).student.backbone
        self._stages = [[p for p in backbone.stage(i).parameters() if p.requires_grad]
                        for i in range(len(backbone.division))]
        turns, length = len(self._stages), runner.max_epochs if self.by_epoch else runner.max_iters
        if length <= (turns - 1) * self.epochs_per_stage:
            raise ValueError(f'epochs_per_stage={self.epochs_per_stage} leaves the last of {turns} '
                             f'stages no turn before the training ends, after {length}; set it '
                             'lower in custom_hooks, or train longer')
        self._stages[0] += [p for name, p in backbone.named_parameters() if p.requires_grad
                            and not name.startswith(('layers.', 'norm.'))]

    def schedule(self, runner: Runner, now: int) -> None:
        turn = now // self.epochs_per_stage
        together = turn >= len(self._stages)
        unwrapped(runner.model).fixed_gates = [
            together or stage <= turn for stage in range(len(self._stages))]
        for stage, parameters in enumerate(self._stages):
            for parameter in parameters:
                parameter.requires_grad_(together or stage == turn)


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
    or of the student of a compression (OSTrack, section 3.2).

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
