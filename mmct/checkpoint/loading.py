"""Weights from a file of any layout into a tracker, with one-line errors."""
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor, nn

from . import names
from .files import CheckpointError, read_checkpoint, weights_in

STUDENT_PREFIX = 'student.'


def tracker_weights(path: str | Path) -> dict[str, Tensor]:
    """Weights of a tracker under mmct's names, from a checkpoint of mmct (of a compression, the
    student's), or a released one; errors as of :func:`load_weights`."""
    return names.to_own(student_alone(weights_in(read_checkpoint(path), path)), str(path))


def of_compression(state: Iterable[str]) -> bool:
    """Whether keys are those of a compression, with the student's among them."""
    return names.has(state, STUDENT_PREFIX)


def student_alone(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The student's weights of a compression's, or what else it is as it is."""
    return {key.removeprefix(STUDENT_PREFIX): value for key, value in state.items()
            if key.startswith(STUDENT_PREFIX)} or state


def starting_weights(model: nn.Module, state: dict[str, Tensor], source: str
                     ) -> tuple[dict[str, Tensor], list[str]]:
    """Weights, of the file ``source``, that a training of ``model`` can start from; a compression
    takes those of a compression or of its student.

    Returns:
        the weights under mmct's names, and names of weights of the tracker that are not among them
        (in their shape); CheckpointError if there are none for the layers.
    """
    own = model.state_dict()
    tracker = student_alone(own)
    layers = [key for key in tracker if key.startswith(names.OWN_LAYERS)]
    if not layers:  # a tracker of others, whose names are its own affair
        return state, []
    if not (of_compression(own) and of_compression(state)):
        state = names.to_own(student_alone(state), source)
    given = student_alone(state)
    lacking = [key for key, value in tracker.items()
               if key not in given or given[key].shape != value.shape]
    if set(layers) <= set(lacking):
        sizes = getattr(model, 'student', model).names.sizes
        theirs = sizes(given)
        differences = [f'{what} {theirs.get(what)} instead of {size}'
                       for what, size in sizes(tracker).items() if theirs.get(what) != size]
        raise CheckpointError(
            f"{source} has no weights for the layers of the config's network: "
            f'{", ".join(differences) or "layers of another kind"}; give a fitting file as '
            'load_from or change the config')
    return state, lacking


def load_weights(model: nn.Module, path: str | Path, role: str = 'tracker') -> None:
    """Load a tracker strictly, from a file as of :func:`tracker_weights`; CheckpointError if it is
    of another network, which says how they differ, of the ``role`` ('teacher', …)."""
    try:
        state = tracker_weights(path)
    except FileNotFoundError:
        raise FileNotFoundError(f'{role} checkpoint {path} does not exist') from None

    def demand(fits: bool, what: str, theirs: object, ours: object) -> None:
        if not fits:
            raise CheckpointError(f'{role} checkpoint {path} has {what}: {theirs}, the {role} of '
                                  f'the config: {ours}; give a fitting file or change the config')

    own = model.state_dict()
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    core = [key for key in missing if not key.startswith(names.OWN_LAYERS)]
    ours, theirs = model.names.sizes(own), model.names.sizes(state)
    if ours.keys() != theirs.keys():  # of another kind of tracker
        demand(not core, 'no', core, 'all of them')
    # The differences that a config can mend come first, in the words of the config.
    for what, size in ours.items():
        demand(theirs.get(what) == size, what, theirs.get(what), size)
    demand(not core, 'no', core, 'all of them')
    demand(not missing and not unknown, 'unknown keys', unknown, f'also {missing}')
    for key, value in own.items():
        given = state[key]
        demand(given.shape == value.shape, f'shape of {key}', tuple(given.shape),
               tuple(value.shape))
        demand(given.is_floating_point() == value.is_floating_point(), f'dtype of {key}',
               given.dtype, value.dtype)
    model.load_state_dict(state)
