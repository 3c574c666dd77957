"""Weights of a student from its teacher, where they fit."""
from collections.abc import Iterator, Mapping

import torch
from mmengine.logging import print_log
from torch import Tensor, nn


def copy_what_fits(target: nn.Module, source: nn.Module, names: Mapping[str, str],
                   resize=None, prefix: str = '') -> None:
    """Copy groups of parameters, and log one line a group.

    A module with parameters of its own (a linear layer, a norm, …) is copied as a whole or not at
    all: half a layer is worth nothing. What does not fit stays as it was initialised.

    Args:
        target: whose weights are set.
        source: where they come from.
        names: {group of the target: group of the source}, each a submodule or a parameter.
        resize: called with the name of a parameter, its value and the shape that is asked for;
            gives a value of that shape, or None if that makes no sense.
        prefix: of the groups' names in the log.
    """
    for name, other in names.items():
        taken, left = [], []
        for path, own, theirs in _units(target, source, name, other):
            values = _fitting(path, own, theirs, resize)
            if values is None:
                left.append(path)
                continue
            taken.append(path)
            with torch.no_grad():
                for key, value in values.items():
                    own[key].copy_(value)
        if not taken:
            print_log(f'{prefix}{name}: random', 'current')
        elif left:
            print_log(f"{prefix}{name}: from the teacher's {other}, random where that does not "
                      f'fit: {", ".join(left)}', 'current')
        else:
            print_log(f"{prefix}{name}: from the teacher's {other}", 'current')


def children(module: nn.Module, without: str = '') -> list[str]:
    """Names of the groups in a module: its submodules and its own parameters."""
    names = [name for name, child in module.named_children() if child.state_dict()]
    names += [name for name, _ in module.named_parameters(recurse=False)]
    return [name for name in names if name != without]


def _units(target: nn.Module, source: nn.Module, name: str,
           other: str) -> Iterator[tuple[str, dict[str, Tensor], dict[str, Tensor]]]:
    """(name, own tensors, the source's) of each module that has tensors of its own."""
    own, theirs = (_grouped(root.state_dict(keep_vars=True), group)
                   for root, group in ((target, name), (source, other)))
    for path, tensors in own.items():
        yield (name + path).rstrip('.'), tensors, theirs.get(path, {})


def _grouped(state: Mapping[str, Tensor], group: str) -> dict[str, dict[str, Tensor]]:
    """Tensors under ``group`` by the path of the module that owns them."""
    units = {}
    for key, value in state.items():
        if key == group or key.startswith(f'{group}.'):
            path, _, leaf = key[len(group):].rpartition('.')
            units.setdefault(path, {})[leaf] = value
    return units


def _fitting(path: str, own: dict[str, Tensor], theirs: dict[str, Tensor],
             resize) -> dict[str, Tensor] | None:
    values = {}
    for key, value in own.items():
        source = theirs.get(key)
        if source is not None and source.shape != value.shape and resize:
            source = resize(path, source.detach(), value.shape)
        if source is None or source.shape != value.shape:
            return None
        values[key] = source
    return values
