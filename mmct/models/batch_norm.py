"""Batch norms whose statistics were folded into the convolution before them.

At test they do nothing. In training they would normalise by the batch what was never normalised,
and ruin the network at once.
"""
import math

from torch import nn


def neutralize(norm: nn.BatchNorm2d) -> None:
    """Let a new batch norm do nothing at test."""
    # Not 1: eps is undone, too, which also tells it from one that was never trained.
    nn.init.constant_(norm.weight, math.sqrt(1 + norm.eps))


def check_statistics(model: nn.Module) -> None:
    """Raises:
        ValueError: a batch norm of a network to be trained is a neutral one.
    """
    for name, norm in model.named_modules():
        if (isinstance(norm, nn.BatchNorm2d) and not norm.running_mean.any()
                and (norm.running_var == 1).all() and (norm.weight != 1).all()):
            raise ValueError(f'{name} has no statistics, they were folded away: convert the file '
                             'again by tools/convert_weights.py --calibration CONFIG, or the '
                             'first training step ruins the network')
