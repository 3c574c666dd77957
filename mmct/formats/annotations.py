"""Boxes as texts, and ground truth."""
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..utils.files import read_text
from .layouts import Sequence, Texts, find

# Of LaSOT, in the order of its att files.
ATTRIBUTES = ('IV', 'POC', 'DEF', 'MB', 'CM', 'ROT', 'BC', 'VC', 'SV', 'FOC', 'FM', 'OV', 'LR',
              'ARC')
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


def read_annotations(source: str | Path, problems: dict[str, str] | None = None
                     ) -> dict[str, Annotation]:
    """Read the annotations of all sequences, by name.

    Args:
        source: a folder in LaSOT's layout (``…/NAME/groundtruth.txt`` with ``full_occlusion.txt``
            and ``out_of_view.txt``), in GOT-10k's (with ``cover.label`` or ``absence.label``, and
            ``meta_info.ini``), in OTB100's (``…/NAME/groundtruth_rect.txt``), or in LaSOT's
            toolkit's (``annos/NAME.txt``, ``annos/absent/NAME.txt``, ``annos/att/NAME.txt``), or a
            .tar or .zip of the last; or of your own data (NAME.txt beside the frames). Results of a
            tracker are accepted, too; scores and times beside their boxes are ignored.
        problems: takes the sequences whose files cannot be understood, with the reason; None to
            warn of them.

    Raises:
        FileNotFoundError: there is nothing, or no annotation in it.
        ValueError: no file can be understood, or two sequences are called alike; they are named.
    """
    texts = Texts(source)
    found, bad, unknown = {}, {} if problems is None else problems, []
    for name, sequence in find(texts).items():
        try:
            found[name] = read_annotation(sequence, texts, unknown)
        except ValueError as error:
            bad[name] = str(error)
    if not found:
        raise ValueError(next(iter(bad.values())))
    if bad and problems is None:
        warnings.warn(f'{len(bad)} of {len(found) + len(bad)} annotations are left out: '
                      f'{next(iter(bad.values()))}', stacklevel=2)
    if unknown:
        warnings.warn(f"attributes of {len(unknown)} sequences are left out, for they are not "
                      f"LaSOT's: {unknown[0]}", stacklevel=2)
    return found


def read_annotation(sequence: Sequence, texts: Texts, unknown: list[str] | None = None
                    ) -> Annotation:
    """Read the annotation of a sequence.

    Args:
        sequence: one of :func:`mmct.formats.layouts.find`.
        texts: what its paths are in.
        unknown: takes why attributes are left out, for they are another data set's.
    """
    place = texts.source / sequence.annotation
    boxes = finite(parse_boxes(texts[sequence.annotation], place), place)
    absent, codes, size = np.zeros(len(boxes), bool), frozenset(), None
    for path in sequence.flags:
        # How much of the target is seen, in eighths; the others say whether it is not.
        cover = path.endswith('cover.label')
        values = flags(texts[path], texts.source / path, len(boxes),
                       '012345678' if cover else '01')
        absent |= ~values if cover else values
    if sequence.attributes:
        place = texts.source / sequence.attributes
        try:
            holds = flags(texts[sequence.attributes], place, len(ATTRIBUTES))
            codes = frozenset(code for code, holding in zip(ATTRIBUTES, holds) if holding)
        except ValueError as error:
            if unknown is not None:
                unknown.append(str(error))
    if sequence.meta:
        size = RESOLUTION.search(texts[sequence.meta])
    return Annotation(boxes, absent, codes, size and (int(size[1]), int(size[2])))


def parse_boxes(text: str, source: str | Path) -> np.ndarray:
    """Boxes (N, 4) x, y, w, h in pixels; numbers apart by commas, tabs or spaces.

    Args:
        text: a box a line; empty lines are passed by.
        source: where it is from, for messages.
    """
    lines = text.removeprefix('\ufeff').replace(',', ' ').splitlines()
    if not any(line.strip() for line in lines):
        raise ValueError(f'{source}: expected a line x,y,w,h for each frame; it is empty')
    try:
        boxes = np.loadtxt(lines, comments=None, ndmin=2)
    except ValueError:
        boxes = None
    if boxes is None or boxes.shape[1] != 4:
        number = next((number for number, line in enumerate(lines) if not _is_box(line)), 0)
        raise ValueError(f'{source}: expected four numbers x,y,w,h a line; line {number + 1} is '
                         f'{text.splitlines()[number][:100]!r}')
    return boxes


def _is_box(line: str) -> bool:
    """Whether a line holds four numbers, or nothing."""
    try:
        return len([float(word) for word in line.split()]) in (0, 4)
    except ValueError:
        return False


def box_text(boxes: np.ndarray | Iterable, form: str = '.10g') -> str:
    """Lines x,y,w,h as :func:`parse_boxes` reads them.

    Args:
        boxes: (N, 4).
        form: how Python formats a number.
    """
    return ''.join(','.join(f'{value:{form}}' for value in box) + '\n' for box in boxes)


def read_boxes(path: Path) -> np.ndarray:
    """Boxes (N, 4) of a file; errors as :func:`parse_boxes`, and OSError if it cannot be read."""
    return parse_boxes(read_text(path), path)


def finite(boxes: np.ndarray, source: str | Path) -> np.ndarray:
    """Boxes (N, 4), those that are not finite made 0,0,0,0, as where the target is not seen."""
    bad = ~np.isfinite(boxes).all(axis=1)
    if bad[0]:
        raise ValueError(f'{source}: the first box {boxes[0].tolist()} is not finite')
    boxes[bad] = 0
    return boxes


def flags(text: str, source: str | Path, length: int, known: str = '01') -> np.ndarray:
    """Flags (length,) bool, False for 0, of digits apart by commas, spaces or lines."""
    values = text.replace(',', ' ').split()
    if len(values) != length or not set(values) <= set(known):
        raise ValueError(f'{source}: expected {length} flags {known[0]} to {known[-1]}, got '
                         f'{len(values)} values')
    return np.array(values) != '0'
