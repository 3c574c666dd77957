"""Files of one layout into files of the other."""
from pathlib import Path

from . import names
from .files import CheckpointError, read_checkpoint, save_checkpoint, save_tracker, weights_in
from .loading import STUDENT_PREFIX, of_compression, student_alone


def convert(source: Path, target: Path, to: str, template_size: int, search_size: int,
            starts: str = 'OSTrack', rest: Path | None = None) -> str:
    """Convert a checkpoint file.

    Args:
        source: a released tracker, a pretrained ViT, or a checkpoint of mmct.
        to: 'mmct' or 'released'.
        template_size, search_size: sides of the crops in pixels, for a pretrained ViT only.
        starts: the tracker that a pretrained ViT is to start.
        rest: a released file with what mmct does not keep and 'released' holds; by default the
            source itself.

    Returns:
        what was found, in words.
    """
    content = read_checkpoint(source)
    if Path(source).resolve() == Path(target).resolve():
        raise ValueError(f'{target} is the file that is converted, which would be lost; give '
                         'another file for the result')
    state = weights_in(content, source)
    meta = content.get('meta')
    student = of_compression(state) or isinstance(meta, dict) and meta.get('student') is True
    title = 'tracker'
    given = state = student_alone(state)
    if names.has(state, names.OWN_LAYERS):
        if to == 'mmct':
            names.check_own(state, str(source))
    else:
        kind, layout = names.find(state, str(source), starts)
        if layout is not kind.pretrained:
            state = kind.to_own(layout, state, str(source))
            student = student or bool(layout.student)
        elif to == 'released':
            raise CheckpointError(f'{source} is a pretrained ViT; there is no released layout for '
                                  'it, use --to mmct')
        else:
            title = 'pretrained ViT'
            state = kind.from_pretrained(state, str(source), (template_size, search_size))
    if to == 'released':
        others = weights_in(read_checkpoint(rest), rest) if rest else given
        net = names.to_released(state, student, str(source), (others, str(rest or source)))
        save_checkpoint(dict(net=net), target)
    else:
        save_tracker(state, target, student)
    return 'student' if student else title


def extract_student(source: Path, target: Path) -> None:
    """Write the student of a compression as a checkpoint of its own; CheckpointError if the source
    is none of a compression, ValueError if the target is the source, which could not be resumed."""
    if Path(source).resolve() == Path(target).resolve():
        raise ValueError(f'{target} is the checkpoint of the compression itself; give another file '
                         'for its student')
    state = weights_in(read_checkpoint(source), source)
    if not of_compression(state):
        raise CheckpointError(f'{source} holds no student: expected keys that start with '
                              f'"{STUDENT_PREFIX}", as training a ReplacementDistiller writes '
                              f'them, got {sorted(state)[:3]}')
    save_tracker(student_alone(state), target, student=True)
