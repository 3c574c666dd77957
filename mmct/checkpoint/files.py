"""Checkpoint files are data: nothing in them is run. They are written whole or not at all."""
import sys
import warnings
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from ..compat import numpy_in_pickles
from ..utils.files import atomic_write, in_order

COUNT = 'num_batches_tracked'
PREFIXES = ('module.', '_orig_mod.')  # of DDP and torch.compile, before all names


class CheckpointError(ValueError):
    """A checkpoint that is unreadable, unsafe, or of another network."""


class ForeignObject:
    """Stands for an object of a training code that is not installed; keeps nothing of it."""

    def __init__(self, *args, **kwargs) -> None:
        pass

    def __setstate__(self, state) -> None:
        pass


class ForeignDict:
    """Stands for one that is a dict: PyTorch fills no dict of another class."""

    def __new__(cls, *args) -> OrderedDict:
        return OrderedDict()


# Of the standard library, beside the weights of many: settings, paths, dates, counters.
CONTAINERS = {
    'collections.defaultdict': lambda *args: {},
    'collections.deque': lambda *args: [],
    **dict.fromkeys((
        'argparse.Namespace', 'types.SimpleNamespace',
        'datetime.date', 'datetime.datetime', 'datetime.timedelta',
        'pathlib.PosixPath', 'pathlib.PurePosixPath', 'pathlib.WindowsPath',
        'pathlib._local.PosixPath', 'pathlib._local.WindowsPath',  # of Python 3.13
        'builtins.getattr',  # a statistic of MMEngine's HistoryBuffer, if MMEngine is not loaded
        # As the default of a defaultdict.
        'builtins.bool', 'builtins.dict', 'builtins.float', 'builtins.int', 'builtins.list',
        'builtins.set', 'builtins.str'), ForeignObject)}


def read_checkpoint(path: str | Path, map_location: object = 'cpu') -> dict:
    """A checkpoint's content, read with ``weights_only`` protection. Objects of a foreign training
    code beside the weights (statistics, settings) are read as :class:`ForeignObject`.
    CheckpointError if it is none, or would run code."""
    path = Path(path)
    if path.is_dir():
        found = in_order(file.name for file in path.glob('*.pth'))
        raise CheckpointError(f'checkpoint {path} is a folder; give a file, such as '
                              f'{path / (found or ["epoch_500.pth"])[-1]}')
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    if path.suffix in ('.onnx', '.xml'):
        raise CheckpointError(f'{path} is an exported network, expected a checkpoint; give a file '
                              'of tools/export.py in place of the config; convert that of '
                              "OpenCV's VitTrack, by tools/convert_weights.py FILE "
                              'weights/vittrack.pth')
    try:
        try:
            content = _load(path, map_location, ForeignObject)
        except UnpicklingError as error:
            if 'SETITEM' not in str(error):
                raise
            content = _load(path, map_location, ForeignDict)
    except CheckpointError:
        raise
    except Exception as error:  # whatever a broken file leads to, say which one it is
        raise CheckpointError(f'{path} is {_fault(path, error)}') from None
    if not isinstance(content, dict):
        raise CheckpointError(f'{path} holds a {type(content).__name__}, expected a dict')
    return content


def _fault(path: Path, error: Exception) -> str:
    """What a file is that PyTorch does not read."""
    with path.open('rb') as file:
        start = file.read(1 << 10)
    text, said = start.lstrip().lower(), str(error)
    if text.startswith((b'<!doctype html', b'<html')):
        return ('a web page, such as a server gives for a file that needs a login or a '
                'confirmation; download the file itself')
    if text.startswith(b'version https://git-lfs'):
        return ("a pointer of Git LFS, which 'git lfs pull' replaces by the file; download the "
                'file itself')
    if 'TorchScript' in said:
        return ('a TorchScript file, which is a program; give the weights that it was made from, '
                'as torch.save writes a state_dict()')
    if 'legacy .tar' in said or 'not in a subdirectory' in said:
        return ('not a readable checkpoint but an archive of other files; unpack it, and give the '
                'checkpoint in it')
    # A zip file, or a pickle of PyTorch before 1.6.
    if start and not start.startswith((b'PK', b'\x80')) and path.suffix != '.safetensors':
        return (f'not a readable checkpoint: no file of torch.save begins with {start[:8]!r}; if '
                'it is packed, unpack it')
    if isinstance(error, UnpicklingError):
        return f'refused: it holds more than data ({_reason(error)})'
    return f'not a readable checkpoint: {_reason(error)}'


def _load(path: Path, map_location: object, foreign: type) -> object:
    # The end of such a context takes away all that it was given, so give what is not there already.
    allowed = torch.serialization.get_safe_globals()
    with (torch.serialization.safe_globals([new for new in numpy_in_pickles()
                                            if new not in allowed]),
          torch.serialization.safe_globals(_stand_ins(path, foreign)), warnings.catch_warnings()):
        warnings.filterwarnings('ignore', '.*TorchScript')  # it is refused, in a line
        return torch.load(path, map_location=map_location, weights_only=True)


def _reason(error: Exception) -> str:
    """The one line of PyTorch's long messages that says what was found."""
    lines = [line for line in str(error).splitlines()
             if line and not line.startswith('Check the documentation')]
    return lines[-1].split('WeightsUnpickler error: ')[-1] if lines else type(error).__name__


def _stand_ins(path: Path, foreign: type) -> list[tuple[object, str]]:
    """(what stands for it, name) of the classes named in a file that are read without their code,
    ``foreign`` for those of a training code; CheckpointError if one is not data."""
    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (ValueError, RuntimeError):  # not a zip file, of PyTorch before 1.6: torch.load judges
        return []
    found = []
    for name in named:
        if name.startswith('torch.nn.modules.'):
            raise CheckpointError(f'{path} is refused: it holds a whole network, which is a '
                                  'program; give its weights, as torch.save writes a state_dict()')
        if name not in CONTAINERS and _could_run(name):
            raise CheckpointError(f'{path} is refused: it asks for {name}, which is not data')
        found.append((CONTAINERS.get(name, foreign), name))
    return found


def _could_run(name: str) -> bool:
    """Whether a name is of something here that does more than hold data, as classes of a training
    code do. Nothing is called by it in any case."""
    package, (module, _, attribute) = name.partition('.')[0], name.rpartition('.')
    if package in sys.stdlib_module_names or package in ('torch', 'numpy'):
        return True
    here = vars(sys.modules[module]).get(attribute) if module in sys.modules else None
    return package in sys.modules and not isinstance(here, type)


def weights_in(content: dict, source: str | Path) -> dict[str, Tensor]:
    """The state dict inside a checkpoint (MMEngine's, a published tracker's, bare, or the only one
    under any other name), as a network here would have it: without the prefix of a wrapper, in
    float32, with all counts of batches. CheckpointError if it has values that no network can
    compute with."""
    every = {key: tensors for key, value in content.items()
             if isinstance(value, dict) and (tensors := _tensors(value))}
    found = {key: every[key] for key in ('state_dict', 'net', 'model') if key in every}
    if not found:
        bare = _tensors(content)  # of the weights, or a loss and a random state beside them
        others = {key: tensors for key, tensors in every.items() if len(tensors) > len(bare)}
        found = others if len(others) == 1 else {None: {} if others else bare}
    first, state = next(iter(found.items()))
    if not state:
        raise CheckpointError(f'{source} holds no weights: expected them under "state_dict", '
                              f'"net" or "model", got the keys {sorted(map(str, content))[:10]}')
    if other := next((key for key, tensors in found.items()
                      if key != first and not _equal(state, tensors)), None):
        warnings.warn(f'{source} holds weights under "{first}", which are read, and others under '
                      f'"{other}"', stacklevel=2)
    while prefix := next((prefix for prefix in PREFIXES
                          if all(key.startswith(prefix) for key in state)), None):
        state = {key[len(prefix):]: value for key, value in state.items()}
    for key, value in state.items():
        if (value.layout is not torch.strided or value.is_meta or value.is_quantized
                or value.is_complex()):
            raise CheckpointError(f'{source}: {key} is not a plain tensor of real numbers')
        if value.is_floating_point():
            state[key] = value = value.float()
            if not value.isfinite().all():
                raise CheckpointError(
                    f'{source}: {key} holds values that are not finite; training has failed '
                    'before it was saved, give an earlier checkpoint')
        if key.endswith(COUNT):
            state[key] = value.long()
    for key in list(state):
        if key.endswith('.running_mean'):
            state.setdefault(key.removesuffix('running_mean') + COUNT, torch.tensor(0))
    return state


def _tensors(content: dict) -> dict[str, Tensor]:
    return {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, Tensor)}


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    try:
        return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)
    except RuntimeError:  # of different or unusual types
        return False


def save_checkpoint(content: dict, path: str | Path) -> None:
    """Write a checkpoint, whole or not at all; an OSError names ``path``."""
    # PyTorch has an error of its own if a file cannot be written.
    buffer = BytesIO()
    torch.save(content, buffer)
    # Not a view: that an error leaves both in a traceback crashes the collector of Python 3.12.1.
    with atomic_write(path) as part:
        part.write_bytes(buffer.getvalue())


def save_tracker(state: dict[str, Tensor], path: str | Path, student: bool) -> None:
    """Write a plain tracker's checkpoint, of weights under mmct's names. ``student`` is remembered,
    because released checkpoints name the layers of students otherwise."""
    save_checkpoint(dict(state_dict=state, meta=dict(student=student)), path)
