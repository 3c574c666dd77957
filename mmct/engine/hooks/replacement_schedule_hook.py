"""The schedule of replacement training: more and more student (CompressTracker, section 3.3)."""
from mmengine.runner import IterBasedTrainLoop, Runner
from mmtrack.registry import HOOKS

from ...utils.checks import check_number
from .schedule_hook import ScheduleHook
from .unwrapped import unwrapped


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
    """Sets and logs the distiller's ``replace_prob`` at each epoch.

    In a loop over iterations, which is one epoch for MMEngine, iterations take the place of epochs.

    Args:
        mode: 'progressive', or 'constant' for p = ``init`` throughout.
        init: p at the start, in (0, 1].
        alpha1, alpha2: see :func:`progressive_prob`.
        final_epochs: with mode 'constant', the last epochs train the student alone (p = 1).
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
