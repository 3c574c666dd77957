"""Scores and speed of trackers on the same sequences."""
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmct.evaluation.metrics import Curves, all_curves, scores
from mmct.formats.annotations import Annotation
from mmct.formats.results import read_results, read_seconds, result_files


class TrackerResults(NamedTuple):
    """What a tracker did.

    Attributes:
        boxes: {sequence: (N, 4) x, y, w, h in pixels}.
        curves: of each sequence.
        scores: see :func:`mmct.evaluation.evaluate`.
        fps: frames a second, but for first frames; None if no times are known.
    """
    name: str
    boxes: dict[str, np.ndarray]
    curves: dict[str, Curves]
    scores: dict
    fps: float | None

    def auc(self, sequence: str) -> float:
        """AUC of a sequence in percent."""
        return self.scores['per_sequence'][sequence]['auc']


def named_folders(texts: list[str]) -> dict[str, Path]:
    """NAME=FOLDER or FOLDER of a command line, by name.

    Raises:
        ValueError: two have the same name.
    """
    folders = {}
    for text in texts:
        name, equals, folder = text.partition('=')
        if not equals or Path(text).is_dir():
            name, folder = Path(text).resolve().name, text
        if name in folders:
            raise ValueError(f'two trackers are called {name!r}; tell them apart by NAME=FOLDER')
        folders[name] = Path(folder)
    return folders


def read_trackers(folders: Mapping[str, Path], annotations: Mapping[str, Annotation],
                  convention: str, dataset: str | None = None,
                  problems: dict[str, str] | None = None, fit: bool = False
                  ) -> list[TrackerResults]:
    """Results on the sequences that any of the trackers has.

    Args:
        folders: of the result files, by name of the tracker.
        annotations: of all sequences.
        convention: see :func:`mmct.evaluation.evaluate`, likewise ``dataset``.
        problems: takes the sequences of which a tracker's file cannot be used, with the reason;
            they are left out for all trackers. None to raise the first.
        fit: see :func:`mmct.formats.results.fitting_boxes`.

    Raises:
        FileNotFoundError: there is none, or a tracker lacks some of them.
        ValueError: a file cannot be understood.
    """
    lengths = {name: len(own.boxes) for name, own in annotations.items()}
    there = set().union(*(result_files(folder, lengths) for folder in folders.values()))
    names = [name for name, length in lengths.items() if length > 1 and name in there]
    if not names:
        for folder in folders.values():
            read_results(folder, lengths)  # says what there is instead
        raise FileNotFoundError(
            f'no result file of any annotated sequence, such as {next(iter(annotations))}.txt, in '
            + ', '.join(map(str, folders.values())))
    truth = {name: one.boxes for name, one in annotations.items()}
    boxes = {name: read_results(folder, lengths, names, problems, fit, truth)
             for name, folder in folders.items()}
    names = [name for name in names if all(name in own for own in boxes.values())]
    if not names:
        raise ValueError(f'no sequence is left to show: {next(iter(problems.values()))}')
    found = []
    for name, folder in folders.items():
        own = {sequence: boxes[name][sequence] for sequence in names}
        curves = all_curves(own, annotations, convention, dataset)
        own = {sequence: np.nan_to_num(filled) for sequence, filled in own.items()}
        found.append(TrackerResults(name, own, curves, scores(curves, annotations),
                                    frames_per_second(read_seconds(folder, names))))
    return found


def frames_per_second(seconds: Mapping[str, np.ndarray]) -> float | None:
    """Over all sequences; their first frames, in which a tracker is set up, do not count."""
    times = np.concatenate([own[1:] for own in seconds.values()] or [np.empty(0)])
    times = times[np.isfinite(times) & (times > 0)]
    return len(times) / float(times.sum()) if len(times) else None


def highlights(trackers: list[TrackerResults], best: int = 2, worst: int = 2, cost: int = 3
               ) -> dict[str, str]:
    """Sequences worth a look, each with the reason.

    Best and worst are those of the highest and lowest AUC, on average over the trackers; what
    compression cost is the second tracker's AUC below the first one's.
    """
    names = sorted(trackers[0].boxes, key=lambda name: -np.mean([t.auc(name) for t in trackers]))
    reasons = {}
    for name in names[:best]:
        reasons.setdefault(name, []).append('best')
    for name in names[::-1][:worst]:
        reasons.setdefault(name, []).append('worst')
    if len(trackers) > 1:
        for name, change in list(changes(*trackers[:2]).items())[:cost]:
            if change < 0:
                reasons.setdefault(name, []).append(f'{-change:.1f} AUC lost')
    return {name: ', '.join(own) for name, own in reasons.items()}


def changes(teacher: TrackerResults, student: TrackerResults) -> dict[str, float]:
    """AUC of the student less that of the teacher by sequence, the greatest loss first."""
    found = {name: student.auc(name) - teacher.auc(name) for name in teacher.boxes}
    return dict(sorted(found.items(), key=lambda item: item[1]))
