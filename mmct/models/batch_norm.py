"""Batch norms whose statistics were folded into the convolution before them: they do nothing at
test, and ruin a network that is trained."""
from torch import nn


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
