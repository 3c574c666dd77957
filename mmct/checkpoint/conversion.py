"""Files of one layout into files of the other."""
from pathlib import Path

from . import names
from .errors import CheckpointError
from .loading import STUDENT_PREFIX, tracker_weights
from .reading import read_checkpoint, weights_in
from .writing import save_checkpoint, save_tracker


def convert(source: Path, target: Path, to: str, template_size: int, search_size: int) -> str:
    """Convert a checkpoint file.

    Args:
        source: released OSTrack or CompressTracker, MAE-pretrained ViT, or a checkpoint of mmct.
        target: file to write.
        to: 'mmct' or 'released'.
        template_size, search_size: sides of the crops in pixels, for a pretrained ViT only.

    Returns:
        what was found, in words.

    Raises:
        FileNotFoundError, CheckpointError: see :func:`tracker_weights`; keys that are not
            understood or missing are listed.
    """
    content = read_checkpoint(source)
    state = weights_in(content, source)
    if any(key.removeprefix('module.').startswith('blocks.') for key in state):
        if to == 'released':
            raise CheckpointError(f'{source} is a pretrained ViT; there is no released layout for '
                                  'it, use --to mmct')
        state = names.from_mae(state, template_size, search_size, str(source))
        save_tracker(state, target, student=False)
        return 'pretrained ViT'
    student = is_student(content, state)
    state = tracker_weights(source)
    if to == 'released' and any(key.startswith('backbone.patch_embed.layers.') for key in state):
        raise CheckpointError(f'{source} has a convolutional stem; there is no released layout '
                              'for such trackers, tools/export.py writes ONNX')
    if to == 'released':
        save_checkpoint(dict(net=names.to_released(state, student, str(source))), target)
    else:
        save_tracker(state, target, student)
    return 'student' if student else 'tracker'


def extract_student(source: Path, target: Path) -> None:
    """The student of a compression's checkpoint as a plain OSTrack checkpoint.

    Raises:
        FileNotFoundError, CheckpointError: no such file, or no student in it.
    """
    state = weights_in(read_checkpoint(source), source)
    if not any(key.startswith(STUDENT_PREFIX) for key in state):
        raise CheckpointError(f'{source} holds no student: expected keys that start with '
                              f'"{STUDENT_PREFIX}", as training a ReplacementDistiller writes '
                              f'them, got {sorted(state)[:3]}')
    save_tracker(tracker_weights(source), target, student=True)


def is_student(content: dict, state: dict) -> bool:
    """Whether a checkpoint's tracker is a compressed one."""
    meta = content.get('meta')
    return (names.is_released_student(state) or any(key.startswith(STUDENT_PREFIX)
                                                    for key in state)
            or isinstance(meta, dict) and meta.get('student') is True)
