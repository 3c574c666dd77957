"""Ground truth: LaSOT's own layout or GOT-10k's, LaSOT's toolkit's, or an archive of that."""
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

import numpy as np

from ..runtime.frames import names_in
from ..utils.files import LITTER, read_text, safe_name, texts_of_archive
from .names import sequence_name
from .own import GROUND_TRUTH, own_items
from .results import parse_boxes, read_boxes
from .sequences import own

# Of LaSOT, in the order of its att files.
ATTRIBUTES = ('IV', 'POC', 'DEF', 'MB', 'CM', 'ROT', 'BC', 'VC', 'SV', 'FOC', 'FM', 'OV', 'LR',
              'ARC')
# The first line of a file of scores or times.
ONE_NUMBER = re.compile(r'\s*[-+.\deE]+[ \t\r]*(\n|$)')
# Folders of the toolkits beside their boxes: flags, attributes, sentences.
BESIDE = ('absent', 'att', 'nlp')
T = TypeVar('T')
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
    """Read the annotations of all sequences, by name, in the order of the names.

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
    bad = {} if problems is None else problems
    annotations = _annotations(Path(source), bad)
    if not annotations:
        raise ValueError(next(iter(bad.values())))
    if bad and problems is None:
        warnings.warn(f'{len(bad)} of {len(annotations) + len(bad)} annotations are left out: '
                      f'{next(iter(bad.values()))}', stacklevel=2)
    return annotations


def _annotations(source: Path, problems: dict[str, str]) -> dict[str, Annotation]:
    if not source.is_dir():
        texts = read_texts(source)
        inside = next((path for path in texts if GROUND_TRUTH.fullmatch(PurePosixPath(path).name)),
                      None)
        if inside:
            raise ValueError(f'{source} has folders of sequences, such as '
                             f'{PurePosixPath(inside).parent}; unpack it, and give the folder')
        return toolkit_annotations(texts, source, problems)
    beside_frames = {item.stem for item in own_items(source)}
    files = [source / name for name in names_in(source) if name.endswith('.txt')]
    if any(file.stem in beside_frames for file in files):
        # Own data, in which there may be other texts, such as a list of classes.
        files = [file for file in files if file.stem in beside_frames or has_boxes(file)]
        texts = {file.name: read_text(file) for file in files}
        within = [sequence for sequence in own(source) if '/' in sequence.annotation]
        texts |= {f'{sequence.name}.txt': read_text(source / sequence.annotation)
                  for sequence in within}
        return toolkit_annotations(texts, source, problems)
    ground_truth = [file for file in text_files(source) if GROUND_TRUTH.fullmatch(file.name)]
    if ground_truth:
        places = {}
        for file in ground_truth:
            name = sequence_name(str(file))
            other = places.setdefault(name, file)
            if other != file:
                raise called_alike(source, name, other.parent, file.parent)
        return _those_that_can_be_read(places, folder_annotation, problems)
    return toolkit_annotations(read_texts(source), source, problems)


def _those_that_can_be_read(places: dict[str, T], read: Callable[[T], Annotation],
                            problems: dict[str, str]) -> dict[str, Annotation]:
    """What ``read`` gives for each sequence; ``problems`` takes the others."""
    found = {}
    for name, place in places.items():
        try:
            found[name] = read(place)
        except ValueError as error:
            problems[name] = str(error)
    return found


def called_alike(source: Path, name: str, *places: object) -> ValueError:
    """The error for a name that two sequences have, of which results could not be told apart."""
    return ValueError(f'{source}: two sequences are called {name}: {places[0]} and {places[1]}; '
                      'rename one, or give the folder of one of them')


def has_boxes(file: Path) -> bool:
    """Whether a file can be read as boxes."""
    try:
        read_boxes(file)
    except ValueError:
        return False
    return True


def read_texts(source: Path) -> dict[str, str]:
    """Content of all .txt files of a folder or an archive, by their paths in it.

    Raises:
        FileNotFoundError: there is no such folder or archive.
        ValueError: a file is not text; it is named.
    """
    if source.is_dir():
        return {file.relative_to(source).as_posix(): read_text(file)
                for file in text_files(source)}
    if not source.is_file():
        raise FileNotFoundError(f'{source} does not exist; give a folder of annotations or an '
                                'archive of it')
    return dict(texts_of_archive(source))


def text_files(folder: Path) -> list[Path]:
    """The .txt files of a folder and of those below it, also of linked ones, sorted.

    Below a groundtruth.txt (OTB100's groundtruth_rect.txt) there are only frames, which are not
    looked through.
    """
    found, visited = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        # Visited before: links in a circle.
        if real in visited or any(map(GROUND_TRUTH.fullmatch, names)):
            folders.clear()
        if real not in visited and not Path(place).name.startswith(LITTER):
            found += [Path(place, name) for name in names
                      if name.endswith('.txt') and not name.startswith(LITTER)]
        visited.add(real)
    return sorted(found)


def folder_annotation(path: Path) -> Annotation:
    """Annotation of one sequence in LaSOT's own layout or GOT-10k's.

    Args:
        path: its groundtruth.txt.

    Raises:
        ValueError: a file cannot be understood; it is named.
    """
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


def toolkit_annotations(texts: dict[str, str], source: Path,
                        problems: dict[str, str] | None = None) -> dict[str, Annotation]:
    """Annotations of all sequences in the toolkit's layout, in the order of the names.

    Args:
        texts: {path within ``source``: content}. Of files with the same name, such as boxes and
            what somebody put into a folder beside them, the one nearest to the top counts.
        source: folder or archive, for messages.
        problems: takes the sequences whose files cannot be understood, with the reason; None to
            raise the first.

    Raises:
        FileNotFoundError: there are no boxes.
        ValueError: see above, or two files at the same depth are called alike; they are named.
    """
    kinds = {kind: {} for kind in ('boxes', *BESIDE)}
    found = {}
    paths = [PurePosixPath(path) for path in texts]
    for path, text in sorted(zip(paths, texts.values()), key=lambda item: len(item[0].parts)):
        kind = path.parent.name if path.parent.name in BESIDE else 'boxes'
        name = safe_name(path.stem)
        other = found.setdefault((kind, name), path)
        if other != path and len(other.parts) == len(path.parts):
            raise called_alike(source, name, other, path)
        kinds[kind].setdefault(name, text)
    boxes_by_name = kinds['boxes']
    # A sequence may have such a name, too; only what lies beside boxes has a number a line.
    one_number = {f'{name}_{kind}' for name in boxes_by_name for kind in ('score', 'time')
                  if ONE_NUMBER.match(boxes_by_name.get(f'{name}_{kind}', ''))}
    names = sorted(boxes_by_name.keys() - one_number)
    if not names:
        raise FileNotFoundError(f'{source} has no annotations: neither NAME/groundtruth.txt nor '
                                'NAME.txt')
    unknown = []

    def read(name: str) -> Annotation:
        where = f'{source}: {name}.txt'
        boxes = finite(parse_boxes(boxes_by_name[name], where), where)
        absent, codes = np.zeros(len(boxes), bool), frozenset()
        if name in kinds['absent']:
            absent = flags(kinds['absent'][name], f'{source}: absent/{name}.txt', len(boxes))
        if name in kinds['att']:
            try:
                holds = flags(kinds['att'][name], f'{source}: att/{name}.txt', len(ATTRIBUTES))
                codes = frozenset(code for code, own in zip(ATTRIBUTES, holds) if own)
            except ValueError as error:
                unknown.append(error)
        return Annotation(boxes, absent, codes)

    bad = {} if problems is None else problems
    annotations = _those_that_can_be_read({name: name for name in names}, read, bad)
    if bad and problems is None:
        raise ValueError(next(iter(bad.values())))
    if unknown:
        warnings.warn(f"attributes of {len(unknown)} sequences are left out, for they are not "
                      f"LaSOT's: {unknown[0]}", stacklevel=2)
    return annotations


def finite(boxes: np.ndarray, source: str | Path) -> np.ndarray:
    """Boxes (N, 4), those that are not finite made 0,0,0,0, as where the target is not seen.

    Raises:
        ValueError: the first, that of the target to follow, is not; ``source`` is named.
    """
    bad = ~np.isfinite(boxes).all(axis=1)
    if bad[0]:
        raise ValueError(f'{source}: the first box {boxes[0].tolist()} is not finite')
    boxes[bad] = 0
    return boxes


def flags(text: str, source: str | Path, length: int, known: str = '01') -> np.ndarray:
    """Flags (length,) bool, False for 0, of digits apart by commas, spaces or lines.

    Raises:
        ValueError: there are others, or not so many; ``source`` is named.
    """
    values = text.replace(',', ' ').split()
    if len(values) != length or not set(values) <= set(known):
        raise ValueError(f'{source}: expected {length} flags {known[0]} to {known[-1]}, got '
                         f'{len(values)} values')
    return np.array(values) != '0'
