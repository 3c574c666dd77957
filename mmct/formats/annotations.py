"""Ground truth: LaSOT's own layout or GOT-10k's, LaSOT's toolkit's, or an archive of that."""
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from ..utils.files import read_text, safe_name, texts_of_archive
from .results import parse_boxes

# Of LaSOT, in the order of its att files.
ATTRIBUTES = ('IV', 'POC', 'DEF', 'MB', 'CM', 'ROT', 'BC', 'VC', 'SV', 'FOC', 'FM', 'OV', 'LR',
              'ARC')
# The first line of a file of scores or times.
ONE_NUMBER = re.compile(r'\s*[-+.\deE]+[ \t\r]*(\n|$)')
RESOLUTION = re.compile(r'^resolution: *\((\d+), *(\d+)\)', re.MULTILINE)


class Annotation(NamedTuple):
    """Ground truth of a sequence.

    Attributes:
        boxes: (N, 4) x, y, w, h in pixels.
        absent: (N,) bool, the target is not to be seen.
        attributes: codes of ``ATTRIBUTES`` that hold; empty where nobody says.
        size: width and height of the frames in pixels; None where nobody says.
    """
    boxes: np.ndarray
    absent: np.ndarray
    attributes: frozenset = frozenset()
    size: tuple[int, int] | None = None


def read_annotations(source: Path) -> dict[str, Annotation]:
    """The annotations of all sequences, by name, in the order of the names.

    Args:
        source: a folder in LaSOT's layout (``…/NAME/groundtruth.txt`` with ``full_occlusion.txt``
            and ``out_of_view.txt``), in GOT-10k's (with ``cover.label`` or ``absence.label``, and
            ``meta_info.ini``), or in LaSOT's toolkit's (``annos/NAME.txt``,
            ``annos/absent/NAME.txt``, ``annos/att/NAME.txt``), or a .tar or .zip of the last.
            Results of a tracker will do; scores and times beside their boxes are passed by.

    Raises:
        FileNotFoundError: there is nothing, or no annotation in it.
        ValueError: a file cannot be understood; it is named.
    """
    if source.is_dir():
        ground_truth = sorted(source.rglob('groundtruth.txt'))
        if ground_truth:
            return {path.parent.name: folder_annotation(path) for path in ground_truth}
        return toolkit_annotations({path.relative_to(source).as_posix(): read_text(path)
                                    for path in source.rglob('*.txt')}, source)
    if not source.is_file():
        raise FileNotFoundError(f'{source} does not exist; give a folder of annotations or an '
                                'archive of it')
    return toolkit_annotations(dict(texts_of_archive(source)), source)


def folder_annotation(path: Path) -> Annotation:
    """Of one sequence in LaSOT's own layout or GOT-10k's, from its groundtruth.txt."""
    boxes = finite(parse_boxes(read_text(path), path), path)
    absent = np.zeros(len(boxes), bool)
    for name in ('full_occlusion', 'out_of_view'):
        file = path.with_name(f'{name}.txt')
        if file.is_file():
            absent |= flags(read_text(file), file, len(boxes))
    absence, cover = path.with_name('absence.label'), path.with_name('cover.label')
    if cover.is_file():  # how much of the target is seen, in eighths
        absent |= ~flags(read_text(cover), cover, len(boxes), '012345678')
    elif absence.is_file():
        absent |= flags(read_text(absence), absence, len(boxes))
    meta = path.with_name('meta_info.ini')
    size = RESOLUTION.search(read_text(meta)) if meta.is_file() else None
    return Annotation(boxes, absent, size=size and (int(size[1]), int(size[2])))


def toolkit_annotations(texts: dict[str, str], source: Path) -> dict[str, Annotation]:
    """Of all sequences in the toolkit's layout.

    Args:
        texts: {path within ``source``: content}.
    """
    groups = {}
    for path, text in texts.items():
        parts = PurePosixPath(path)
        kind = parts.parent.name if parts.parent.name in ('absent', 'att') else 'boxes'
        groups.setdefault(kind, {})[safe_name(parts.stem)] = text
    if not groups.get('boxes'):
        raise FileNotFoundError(f'{source} has no annotations: neither NAME/groundtruth.txt nor '
                                'NAME.txt')
    annotations = {}
    # A sequence may have such a name, too; only what lies beside boxes has a number a line.
    beside = {f'{name}_{kind}' for name in groups['boxes'] for kind in ('score', 'time')
              if ONE_NUMBER.match(groups['boxes'].get(f'{name}_{kind}', ''))}
    for name in sorted(groups['boxes'].keys() - beside):
        where = f'{source}: {name}.txt'
        boxes = finite(parse_boxes(groups['boxes'][name], where), where)
        absent, codes = np.zeros(len(boxes), bool), frozenset()
        if name in groups.get('absent', {}):
            absent = flags(groups['absent'][name], f'{source}: absent/{name}.txt', len(boxes))
        if name in groups.get('att', {}):
            holds = flags(groups['att'][name], f'{source}: att/{name}.txt', len(ATTRIBUTES))
            codes = frozenset(code for code, own in zip(ATTRIBUTES, holds) if own)
        annotations[name] = Annotation(boxes, absent, codes)
    return annotations


def finite(boxes: np.ndarray, source) -> np.ndarray:
    """The boxes, those that are not finite without area, as where the target is not seen.

    Raises:
        ValueError: the first, that of the target to follow, is not; ``source`` is named.
    """
    bad = ~np.isfinite(boxes).all(axis=1)
    if bad[0]:
        raise ValueError(f'{source}: the first box {boxes[0].tolist()} is not finite')
    boxes[bad] = 0
    return boxes


def flags(text: str, source, length: int, known: str = '01') -> np.ndarray:
    """(length,) bool, False for 0, of digits apart by commas, spaces or lines.

    Raises:
        ValueError: there are others, or not so many; ``source`` is named.
    """
    values = text.replace(',', ' ').split()
    if len(values) != length or not set(values) <= set(known):
        raise ValueError(f'{source}: expected {length} flags {known[0]} to {known[-1]}, got '
                         f'{len(values)} values')
    return np.array(values) != '0'
