"""Boxes as texts, and ground truth."""
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..runtime.conventions import Doubt, doubt
from ..runtime.frames import count_frames, frame_size, recorded_length
from ..utils.files import image_names, in_order, read_text
from .layouts import Sequence, Texts, find, frames_from, part_of_video, with_missing

# Of LaSOT, in the order of its att files.
ATTRIBUTES = ('IV', 'POC', 'DEF', 'MB', 'CM', 'ROT', 'BC', 'VC', 'SV', 'FOC', 'FM', 'OV', 'LR',
              'ARC')
# What Microsoft's C library prints for NaN.
NAN = re.compile(r'[-+]?(nan\(\w*\)|1\.#(IND|QNAN)\d*)', re.IGNORECASE)
# Where commas are not between numbers, but in them: four or more, apart by what else they can be.
DECIMAL_COMMAS = re.compile(
    r'^[ \t]*(?=.*,)([-+]?\d+(,\d+)?[; \t]+){3,}[-+]?\d+(,\d+)?[; \t]*$', re.MULTILINE)
SURELY = 5  # frames with as many boxes each, by no chance
RESOLUTION = re.compile(r'^resolution: *\((\d+), *(\d+)\)', re.MULTILINE)


class Annotation(NamedTuple):
    """Ground truth of a sequence.

    Attributes:
        boxes: (N, 4) x, y, w, h in pixels.
        absent: (N,) bool, the target is not to be seen.
        attributes: codes of ``ATTRIBUTES`` that hold; empty if nobody says.
        size: width and height of the frames in pixels; None if nobody says.
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
    """Read the annotation of a sequence, whose paths are in ``texts``; ``unknown`` takes why
    attributes are left out, for they are another data set's."""
    place = texts.source / sequence.annotation
    frames = texts.source / sequence.frames
    boxes = finite(parse_boxes(
        texts[sequence.annotation], place,
        (lambda: recorded_length(frames)) if sequence.frames else None), place)
    absent = flagged_absent(
        {path: texts[path] for path in sequence.flags}, texts.source, len(boxes))
    codes, size = frozenset(), None
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


def flagged_absent(texts: Mapping[str, str], root: Path, length: int) -> np.ndarray:
    """Frames (length,) bool in which the target is not seen, as files of flags below ``root`` say,
    {path: content}."""
    absent = np.zeros(length, bool)
    for path, text in texts.items():
        # How much of the target is seen, in eighths; the others say whether it is not.
        cover = path.endswith('cover.label')
        values = flags(text, root / path, length, '012345678' if cover else '01')
        absent |= ~values if cover else values
    return absent


def doubt_sequence(root: Path, sequence: Sequence, boxes: np.ndarray) -> Doubt | None:
    """Why frames and boxes (N, 4) of a sequence of own data hardly belong together; None if nothing
    speaks against it. Of a video whose header disagrees with the boxes the frames are counted."""
    path, count = root / sequence.frames, len(boxes)
    there = {*image_names(path)}
    names = [name for name in frames_from(sequence.start, there, count) if name in there]
    if not (names or path.is_file()):
        return Doubt(False, f'no frames in {sequence.frames}')
    # Else other parts follow in it, of which own names, without a start, only look so.
    whole = not sequence.start or part_of_video(sequence.name)[0] == sequence.name
    other = None
    if path.is_file() and count > 1 and whole:
        there = recorded_length(path)
        other = doubt_count(there if there == count else count_frames(path), count)
    elif whole or count == 1:
        other = doubt_pictures(names, count)
    elif len(there) != count:
        numbers = [int(Path(name).stem) for name in names[:count] if Path(name).stem.isdecimal()]
        if numbers and numbers[-1] >= sequence.start + count:  # frames of what follows
            missing = {*range(sequence.start, sequence.start + count)} - {*numbers}
            other = Doubt(True, f'{len(missing)} of {count} frames are missing, the first is '
                          f'number {min(missing)}')
    if other:
        return other
    return doubt_boxes([path / name for name in names] or [path], boxes)


def doubt_pictures(names: Iterable[str], count: int) -> Doubt | None:
    """Why image files are hardly the frames of ``count`` boxes, by their names and number."""
    names = list(names)
    if len(names) == count:
        return None
    numbers = Counter(re.sub(r'\D+', ' ', Path(name).stem).strip() or name for name in names)
    beside = 'are there masks or other pictures beside the frames?'
    if sum(number > 1 for number in numbers.values()) > len(numbers) / 2:
        return Doubt(len(numbers) == count > 1,
                     f'{len(names)} frames of {len(numbers)} numbers; {beside}')
    if count > 1 and names and len(names) % count == 0:
        return Doubt(True, f'{len(names)} frames for {count} boxes; {beside}')
    other = doubt_count(len(names), count)
    if missing := in_order({*with_missing(in_order(names), count)} - {*names}):
        return other._replace(text=f'{len(missing)} of {count} frames are missing, the first is '
                              f'{missing[0]}')
    return other


def doubt_count(there: int, count: int) -> Doubt | None:
    """Likewise, of a video or folder with so many frames, none if nobody knows."""
    if count == 1 or there in (0, count):  # the first box may be all that is known
        return None
    if count % there == 0 and there >= SURELY:
        return Doubt(True, f'{there} frames for {count} boxes; are there {count // there} boxes a '
                     'frame, or frames left out?')
    return Doubt(False, f'{there} frames for {count} boxes' + (
        '; those after the last box are not used' if there > count else ''))


def doubt_boxes(frames: Iterable[str | Path], boxes: np.ndarray) -> Doubt | None:
    """Why boxes (N, 4) of a sequence are hardly in pixels of its frames, image files or those of a
    video, of which the first, one in the middle and the last are looked at."""
    if not (boxes[:, 2:] > 0).all(axis=1).any():
        return Doubt(False, 'no box has an area; expected x,y,w,h in pixels')
    frames = list(frames)
    sizes = {size: frame for frame in (frames[-1], frames[len(frames) // 2], frames[0])
             if (size := frame_size(frame))}
    if len(sizes) > 1:
        found = ', '.join('{} has {} x {}'.format(Path(frame).name, *size)
                          for size, frame in sizes.items())
        return Doubt(False, f'frames of different sizes: {found} pixels; each box has to be in '
                     'pixels of its own')
    return doubt(boxes, *sizes) if sizes else None


def doubt_together(root: Path, sequences: Iterable[tuple[Sequence, np.ndarray]]) -> Doubt | None:
    """Likewise, of several sequences of own data and their boxes (N, 4): what one alone cannot
    tell, such as that none leaves a quarter of its frames."""
    ranges, sizes = [], []
    for sequence, boxes in sequences:
        boxes = boxes[(boxes[:, 2:] > 0).all(axis=1)]
        path = root / sequence.frames
        names = image_names(path)
        if len(boxes) and (names or path.is_file()) and (
                size := frame_size(path / in_order(names)[0] if names else path)):
            low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
            ranges.append([*low, *(high - low)])
            sizes.append(size)
    return doubt(np.array(ranges), np.array(sizes)) if ranges else None


def parse_boxes(text: str, source: str | Path, frames: Callable[[], int] | None = None
                ) -> np.ndarray:
    """Boxes (N, 4) x, y, w, h in pixels, NaN for a frame whose line is blank.

    Args:
        text: a box a line. Blank lines after the boxes are passed by, and a blank line after each
            box; those before the boxes, too, unless all lines are as many as ``frames`` says.
        source: where it is from, for messages.
        frames: their number.
    """
    return parse_numbers('\n'.join(lines_of_frames(text, frames)), source, 4,
                         'four numbers x,y,w,h a line')


def lines_of_frames(text: str, frames: Callable[[], int] | None = None) -> list[str]:
    """Lines of a text that has one for each frame, of NaN if a line between others is blank, or
    any line has only commas: a frame without the target. Blank lines before the others stay as
    they are, unless :func:`parse_boxes` counts them; so do those after each of them."""
    lines = plain(text).rstrip().splitlines()
    start = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    blank = [not line.strip(', \t') for line in lines[start:]]  # tables have commas there
    if len(blank) > 4 and all(blank[1::2]) and not any(blank[::2]):
        return lines
    if 0 < start < len(lines) and frames and frames() == len(lines):
        start, blank = 0, [True] * start + blank
    lines[start:] = ['nan ' * 4 if absent else line
                     for line, absent in zip(lines[start:], blank)]
    return lines


def parse_numbers(text: str, source: str | Path, count: int | None, expected: str) -> np.ndarray:
    """Numbers (N, count) of lines, see :func:`plain`.

    Args:
        text: ``count`` numbers a line, or as many in each if it is None; blank lines are passed by.
        source: where it is from, for messages.
        expected: for messages, what a line has.
    """
    text = plain(text)
    lines = text.replace(',', ' ').splitlines()
    if not any(line.strip() for line in lines):
        raise ValueError(f'{source}: expected {expected}; it is empty')
    try:
        found = np.loadtxt(lines, comments=None, ndmin=2)
        # Decimal commas would make more than four numbers.
        if count == found.shape[1] or count is None and not DECIMAL_COMMAS.search(text):
            return found
    except ValueError:
        pass
    count = count or len(next(filter(str.strip, lines)).split())
    commas = [DECIMAL_COMMAS.fullmatch(line) is not None for line in text.splitlines()]
    number = next((i for i, line in enumerate(lines)
                   if commas[i] or not _has_numbers(line, count)), 0)
    line, hint = text.splitlines()[number], '; write decimals with a point' * commas[number]
    raise ValueError(f'{source}: expected {expected}; line {number + 1} is {line[:100]!r}{hint}')


def plain(text: str) -> str:
    """A text of numbers apart by commas, tabs or spaces, or all of them by semicolons, without
    Windows' mark, and with NaN as Python knows it."""
    text = NAN.sub('nan', text.removeprefix('\ufeff'))
    return text if ',' in text else text.replace(';', ' ')


def _has_numbers(line: str, count: int) -> bool:
    """Whether a line holds so many numbers, or nothing."""
    try:
        return len([float(word) for word in line.split()]) in (0, count)
    except ValueError:
        return False


def box_text(boxes: np.ndarray | Iterable, form: str = '.10g') -> str:
    """Lines x,y,w,h of boxes (N, 4), as :func:`parse_boxes` reads them."""
    line = ','.join([f'%{form}'] * 4) + '\n'
    return ''.join(line % tuple(box) for box in np.asarray(boxes).tolist())


def read_boxes(path: Path, frames: Callable[[], int] | None = None) -> np.ndarray:
    """Boxes (N, 4) of a file; arguments and errors as of :func:`parse_boxes`, and OSError if it
    cannot be read."""
    return parse_boxes(read_text(path), path, frames)


def finite(boxes: np.ndarray, source: str | Path) -> np.ndarray:
    """Boxes (N, 4), those that are not finite made 0,0,0,0, as if the target was not seen."""
    bad = ~np.isfinite(boxes).all(axis=1)
    if bad[0]:
        raise ValueError(f'{source}: the first box {boxes[0].tolist()} is not finite')
    boxes[bad] = 0
    return boxes


def flags(text: str, source: str | Path, length: int, known: str = '01') -> np.ndarray:
    """Flags (length,) bool, False for 0, of numbers apart by commas, spaces or lines."""
    values = plain(text).replace(',', ' ').split()
    # NumPy writes 0 as 0.000000000000000000e+00.
    odd = [value for value in values if re.sub(r'\.0*(e\+00)?$', '', value) not in {*known}]
    if len(values) != length or odd:
        raise ValueError(f'{source}: expected {length} flags {known[0]} to {known[-1]}, got '
                         f'{len(values)} values' + (f', such as {odd[0][:20]!r}' if odd else ''))
    return np.array(values, float) != 0
