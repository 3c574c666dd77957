"""The demo's table, and what it says of the method's promises."""
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tabulate import tabulate

from .plan import COMPRESSED, TRUTH_ONLY, Contestant
from .scores import Estimate, Promise, mean_and_error, paired_difference, promises
from .speed import Speed

VAL_IOU = re.compile(r'Epoch\(val\).*pair/iou: (\d\.\d+)')


class Row(NamedTuple):
    """A tracker, over all its seeds.

    Attributes:
        aucs: (seeds, videos) in percent.
        ious: of each seed on the validation pairs; none of the teacher.
        minutes: of each seed's training; likewise.
        speed: shared by all trackers of one network.
    """
    name: str
    student: str | None
    way: str | None
    aucs: np.ndarray
    ious: list[float]
    minutes: list[float]
    speed: Speed

    @property
    def auc(self) -> Estimate:
        """Mean over seeds, with the standard error over the videos."""
        return mean_and_error(self.aucs.mean(axis=0))


class Comparison(NamedTuple):
    """A student with its teacher beside the same without.

    Attributes:
        student: name of the config.
        lead: AUC of the former less that of the latter, by video.
    """
    student: str
    lead: Estimate
    videos: int
    promises: list[Promise]

    def __str__(self) -> str:
        return (f'compressed minus ground truth only: {self.lead.mean:+.1f} ± '
                f'{self.lead.error:.1f} AUC (paired by video, {self.videos} videos)')


def val_iou(log: Path) -> float | None:
    """The last one that a training logged."""
    found = VAL_IOU.findall(log.read_text())
    return float(found[-1]) if found else None


def compare(rows: Sequence[Row], speed_up: float | None) -> list[Comparison]:
    """Students by their way of training; the teacher is the first row.

    Args:
        speed_up: that is promised, if one is.
    """
    teacher = rows[0]
    by = {(row.student, row.way): row for row in rows}
    found = []
    for student in dict.fromkeys(row.student for row in rows[1:]):
        own, other = by[student, COMPRESSED], by[student, TRUTH_ONLY]
        lead = paired_difference(own.aucs, other.aucs)
        found.append(Comparison(student, lead, own.aucs.shape[1], promises(
            100 * own.auc.mean / teacher.auc.mean, lead,
            teacher.speed.best / own.speed.best, speed_up)))
    return found


def as_text(rows: Sequence[Row], comparisons: Sequence[Comparison]) -> str:
    """The table, the comparisons and the promises."""
    teacher = rows[0]
    several = any(len(row.aucs) > 1 for row in rows)
    lines = [{
        'tracker': row.name,
        'AUC': str(row.auc),
        **({'over seeds': spread(row.aucs.mean(axis=1))} if several else {}),
        '% of teacher': f'{100 * row.auc.mean / teacher.auc.mean:.1f}',
        'validation IoU': mean(row.ious, 3),
        'ms a frame': f'{row.speed.best:.2f}, {row.speed.form}',
        'speed-up': f'{teacher.speed.best / row.speed.best:.2f} x',
        'MMACs': f'{row.speed.macs / 1e6:.1f}',
        'parameters': f'{row.speed.parameters / 1e6:.2f} M',
        'training': f'{mean(row.minutes, 1)} min' if row.minutes else 'given',
    } for row in rows]
    text = tabulate(lines, headers='keys', tablefmt='github')
    for comparison in comparisons:
        title = f'{comparison.student}: ' if len(comparisons) > 1 else ''
        text += f'\n\n{title}{comparison}\n\n' + '\n'.join(
            f'- {promise}' for promise in comparison.promises)
    return text + '\n'


def as_json(rows: Sequence[Row], comparisons: Sequence[Comparison], videos: Sequence[str]) -> dict:
    """All of it, with every seed and video."""
    return dict(
        videos=list(videos),
        trackers=[dict(
            name=row.name, auc=row.auc._asdict(), aucs=row.aucs.tolist(), validation_iou=row.ious,
            minutes=row.minutes, milliseconds=row.speed.milliseconds, form=row.speed.form,
            macs=row.speed.macs, parameters=row.speed.parameters) for row in rows],
        comparisons=[dict(
            student=own.student, lead=own.lead._asdict(),
            promises=[promise._asdict() for promise in own.promises]) for own in comparisons])


def mean(values: Sequence[float], digits: int) -> str:
    return f'{np.mean(values):.{digits}f}' if values else ''


def spread(values: np.ndarray) -> str:
    """Standard deviation, if there are several."""
    return f'± {values.std(ddof=1):.1f}' if len(values) > 1 else ''


def make_rows(contestants: Sequence[Contestant], aucs: Sequence[np.ndarray],
              speeds: dict[str | None, Speed]) -> list[Row]:
    """A row for all seeds of a tracker.

    Args:
        aucs: (videos,) of each contestant.
        speeds: by student; None stands for the teacher.
    """
    groups = {}
    for contestant, own in zip(contestants, aucs):
        groups.setdefault(contestant.name, []).append((contestant, own))
    rows = []
    for name, runs in groups.items():
        first = runs[0][0]
        trainings = [contestant.training for contestant, _ in runs if contestant.training]
        ious = [iou for job in trainings if (iou := val_iou(job.log)) is not None]
        rows.append(Row(name, first.student, first.way, np.array([own for _, own in runs]), ious,
                        [job.seconds / 60 for job in trainings], speeds[first.student]))
    return rows
