"""Checkpoint files are data: nothing in them is run."""
import sys
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from .errors import CheckpointError


class ForeignObject:
    """Stands for an object of a training code that is not installed; keeps nothing of it."""

    def __init__(self, *args, **kwargs) -> None:
        pass

    def __setstate__(self, state) -> None:
        pass


def read_checkpoint(path: str | Path, map_location='cpu') -> dict:
    """A checkpoint's content, read with ``weights_only`` protection.

    Objects of a foreign training code beside the weights (published checkpoints carry their
    statistics and settings) are read as :class:`ForeignObject`, without that code.

    Args:
        map_location: where tensors go, as of ``torch.load``.

    Raises:
        FileNotFoundError: no such file.
        CheckpointError: not a checkpoint, or one that would run code.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    try:
        foreign = [(ForeignObject, name) for name in _foreign_names(path)]
        with torch.serialization.safe_globals(foreign):
            content = torch.load(path, map_location=map_location, weights_only=True)
    except CheckpointError:
        raise
    except UnpicklingError as error:
        raise CheckpointError(
            f'{path} is refused: it holds more than data ({_reason(error)})') from None
    except Exception as error:  # whatever a broken file leads to, say which one it is
        raise CheckpointError(f'{path} is not a readable checkpoint: {_reason(error)}') from None
    if not isinstance(content, dict):
        raise CheckpointError(f'{path} holds a {type(content).__name__}, expected a dict')
    return content


def _reason(error: Exception) -> str:
    """The one line of PyTorch's long messages that says what was found."""
    lines = [line for line in str(error).splitlines()
             if line and not line.startswith('Check the documentation')]
    return lines[-1].split('WeightsUnpickler error: ')[-1] if lines else type(error).__name__


def _foreign_names(path: Path) -> list:
    """Classes named in the file that belong to no installed or standard module."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (ValueError, RuntimeError):
        return []  # not a zip file: torch.load will judge it
    for name in names:
        # What can be imported here could be run; it has no business in a checkpoint.
        package = name.partition('.')[0]
        if package in sys.stdlib_module_names or package in sys.modules:
            raise CheckpointError(f'{path} is refused: it asks for {name}, which is not data')
    return names


def weights_in(content: dict, source: str | Path) -> dict[str, Tensor]:
    """The state dict inside a checkpoint: MMEngine's, a published tracker's, or bare.

    Raises:
        CheckpointError: there is none, or one with values that no network can compute with.
    """
    for key in ('state_dict', 'net', 'model'):
        if isinstance(content.get(key), dict):
            content = content[key]
            break
    state = {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if not state:
        raise CheckpointError(f'{source} holds no weights: expected them under "state_dict", '
                              f'"net" or "model", got the keys {sorted(map(str, content))[:10]}')
    for key, value in state.items():
        if (value.layout is not torch.strided or value.is_meta or value.is_quantized
                or value.is_complex()):
            raise CheckpointError(f'{source}: {key} is not a plain tensor of real numbers')
        if value.is_floating_point() and not value.float().isfinite().all():
            raise CheckpointError(f'{source}: {key} holds values that are not finite; training has '
                                  'failed before it was saved, give an earlier checkpoint')
    return state
