"""What a run says on the screen; its log file has all."""
import logging
import re
import time
import warnings

from mmengine.logging import MMLogger
from mmengine.runner import Runner

PERIOD = 5.  # seconds between lines that say how far a test is
OF_TEST = re.compile(r'Epoch\(test\).* eta: ')
# Said in every run by MMEngine; nothing follows for whoever trains or tests.
OF_NO_USE = re.compile(r'Exp name: |Distributed training is not used, all SyncBatchNorm|'
                       '"(FileClient|HardDiskBackend)" ')


class QuietRunner(Runner):
    """MMEngine's Runner, whose list of the environment, the config and the hooks, hundreds of
    lines, is in the log file and not on the screen; nor is what is said in every run."""

    def build_logger(self, *args, **kwargs) -> MMLogger:
        logger = super().build_logger(*args, **kwargs)
        say_less(logger)
        # By PyTorch, twice a data loader; they cost nothing but memory.
        warnings.filterwarnings('ignore', 'This DataLoader will create .* worker processes')
        logger.info(f'environment and config are in {logger.log_file}')
        return logger


def say_less(logger: MMLogger) -> None:
    """Let a logger say on the screen what :class:`ForScreen` passes only."""
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(ForScreen())


class ForScreen(logging.Filter):
    """Passes over what MMEngine logs in many lines or in every run, and most of how far a test is.

    Attributes:
        bar: something else shows how far a test is.
    """

    bar, said = False, -PERIOD

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if OF_NO_USE.match(text):
            return False
        if record.levelno > logging.INFO:
            return True
        if not OF_TEST.match(text):
            return '\n' not in text
        now = time.monotonic()
        if self.bar or now - self.said < PERIOD:
            return False
        self.said = now
        return True
