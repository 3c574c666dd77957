"""Parts of a network that do not take part in training, or could not."""
from collections.abc import Iterable

from torch import nn

Part = nn.Module | nn.Parameter


def freeze(model: nn.Module, names: Iterable[str]) -> list[Part]:
    """Parts by their names, without gradients from now on; ValueError if there is none."""
    parts = dict(model.named_modules()) | dict(model.named_parameters())
    for name in names:
        if not name or name not in parts:
            raise ValueError(f'frozen={name!r} is no part of the network, such as '
                             f'{[name for name, _ in model.named_children()]} and what they hold')
    return [parts[name].requires_grad_(False) for name in names]


def keep_statistics(parts: Iterable[Part]) -> None:
    """Frozen parts in evaluation mode, after their network went into training mode: without batch
    statistics of their own, without dropped paths."""
    for part in parts:
        if isinstance(part, nn.Module):
            part.eval()


def check_statistics(model: nn.Module) -> None:
    """ValueError if a batch norm of a network to be trained has no statistics, since they were
    folded into the convolution before it: at test it does nothing, in training it ruins all."""
    for name, norm in model.named_modules():
        if (isinstance(norm, nn.BatchNorm2d) and not norm.running_mean.any()
                and (norm.running_var == 1).all() and (norm.weight != 1).all()):
            raise ValueError(f'{name} has no statistics, they were folded away: convert the file '
                             'again by tools/convert_weights.py --calibration CONFIG, or the '
                             'first training step ruins the network')
