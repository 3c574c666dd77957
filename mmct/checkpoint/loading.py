"""Weights from a file into a tracker, of whichever layout, with one-line errors."""
from pathlib import Path

from torch import Tensor, nn

from . import names
from .errors import CheckpointError
from .reading import read_checkpoint, weights_in

STUDENT_PREFIX = 'student.'


def tracker_weights(path: str | Path) -> dict[str, Tensor]:
    """Weights of an OSTrack under mmct's names.

    Args:
        path: a checkpoint of mmct (of a tracker, or of a compression: then the student's), or a
            released one.

    Raises:
        FileNotFoundError: no such file.
        CheckpointError: not a tracker's checkpoint.
    """
    state = weights_in(read_checkpoint(path), path)
    if any(key.startswith(STUDENT_PREFIX) for key in state):
        return {
            key[len(STUDENT_PREFIX):]: value
            for key, value in state.items() if key.startswith(STUDENT_PREFIX)
        }
    if any('box_head.' in key for key in state):
        return names.from_released(state, str(path))
    if not any(key.startswith('backbone.layers.') for key in state):
        raise CheckpointError(f'{path} is not an OSTrack checkpoint: its first keys are '
                              f'{sorted(state)[:3]}')
    return state


def load_weights(model: nn.Module, path: str | Path, role: str = 'tracker') -> None:
    """Load an OSTrack strictly.

    Args:
        model: the OSTrack.
        path: see :func:`tracker_weights`.
        role: what the model is, for errors ('teacher', 'student', …).

    Raises:
        FileNotFoundError: no such file.
        CheckpointError: the file is of another network, in one line that says how they differ.
    """
    try:
        state = tracker_weights(path)
    except FileNotFoundError:
        raise FileNotFoundError(f'{role} checkpoint {path} does not exist') from None
    own = model.state_dict()
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    core = [key for key in missing if not key.startswith('backbone.layers.')]
    _demand(not core, role, path, 'no', core, 'all of them')
    # The differences that a config can mend come first, in the words of the config.
    theirs = _sizes(state)
    for what, size in _sizes(own).items():
        _demand(theirs.get(what) == size, role, path, what, theirs.get(what), size)
    _demand(not missing and not unknown, role, path, 'unknown keys', unknown, f'also {missing}')
    for key, value in own.items():
        shapes = tuple(state[key].shape), tuple(value.shape)
        _demand(shapes[0] == shapes[1], role, path, f'shape of {key}', *shapes)
        _demand(state[key].is_floating_point() == value.is_floating_point(), role, path,
                f'dtype of {key}', state[key].dtype, value.dtype)
    model.load_state_dict(state)


def _sizes(state: dict[str, Tensor]) -> dict[str, int]:
    """What a config says of a tracker; trackers of other kinds may not have it all."""
    sizes = {
        what: shape[axis] for what, key, axis in (
            ('embed_dims', 'backbone.norm.weight', 0),
            ('template tokens (template_size)', 'backbone.pos_embed_z', 1),
            ('search tokens (search_size)', 'backbone.pos_embed_x', 1),
        ) if key in state and len(shape := state[key].shape) > axis
    }
    return {'layers': names.depth(state, 'backbone.layers'), **sizes}


def _demand(fits: bool, role: str, path, what: str, theirs, ours) -> None:
    if not fits:
        raise CheckpointError(f'{role} checkpoint {path} has {what}: {theirs}, the {role} of the '
                              f'config: {ours}; give a fitting file or change the config')
