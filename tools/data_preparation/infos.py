"""The info files that MMTracking's data sets are read from."""
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mmct.formats import Sequence
from mmct.formats.annotations import box_text, doubt_pictures
from mmct.utils.files import image_names, write_text

from .layouts import Layout

HEADER = ('The format of each line in this txt is '
          '(video_path,annotation_path,start_frame_id,end_frame_id)')


def write_infos(root: Path, name: str, layout: Layout,
                progress: Callable[[], None] = lambda: None
                ) -> dict[Path, tuple[int, list[str]]]:
    """Write the info files of all splits that are there.

    Annotations that are not as evaluation reads them are written so, too. Sequences without frames
    or readable annotation are left out.

    Args:
        root: folder of the data set.
        name: of the data set.
        layout: of the data set.
        progress: called after each sequence.

    Returns:
        {info file: (number of sequences in it, what is wrong with those that are not)}.

    Raises:
        FileNotFoundError: no sequence is there.
    """
    written = {}
    for key, sequences in layout.present(root).items():
        lines, left_out = [HEADER], []
        for sequence in sequences:
            try:
                lines.append(info_line(root, name, layout, sequence, layout.splits[key].secret))
            except (OSError, ValueError) as error:
                left_out.append(f'{sequence.name}: {error}')
            progress()
        file = root / layout.info_file(name, key)
        write_text(file, '\n'.join(lines))
        written[file] = len(lines) - 1, left_out
    return written


def info_line(root: Path, name: str, layout: Layout, sequence: Sequence, secret: bool) -> str:
    """Make the line of a sequence in its info file, and write its annotation if that is needed.

    Args:
        root, name, layout: as in :func:`write_infos`.
        sequence: one of the data set.
        secret: only the first box is given.

    Raises:
        FileNotFoundError: frames or annotation are missing.
        ValueError: the annotation cannot be read.
    """
    prefix = root / layout.prefix
    frames = image_names(prefix / sequence.frames)
    if not frames:
        raise FileNotFoundError(f'{prefix / sequence.frames} has no frames')
    boxes = layout.read(prefix / sequence.annotation, len(frames))[sequence.skipped:]
    count = len(boxes)
    other = sequence.template is None and not secret and doubt_pictures(frames, count)
    if other and other.certain:
        raise ValueError(f'{prefix / sequence.frames}: {other.text}')
    if secret:
        # Numbered without gaps, as tools/check_dataset.py sees to.
        numbers = [int(stem) for stem in (Path(frame).stem for frame in frames) if stem.isdecimal()]
        count = max(numbers, default=sequence.start - 1) - sequence.start + 1
    elif layout.plain:
        plain = f'annotations/{name}/{sequence.name}.txt'
        write_text(root / plain, box_text(boxes.tolist()))
        if sequence.template is None:  # read by a class of ours
            sequence = replace(sequence, annotation=plain)
    if sequence.template and ',' in sequence.frames + sequence.annotation:
        raise ValueError('its path has a comma, at which MMTracking splits lines of info files; '
                         'rename it')
    return sequence.info_line(count)
