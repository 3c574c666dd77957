"""Box files, one sequence each, x,y,w,h a line, and the times and scores beside them.

Layouts: ``NAME.txt`` and ``NAME_time.txt``, as most toolkits have them; the latter may be in a
folder ``times``. GOT-10k's: ``NAME/NAME_001.txt`` and ``NAME/NAME_time.txt``. Scores, which only
training reads, are in ``NAME_score.txt``. NAME may be written as other toolkits do, see
:func:`matching_names`.
"""
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..runtime.conventions import convention_of, doubt_results
from ..utils.files import atomic_write, names_in, read_text, safe_name, write_text
from .annotations import box_text, parse_boxes, parse_numbers, read_boxes
from .layouts import BESIDE_BOXES, sequence_name
from .sequences import PREFIX

if TYPE_CHECKING:
    from mmtrack.datasets import BaseSOTDataset

DIGITS = 4
# Where to hand in the results of sets whose annotations are kept secret.
SERVERS = {'got10k': 'http://got-10k.aitestunit.com',
           'trackingnet': 'https://eval.tracking-net.org'}


def read_scores(path: Path, length: int) -> np.ndarray:
    """Scores (length,) in [0, 1] of a file, one a line."""
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing; expected the score of each box, as '
                                'tools/test.py writes it; track the sequence again, or set '
                                'min_score=0')
    scores = parse_numbers(read_text(path), path, 1, 'a score a line')[:, 0]
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
                 problems: dict[str, str] | None = None, fit: bool = False,
                 truth: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """Read the boxes (N, 4) of a tracker by sequence, of the same lengths as the annotations.

    Args:
        folder: of the result files.
        lengths: {name of a sequence: number of its frames}.
        names: sequences that must be there; None for those of ``lengths`` that are, but for
            sequences of one frame, in which there is nothing to judge.
        problems: takes the sequences whose files cannot be used, with the reason; None to raise
            the first.
        fit: use files of another length too, see :func:`fitting_boxes`.
        truth: {name: (N, 4) the annotated boxes}, which tell whether the tracker's are of another
            convention: the first, which it was given, and how well the others fit.

    Raises:
        FileNotFoundError: the folder or files of sequences are missing.
        ValueError: a file cannot be used, see :func:`fitting_boxes`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder} is not a folder of result files NAME.txt')
    files = result_files(folder, lengths)
    if not files:
        below = next((place for level in ('[!.]*', '[!.]*/[!.]*')
                      for place in sorted(folder.glob(level))
                      if place.is_dir() and result_files(place, lengths)), None)
        raise FileNotFoundError(f'{folder} has no result file of any annotated sequence, such as '
                                f'{next(iter(lengths))}.txt' + (
                                    f'; they are in {below}' if below else
                                    _what_else_is_there(folder, files)))
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
    others = {name: other for name, boxes in results.items() if truth and (
        other := convention_of(boxes[0], truth[name][0]))}
    if others:
        name, other = next(iter(others.items()))
        first, annotated = box_text([results[name][0], truth[name][0]], 'g').split()
        text = (f'{folder}: the first boxes of {len(others)} of {len(results)} sequences are '
                f'{other}, such as {first} of {name}, which is annotated {annotated}; expected '
                'x,y,w,h in pixels')
        if len(others) == len(results):
            raise ValueError(text)
        warnings.warn(text, stacklevel=2)
    elif results and truth and (other := doubt_results(*(
            np.concatenate([own[name][1:] for name in results]) for own in (results, truth)))):
        warnings.warn(f'{folder}: the boxes after the first may be {other.text}', stacklevel=2)
    return results


def fitting_boxes(path: Path, length: int, fit: bool) -> np.ndarray:
    """Boxes (length, 4) x, y, w, h in pixels of a result file.

    Args:
        path: of the file.
        length: of the annotation. One box more is cut off: a few published trackers write one
            frame more for some sequences.
        fit: cut off any number, and fill up with NaN, no box at all, which the metrics take for a
            box 0,0,0,0: a failure, as in the published analysis for data sets other than LaSOT.
    """
    boxes = read_boxes(path, lambda: length)
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
    return np.clip(boxes, -1e9, 1e9)  # farther ones would overflow


def listing(names: list[str], most: int = 10) -> str:
    """Names for a message, all of them if they are few."""
    return ', '.join(names[:most]) + (f' and {len(names) - most} more' if len(names) > most else '')


def result_files(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Files of the boxes of those of all sequences that have results; of several runs the first."""
    there = _box_files(folder)
    called = matching_names(map(safe_name, names), there)
    return {name: folder / there[other] for name, other in called.items()}


def _box_files(folder: Path) -> dict[str, str]:
    """{what a sequence is called there: file of its boxes}, in the order of the names."""
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
    beside = {f'{name}_{kind}' for name in there for kind in BESIDE_BOXES}
    others = sorted(file for name, file in there.items()
                    if name not in beside and folder / file not in known.values())
    return f'; there are {listing(others, 3)}, which fit no sequence clearly' if others else ''


def read_seconds(folder: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Seconds a frame (N,) of each sequence that has a file of them."""
    names, seconds = list(names), {}
    called = matching_names(map(safe_name, names), _box_files(folder))
    for name in names:
        file = called.get(name, name)
        for path in (folder / f'{file}_time.txt', folder / 'times' / f'{file}_time.txt',
                     folder / file / f'{file}_time.txt'):
            if path.is_file():
                # A column for each run.
                seconds[name] = parse_numbers(read_text(path), path, None,
                                              'the seconds of a frame a line')[:, 0]
                break
    return seconds


def sequence_names(dataset: 'BaseSOTDataset') -> list[str]:
    """Names of all sequences of one of MMTracking's single-object data sets; ValueError if the
    results of one would overwrite those of another, or its times or scores."""
    owners, names = {}, []
    for i in range(dataset.num_videos):
        info = dataset.get_data_info(i)
        names.append(safe_name(sequence_name(info['ann_path'])))
        place = f'{names[-1]} ({info.get("video_path", info["ann_path"])})'
        for file in (names[-1], *(f'{names[-1]}_{kind}' for kind in BESIDE_BOXES)):
            if file in owners:
                raise ValueError(f'{type(dataset).__name__}: the sequences {owners[file]} and '
                                 f'{place} would share the result file {file}.txt; give their '
                                 'annotations different names')
            owners[file] = place
    return names


def matching_names(names: Iterable[str], there: Iterable[str]) -> dict[str, str]:
    """What sequences are called elsewhere, if only one can be meant.

    Toolkits differ in case, in dashes, dots and underscores (pysot's Jogging-1, GOT-10k's
    Jogging.1), and in prefixes (pytracking's uav_bike1). A name that is there exactly counts first.

    Returns:
        {name: one of ``there``}, in the order of ``names``, which are those of all sequences.
    """
    names, there = list(names), set(there)
    others = sorted(there.difference(names))
    own_keys, other_keys = (Counter(map(_plain, group)) for group in (names, others))
    by_key = {_plain(other): other for other in others}
    found = {}
    for name in names:
        key = _plain(name)
        if name in there:
            found[name] = name
        elif own_keys[key] == other_keys[key] == 1:
            found[name] = by_key[key]
    return found


def _plain(name: str) -> str:
    """A name without what toolkits write differently."""
    return PREFIX.sub('', re.sub(r'[-. ]', '_', name.lower()), count=1)


def write_sequence(folder: Path, name: str, boxes: np.ndarray, scores: Sequence[float],
                   seconds: Sequence[float]) -> None:
    """Write the files of a sequence, that of the boxes (N, 4) x, y, w, h in pixels last, so that
    there are the others if it is there."""
    write_text(folder / f'{name}_score.txt',
               ''.join(f'{score:.{DIGITS}f}\n' for score in scores))
    write_text(folder / f'{name}_time.txt', ''.join(f'{second:.6f}\n' for second in seconds))
    write_text(folder / f'{name}.txt',
               box_text(np.round(boxes, DIGITS).tolist(), f'.{DIGITS}f'))


def finished_boxes(folder: Path, name: str, length: int) -> np.ndarray | None:
    """Boxes (length, 4) of a sequence that is done, None if it is not."""
    path = folder / f'{name}.txt'
    if not path.is_file():
        return None
    try:
        text = read_text(path)
        boxes = parse_boxes(text, path)
    except ValueError:
        return None
    whole_file = text.endswith('\n') and len(boxes) == length and np.isfinite(boxes).all()
    return boxes if whole_file else None


def write_submission(folder: Path, names: Iterable[str], server: str) -> Path:
    """Pack the results of all sequences as a server expects them, FOLDER.zip; returns its path.

    GOT-10k's has a folder NAME with NAME_001.txt and NAME_time.txt, TrackingNet's only NAME.txt.
    """
    if server not in SERVERS:
        raise ValueError(f'submission={server!r} is not one of {", ".join(SERVERS)}')
    path = folder.with_name(f'{folder.name}.zip')
    with atomic_write(path) as part, zipfile.ZipFile(part, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            if server == 'got10k':
                archive.write(folder / f'{name}.txt', f'{name}/{name}_001.txt')
                archive.write(folder / f'{name}_time.txt', f'{name}/{name}_time.txt')
            else:
                archive.write(folder / f'{name}.txt', f'{name}.txt')
    return path
