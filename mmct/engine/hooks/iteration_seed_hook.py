"""Randomness inside the network as a function of place."""
import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmtrack.registry import HOOKS


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seeds PyTorch from (seed of the run, iteration, process) before each iteration: a checkpoint
    has no generator state, and a resumed run would drop other paths than the uninterrupted one."""

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        key = np.random.SeedSequence([runner.seed or 0, runner.iter, get_rank()])
        torch.manual_seed(int(key.generate_state(1)[0]))
