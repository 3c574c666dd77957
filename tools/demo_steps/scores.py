"""What tests of trackers on the same videos say, and how surely."""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmct.evaluation import evaluate
from mmct.formats import Annotation, read_results

SHARE = 96.  # published, as the speed-up, for four of OSTrack's twelve layers


class Estimate(NamedTuple):
    """A mean and its standard error, NaN for a single value."""
    mean: float
    error: float

    def __str__(self) -> str:
        return f'{self.mean:.1f} ± {self.error:.1f}'


class Promise(NamedTuple):
    """What the method promises, and what was measured."""
    text: str
    held: bool
    measured: str

    def __str__(self) -> str:
        return f'{self.text}: {"yes" if self.held else "no"}, {self.measured}'


def mean_and_error(values: np.ndarray) -> Estimate:
    """Of values (N,)."""
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return Estimate(float(values.mean()), float(error))


def video_aucs(folders: Sequence[Path], annotations: Mapping[str, Annotation]) -> np.ndarray:
    """Published AUC in percent (folders, videos) of the box files of each folder.

    Args:
        annotations: of the videos, all of which must be there.
    """
    lengths = {name: len(annotation.boxes) for name, annotation in annotations.items()}
    found = [evaluate(read_results(folder, lengths, list(lengths)), annotations)['per_sequence']
             for folder in folders]
    return np.array([[own[name]['auc'] for name in annotations] for own in found])


def paired_difference(one: np.ndarray, other: np.ndarray) -> Estimate:
    """Of two trackers' AUC (runs, videos), by video: what is hard in a video is hard for both."""
    return mean_and_error(one.mean(axis=0) - other.mean(axis=0))


def promises(share: float, lead: Estimate, speed_up: float, promised: float | None
             ) -> list[Promise]:
    """The promises of the method.

    Args:
        share: AUC in percent of the teacher's.
        lead: AUC of the compressed student less that of the one from ground truth only.
        speed_up: over the teacher.
        promised: speed-up; None where there is no such promise.
    """
    found = [Promise(f"keeps {SHARE:.0f} % of the teacher's AUC", share >= SHARE,
                     f'{share:.1f} %')]
    if promised is not None:
        found.append(Promise(f'tracks {promised} x as fast as the teacher', speed_up >= promised,
                             f'{speed_up:.2f} x'))
    found.append(Promise(
        'is ahead of ground truth only by more than the standard error',
        lead.mean > lead.error, f'{lead.mean:+.1f} ± {lead.error:.1f} AUC'))
    return found
