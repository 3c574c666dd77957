"""Several processes, where MMEngine would want a GPU for each."""
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from mmengine.config import Config
from mmengine.dist import get_dist_info, init_dist

PATIENCE = timedelta(days=7)  # of a test: who is done first waits for the others


def join_test(launcher: str) -> None:
    """Let this process take part in a test. Nothing but results is exchanged, on the CPU."""
    if torch.cuda.is_available():
        init_dist(launcher, backend='gloo', timeout=PATIENCE.total_seconds())
    else:
        join_without_gpu(launcher, PATIENCE)


def join_training(cfg: Config) -> None:
    """Let this process take part in a training on CPUs; MMEngine's launchers and its wrapping of
    the model take GPUs for granted."""
    if torch.cuda.is_available():
        return
    join_without_gpu(cfg.launcher)
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False))


def join_without_gpu(launcher: str, timeout: timedelta | None = None) -> None:
    """Join the other processes of ``torchrun``.

    Raises:
        ValueError: another launcher than 'pytorch', or ``torchrun`` did not start this process.
    """
    if launcher != 'pytorch':
        raise ValueError(f'--launcher {launcher} needs GPUs, but none was found; on CPUs use '
                         'torchrun and --launcher pytorch')
    if 'RANK' not in os.environ:
        raise ValueError('--launcher pytorch needs to be started by torchrun, such as torchrun '
                         '--nproc-per-node 2 tools/train.py CONFIG --launcher pytorch')
    torch.distributed.init_process_group('gloo', timeout=timeout)


@contextmanager
def testing_in_processes(count: int, started_as: str | None) -> Iterator[None]:
    """Share a test with ``count - 1`` processes of the same command line, on the CPU. They end with
    this one, however that ends.

    Args:
        started_as: RANK:PORT in those that this starts, by ``--process``; None in the first one.

    Raises:
        ChildProcessError: one ended before all had begun.
    """
    def join(rank: int, store: torch.distributed.TCPStore) -> None:
        torch.distributed.init_process_group(
            'gloo', store=store, rank=rank, world_size=count, timeout=PATIENCE)

    if started_as is not None:
        rank, port = map(int, started_as.split(':'))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: the first one is told, too
        threading.Thread(target=_end_with_the_first, daemon=True).start()
        store = torch.distributed.TCPStore('127.0.0.1', port, count, False)
        store.set(f'started {rank}', '')
        join(rank, store)
        yield
        return
    store = torch.distributed.TCPStore('127.0.0.1', 0, count, True, wait_for_workers=False)
    others = {rank: subprocess.Popen(
        [sys.executable, *sys.argv, '--process', f'{rank}:{store.port}'], stdin=subprocess.PIPE)
        for rank in range(1, count)}
    try:
        for rank, other in others.items():
            while not store.check([f'started {rank}']):
                if other.poll() is not None:
                    raise ChildProcessError(f'process {rank} of {count} ended with the status '
                                            f'{other.returncode} before the test began')
                time.sleep(0.05)
        join(0, store)
        yield
    finally:
        for other in others.values():
            other.stdin.close()
        for other in others.values():
            other.wait()


def _end_with_the_first() -> None:
    """Wait for the end of the pipe from the process that started this one."""
    while os.read(0, 1):
        pass
    os._exit(1)


@contextmanager
def lost_processes_reported() -> Iterator[None]:
    """Say in one line, a ConnectionError or ChildProcessError, that another process of the run, or
    one that reads for it, is gone."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if text.startswith('DataLoader worker'):
            raise ChildProcessError(
                f'a process that reads ahead is gone ({text.splitlines()[0].strip()}), most often '
                'for want of memory; set num_workers of the data loader lower and start again with '
                '--resume') from error
        if not isinstance(error, torch.distributed.DistError) and 'gloo' not in text:
            raise
        rank, world_size = get_dist_info()
        raise ConnectionError(
            f'process {rank} of {world_size} lost another one ({text.splitlines()[0]}); start all '
            'again with --resume') from error
