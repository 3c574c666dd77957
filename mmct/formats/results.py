"""Box files, one sequence each, x,y,w,h a line, and the times and scores beside them.

Layouts: ``NAME.txt`` and ``NAME_time.txt``, as most toolkits have them; the latter may be in a
folder ``times``. GOT-10k's: ``NAME/NAME_001.txt`` and ``NAME/NAME_time.txt``. Scores, which only
training reads, are in ``NAME_score.txt``. NAME may be written as other toolkits do, see
:func:`mmct.formats.names.matching_names`.
"""
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..runtime.frames import names_in
from ..utils.files import read_text, safe_name
from .names import matching_names


def parse_boxes(text: str, source: str | Path) -> np.ndarray:
    """Boxes (N, 4) x, y, w, h in pixels; numbers apart by commas, tabs or spaces.

    Args:
        text: a box a line; empty lines are passed by.
        source: where it is from, for messages.

    Raises:
        ValueError: a line has not four numbers; ``source`` and the line are named.
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


def read_scores(path: Path, length: int) -> np.ndarray:
    """Scores (length,) in [0, 1] of a file, one a line.

    Raises:
        FileNotFoundError: it is missing.
        ValueError: it has others, or not so many; the file is named.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing; expected the score of each box, as '
                                'tools/test.py writes it; track the sequence again, or set '
                                'min_score=0')
    text = read_text(path)
    try:
        scores = np.array(text.split(), float)
    except ValueError as error:
        raise ValueError(f'{path}: expected a score a line; {error}') from None
    if len(scores) != length:
        raise ValueError(f'{path} has {len(scores)} scores for {length} boxes; track the sequence '
                         'again')
    bad = ~((scores >= 0) & (scores <= 1))
    if bad.any():
        line = int(np.argmax(bad))
        raise ValueError(f'{path}, line {line + 1}: {scores[line]:g} is no score; expected a '
                         'number in [0, 1]')
    return scores


def read_results(folder: str | Path, lengths: dict[str, int], names: Iterable[str] | None = None,
                 problems: dict[str, str] | None = None, fit: bool = False
                 ) -> dict[str, np.ndarray]:
    """Read the boxes (N, 4) of a tracker by sequence, of the same lengths as the annotations.

    Args:
        folder: of the result files.
        lengths: {name of a sequence: number of its frames}.
        names: sequences that must be there; None for those of ``lengths`` that are, but for
            sequences of a first frame alone, in which there is nothing to judge.
        problems: takes the sequences whose files cannot be used, with the reason; None to raise
            the first.
        fit: use files of another length too, see :func:`fitting_boxes`.

    Raises:
        FileNotFoundError: the folder or files of sequences are missing.
        ValueError: a file cannot be used, see :func:`fitting_boxes`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder} is not a folder of result files NAME.txt')
    files = result_files(folder, lengths)
    if not files:
        raise FileNotFoundError(f'{folder} has no result file of any annotated sequence, such as '
                                f'{next(iter(lengths))}.txt{_what_else_is_there(folder, files)}')
    if names is None:
        names = [name for name in files if lengths[name] > 1]
    elif missing := [name for name in names if name not in files]:
        raise FileNotFoundError(f'{folder} lacks the result files of {listing(missing)}'
                                f'{_what_else_is_there(folder, files)}; test these sequences')
    renamed = [name for name in names if files[name].stem not in (name, f'{name}_001')]
    if renamed:
        warnings.warn(f'{folder}: files of other names are taken for those of {len(renamed)} '
                      f'sequences, such as {files[renamed[0]].name} for {renamed[0]}', stacklevel=2)
    results = {}
    for name in names:
        try:
            results[name] = fitting_boxes(files[name], lengths[name], fit)
        except ValueError as error:
            if problems is None:
                raise
            problems[name] = str(error)
    return results


def fitting_boxes(path: Path, length: int, fit: bool) -> np.ndarray:
    """Boxes (length, 4) x, y, w, h in pixels of a result file.

    Args:
        path: of the file.
        length: of the annotation. One box more is cut off: a few published trackers write one
            frame more for some sequences.
        fit: cut off any number, and fill up with NaN, no box at all, which the metrics take for a
            box 0,0,0,0: a failure, as in the published analysis for data sets other than LaSOT.

    Raises:
        ValueError: the file cannot be read, has another length, or a box that is none.
    """
    boxes = read_boxes(path)
    there = len(boxes)
    if fit:
        boxes = np.concatenate([boxes, np.full((max(length - len(boxes), 0), 4), np.nan)])
    if len(boxes) < length:
        raise ValueError(f'{path} has {len(boxes)} boxes, the annotation {length}: the run was '
                         'broken off; delete the file and test this sequence again')
    if len(boxes) > length + 1 and not fit:
        raise ValueError(f'{path} has {len(boxes)} boxes, the annotation {length}: it is of '
                         'another version of the data set; test this sequence again')
    boxes = boxes[:length]
    bad = (~np.isfinite(boxes).all(axis=1) | (boxes[:, 2:] < 0).any(axis=1))[:there]
    if bad.any():
        line = int(np.argmax(bad)) + 1
        raise ValueError(f'{path}, line {line}: {boxes[line - 1].tolist()} is no box; expected '
                         'finite x,y,w,h with w, h >= 0')
    return boxes


def listing(names: list[str], most: int = 10) -> str:
    """Names for a message, all of them if they are few."""
    return ', '.join(names[:most]) + (f' and {len(names) - most} more' if len(names) > most else '')


def result_files(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Where the boxes of sequences are, of those that have results; of several runs the first.

    Args:
        folder: of the result files.
        names: of all sequences.

    Raises:
        ValueError: one cannot be the name of a file.
    """
    there = _box_files(folder)
    called = matching_names(map(safe_name, names), there)
    return {name: folder / there[own] for name, own in called.items()}


def _box_files(folder: Path) -> dict[str, str]:
    """{what a sequence is called there: file of its boxes}, in the order of the names.

    Raises:
        ValueError: a sequence has files in both layouts; they are named.
    """
    files = {}
    for name in sorted(names_in(folder)):
        if name.lower().endswith('.txt'):
            called, file = name[:-len('.txt')], name
        else:
            called, file = name, f'{name}/{name}_001.txt'
            if not (folder / file).is_file():
                continue
        if called in files:
            raise ValueError(f'{folder} has the boxes of {called} twice, in {files[called]} and '
                             f'{file}; remove one')
        files[called] = file
    return files


def _what_else_is_there(folder: Path, known: dict[str, Path]) -> str:
    """For a message: the box files of a folder that belong to no sequence; '' if there are none."""
    there = _box_files(folder)
    beside = {f'{name}_{kind}' for name in there for kind in ('score', 'time')}
    others = sorted(file for name, file in there.items()
                    if name not in beside and folder / file not in known.values())
    return f'; there are {listing(others, 3)}, which fit no sequence clearly' if others else ''


def read_seconds(folder: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Seconds a frame (N,) of each sequence that has a file of them.

    Raises:
        ValueError: a file holds something else.
    """
    names, seconds = list(names), {}
    called = matching_names(map(safe_name, names), _box_files(folder))
    for name in names:
        own = called.get(name, name)
        for path in (folder / f'{own}_time.txt', folder / 'times' / f'{own}_time.txt',
                     folder / own / f'{own}_time.txt'):
            if path.is_file():
                try:
                    # A column for each run.
                    seconds[name] = np.loadtxt(
                        read_text(path).replace(',', ' ').splitlines(), ndmin=2)[:, 0]
                except ValueError as error:
                    raise ValueError(f'{path}: expected the seconds of a frame a line; {error}'
                                     ) from None
                break
    return seconds
