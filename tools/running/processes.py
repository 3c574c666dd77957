"""Several processes, where MMEngine would want a GPU for each."""
import os
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
