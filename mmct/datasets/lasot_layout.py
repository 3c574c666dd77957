"""LaSOT annotations of the official evaluation toolkit, brought into LaSOT's own layout.

The toolkit has ``NAME.txt`` (a box x,y,w,h a line) and ``absent/NAME.txt`` (0 or 1 a line) in one
folder or archive; LaSOT, and MMTracking's ``LaSOTDataset`` with it, a folder per video::

    annotations/lasot_test_infos.txt
    LaSOTBenchmark/CATEGORY/NAME/{groundtruth,full_occlusion,out_of_view}.txt

The toolkit does not tell full occlusion from out of view. Absent frames are written as fully
occluded; what is made of the two files, that the target is not visible, comes out the same.
"""
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

from ..formats.infos import HEADER
from ..formats.sequences import lasot_sequence
from ..utils.files import read_text, texts_of_archive, write_text

VIDEO = re.compile(r'\w+-\d+')
BOX = re.compile(r'-?[\d.]+(,-?[\d.]+){3}')


def convert_lasot_annotations(source, target):
    """Write toolkit annotations in LaSOT's layout; images, where they are, are left alone.

    Every file is written whole or not at all, the info file last.

    Args:
        source: .tar, .zip or folder of the toolkit's annotations.
        target: LaSOT's root, made if missing.

    Returns:
        The number of videos.

    Raises:
        FileNotFoundError: source is missing.
        ValueError: source is no archive, has no annotations, or those of a video do not agree.
    """
    lines = [HEADER]
    for name, (boxes, absent) in sorted(read_toolkit(Path(source)).items()):
        sequence = lasot_sequence(name)
        for file, text in zip((sequence.annotation, *sequence.flags), (
                '\n'.join(boxes), ','.join(absent), ','.join('0' * len(boxes)))):
            write_text(Path(target, 'LaSOTBenchmark', file), f'{text}\n')
        lines.append(sequence.info_line(len(boxes)))
    write_text(Path(target, 'annotations', 'lasot_test_infos.txt'), '\n'.join(lines))
    return len(lines) - 1


def read_toolkit(source):
    """Name of each video -> its box lines and its absent flags, checked."""
    videos = defaultdict(dict)
    for path, text in texts(source):
        # Only the last two parts of a path count, so an archive cannot lead out of the target.
        path = PurePosixPath(path)
        if VIDEO.fullmatch(path.stem) and path.parent.name != 'att':  # attributes of a video
            kind = 'absent' if path.parent.name == 'absent' else 'boxes'
            videos[path.stem][kind] = text.split()
    if not videos:
        raise ValueError(f'{source} has no annotations NAME.txt and absent/NAME.txt')
    return {name: check(f'{source}: {name}', **files) for name, files in videos.items()}


def texts(source):
    """Path and content of every text file of an archive or folder."""
    if source.is_dir():
        for path in source.rglob('*.txt'):
            yield path.as_posix(), read_text(path)
    elif source.is_file():
        yield from texts_of_archive(source)
    else:
        raise FileNotFoundError(f'{source} is missing: give the archive or folder of annotations')


def check(where, boxes=(), absent=()):
    if not boxes or len(boxes) != len(absent):
        raise ValueError(f'{where} has {len(boxes)} boxes and {len(absent)} absent flags')
    for number, box in enumerate(boxes, 1):
        if not BOX.fullmatch(box):
            raise ValueError(f'{where}, line {number}: expected x,y,w,h, got {box!r}')
    if not set(absent) <= {'0', '1'}:
        raise ValueError(f'{where} has absent flags other than 0 and 1')
    return boxes, absent
