"""Parts of a network that do not take part in training."""
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
