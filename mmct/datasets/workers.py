"""Processes that read ahead."""
import os
import signal
from collections.abc import Callable
from threading import Thread


def end_with_trainer(init: Callable[[int], None] | None, worker_id: int) -> None:
    """Initialise a data loader's worker, also by the ``worker_init_fn`` that there was, so that
    only the training process ends it, by SIGTERM.

    Slurm signals every process, a closed terminal, too (SIGHUP). The training that ends in good
    order still needs its workers.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGHUP])
    Thread(target=_wait_for_trainer, daemon=True).start()
    if init:
        init(worker_id)


def _wait_for_trainer() -> None:
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != os.getppid():
        pass
    os._exit(0)
