"""How far a test is, on a terminal."""
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from cli import bars
from mmengine.hooks import Hook
from mmengine.runner import Runner

from .quiet_runner import ForScreen


class FramesHook(Hook):
    """A bar of the frames of a test with the time that is left, instead of lines."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack

    def before_test_epoch(self, runner: Runner) -> None:
        self.progress = self.stack.enter_context(bars())
        frames = len(runner.test_dataloader.batch_sampler.sampler)
        self.task = self.progress.add_task('frames', total=frames)
        for handler in runner.logger.handlers:
            for own in handler.filters:
                if isinstance(own, ForScreen):
                    own.bar = True
                    # By the stream that keeps other lines out of the bar.
                    self.stack.callback(handler.setStream, handler.setStream(sys.stdout))

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict, *args, **kwargs
                        ) -> None:
        self.progress.advance(self.task, len(data_batch['data_samples']))
        if batch_idx + 1 == len(runner.test_dataloader):
            self.stack.close()  # before the metrics are logged, which it would break into lines


@contextmanager
def frames_shown(runner: Runner) -> Iterator[None]:
    """Show a bar, if this is the process of a run that prints, on a terminal."""
    with ExitStack() as stack:
        if runner.rank == 0 and sys.stdout.isatty():
            runner.register_hook(FramesHook(stack))
        yield
