"""What hooks have in common that set something before each epoch, or each iteration."""
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner


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
