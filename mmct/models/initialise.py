"""Weights of a student from its teacher, if they fit."""
from collections.abc import Mapping

import torch
from mmengine.logging import print_log
from torch import Tensor, nn


def copy_what_fits(target: nn.Module, source: nn.Module, names: Mapping[str, str],
                   resize=None, prefix: str = '') -> None:
    """Copy groups of parameters; the log has a line on all that fit, and one on each other.

    A module with parameters of its own (a linear layer, a norm, …) is copied as a whole or not at
    all: half a layer is worth nothing. What does not fit stays as it was initialised.

    Args:
        names: {group of the target: group of the source}, each a submodule or a parameter.
        resize: from the name of a parameter and its value in the source to one that fits the
            target, or None if that makes no sense.
        prefix: of the groups' names in the log.
    """
    copied = []
    for name, other in names.items():
        own, theirs = (_grouped(root.state_dict(keep_vars=True), group)
                       for root, group in ((target, name), (source, other)))
        left = []
        for path, tensors in own.items():
            full = (name + path).rstrip('.')
            values = {key: _fitting(full, theirs.get(path, {}).get(key), value.shape, resize)
                      for key, value in tensors.items()}
            if any(value is None for value in values.values()):
                left.append(full)
                continue
            with torch.no_grad():
                for key, value in values.items():
                    tensors[key].copy_(value)
        if not left:
            copied.append(name if name == other else f'{name} from {other}')
            continue
        text = 'random'
        if len(left) < len(own):
            text = f"from the teacher's {other}, random where that does not fit: {', '.join(left)}"
        print_log(f'{prefix}{name}: {text}', 'current')
    if copied:
        print_log(f"{prefix[:-1]}: the teacher's {', '.join(copied)}", 'current')


def children(module: nn.Module, without: str = '') -> list[str]:
    """Names of the groups in a module: its submodules and its own parameters."""
    names = [name for name, child in module.named_children() if child.state_dict()]
    names += [name for name, _ in module.named_parameters(recurse=False)]
    return [name for name in names if name != without]


def _grouped(state: Mapping[str, Tensor], group: str) -> dict[str, dict[str, Tensor]]:
    """Tensors under ``group`` by the path of the module that owns them."""
    units = {}
    for key, value in state.items():
        if key == group or key.startswith(f'{group}.'):
            path, _, leaf = key[len(group):].rpartition('.')
            units.setdefault(path, {})[leaf] = value
    return units


def _fitting(name: str, value: Tensor | None, shape: torch.Size, resize) -> Tensor | None:
    """A value in that shape, None if there is none."""
    if value is not None and value.shape != shape and resize:
        value = resize(name, value.detach())
    return value if value is not None and value.shape == shape else None
