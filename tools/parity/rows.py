"""Rows of the report: values of mmct beside those that were recorded."""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmct.runtime import geometry
from mmct.runtime.frames import read_image

TENSOR_TOLERANCE = 1e-4


class Row(NamedTuple):
    """One compared item; ``error`` is None if it could not be compared, and ``note`` says why."""
    item: str
    error: float | None
    tolerance: float
    note: str = ''

    @property
    def passed(self) -> bool:
        return self.error is None or self.error <= self.tolerance


def compared(item: str, value, reference) -> Row:
    """A value with its record: numbers; for a mask (B, N) the recorded positions of each sample, as
    sets; None for what the file has no head for."""
    if value is None:
        return Row(item, float('inf'), 0., 'the file has no head for it')
    if isinstance(value, Tensor) and value.dtype == torch.bool:
        positions = np.reshape(reference, (len(value), -1)).astype(int).tolist()
        return differing(item, sum(len(set(own.nonzero().flatten().tolist()) ^ set(theirs))
                                   for own, theirs in zip(value, positions)), 'positions')
    return relative(item, value.detach() if isinstance(value, Tensor) else value, reference)


def relative(item: str, value, reference) -> Row:
    """max|Δ| / max|reference|."""
    value, reference = (np.asarray(a, dtype=np.float64) for a in (value, reference))
    if value.size != reference.size:
        return Row(item, float('inf'), TENSOR_TOLERANCE,
                   f'shape {value.shape} for {reference.shape}')
    difference = np.abs(value.reshape(reference.shape) - reference).max()
    return Row(item, float(difference / max(np.abs(reference).max(), 1e-30)), TENSOR_TOLERANCE)


def differing(item: str, count: float, what: str) -> Row:
    return Row(item, float(count), 0., f'{what} that differ')


def wrong_keys(item: str, recorded: Mapping, ours: Mapping) -> Row:
    """Values of ours, of which those that are recorded must be the same."""
    wrong = [key for key, value in ours.items() if recorded.get(key, value) != value]
    return Row(item, float(len(wrong)), 0., ', '.join(wrong))


def group_row(recorded: Mapping[str, list[int]], spans: Mapping[str, slice]) -> Row:
    """Places of token groups."""
    return wrong_keys('places of token groups', recorded, dict.fromkeys(recorded) | {
        name: [span.start, span.stop] for name, span in spans.items()})


def recorded_rows(prefix: str, recorded: Mapping, ours: Mapping) -> list[Row]:
    """Rows of the values that are recorded in ``meta.json``."""
    return [compared(f'{prefix} {name}', value, recorded[name]) for name, value in ours.items()
            if name in recorded and not isinstance(recorded[name], Mapping)]


def worst(item: str, rows: Sequence[Row]) -> Row:
    """One row for many of the same kind."""
    row = max(rows, key=lambda r: np.nan_to_num(r.error, nan=np.inf))
    return row._replace(item=item, note=f'worst of {len(rows)}: {row.item}')


def crop_row(item: str, frame: Path, box: Sequence[float], factor: float, reference: np.ndarray
             ) -> tuple[Row, float]:
    """A crop (S, S, 3) uint8 BGR, bit for bit, and its scale."""
    crop, scale = geometry.crop_square(read_image(frame), box, factor, len(reference))
    difference = np.abs(crop.astype(int) - reference).max()
    return Row(item, float(difference), 0., 'grey levels, exact'), scale
