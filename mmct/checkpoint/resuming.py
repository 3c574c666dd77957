"""Which checkpoint a run goes on from."""
import zipfile
from collections.abc import Iterator
from os.path import isfile  # any text is no file; Path.is_file raises if it is too long
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import nn

from .files import CheckpointError

NAMES = ('interrupted.pth', 'epoch_*.pth', 'iter_*.pth')


def newest_intact(folder: str | Path,
                  checkpoints: str | Path | None = None) -> tuple[Path | None, list[Path]]:
    """The newest checkpoint in a run's work folder, or in a folder of its own for them, that can be
    read to its end, and newer ones that cannot."""
    broken = []
    for path in newest_first(Path(folder), Path(checkpoints or folder)):
        if intact(path):
            return path, broken
        broken.append(path)
    return None, broken


def newest_first(folder: Path, checkpoints: Path) -> Iterator[Path]:
    """The one that ``last_checkpoint`` names, if it is there, then the others by their time."""
    files = sorted((file for name in NAMES for file in checkpoints.glob(name)),
                   key=lambda file: file.stat().st_mtime, reverse=True)
    note = folder / 'last_checkpoint'
    last = Path(note.read_text(errors='replace').strip()) if note.is_file() else Path()
    moved = checkpoints / last.name  # with the folder, in whose place another run may be
    if isfile(moved):
        last = moved
    found = isfile(last)
    if found:
        yield last
    yield from (file for file in files if not (found and file.samefile(last)))


def intact(path: Path) -> bool:
    """Whether a checkpoint is all there, by the checksums in it, which ``torch.load`` ignores, and
    can be read by that."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return False
        torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    except UnpicklingError:
        return True  # and refused with its reason by who goes on from it
    except Exception:  # each damage of a header has an exception of its own
        return False
    return True


def check_resumed(source: str, checkpoint: dict, model: nn.Module,
                  optim_wrapper: object) -> None:
    """See that a checkpoint is the state of a run of this network and optimizer: MMEngine would
    fill it up with random weights, or stop in the first step."""
    meta = checkpoint.get('meta') or {}
    missing = [name for name in ('epoch', 'iter') if not isinstance(meta.get(name), int)]
    missing += [name for name in ('state_dict', 'optimizer', 'message_hub')
                if name not in checkpoint]
    if missing:
        raise CheckpointError(f'{source} is not the state of a run, for it lacks '
                              f'{", ".join(missing)}; start from it with load_from alone')
    own, theirs = ({key: tuple(value.shape) for key, value in state.items()}
                   for state in (model.state_dict(), checkpoint['state_dict']))
    if own != theirs:
        key = min(key for key in own.keys() | theirs.keys() if own.get(key) != theirs.get(key))
        raise CheckpointError(f'{source} is of another network: {key} has the shape '
                              f'{theirs.get(key)}, that of the config {own.get(key)}; resume '
                              'with the config it was trained with, or start anew')
    if callable(getattr(optim_wrapper, 'state_dict', None)):  # not its config
        own, theirs = (set().union(*groups) for groups in (
            _groups(optim_wrapper.state_dict()), _groups(checkpoint['optimizer'])))
        # Versions of PyTorch add settings; only another type also lacks some.
        if own - theirs and theirs - own:
            raise CheckpointError(
                f'{source} is of a run with another optimizer, which has the settings '
                f'{", ".join(sorted(theirs - own))}; {type(optim_wrapper.optimizer).__name__} of '
                'the config cannot go on with its state; resume with the optimizer it was begun '
                'with, or start anew with load_from')


def _groups(state: dict) -> list[dict]:
    return state.get('param_groups') or []
