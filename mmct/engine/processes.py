"""Several processes for one test."""
from datetime import timedelta

import torch
from mmengine.dist import init_dist

PATIENCE = timedelta(days=7)  # who is done first waits for the others


def join_processes(launcher: str) -> None:
    """Let this process take part in a distributed test.

    MMEngine would want a GPU for each, and synchronise weights: here nothing but results is
    exchanged, on the CPU.
    """
    if launcher == 'pytorch' and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo', timeout=PATIENCE)
    elif launcher != 'none':
        init_dist(launcher, backend='gloo', timeout=PATIENCE.total_seconds())
