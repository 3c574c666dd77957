"""What comparisons of all trackers share."""
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmtrack.registry import MODELS
from torch import nn

from mmct.checkpoint import load_weights
from mmct.models.trackers import OneStreamTracker
from mmct.utils.files import read_text

TENSOR_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-3
PIXEL_TOLERANCE = 0.01


class Row(NamedTuple):
    """One compared item; ``error`` is None where it could not be compared, and ``note`` says why.
    """
    item: str
    error: float | None
    tolerance: float
    note: str = ''

    @property
    def passed(self) -> bool:
        return self.error is None or self.error <= self.tolerance


class Recorded(dict):
    """Recorded tensors by name, which remembers those that were asked for."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.asked = set()

    def __getitem__(self, name: str) -> np.ndarray:
        self.asked.add(name)
        return super().__getitem__(name)

    def rest(self) -> list[str]:
        """Names of those that nobody asked for."""
        return [name for name in self if name not in self.asked]


def read_meta(file: Path) -> dict | list:
    """Raises:
        ValueError: it cannot be read.
    """
    try:
        return json.loads(read_text(file))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f'{file} is not JSON: {error}') from None


def read_tensors(file: Path) -> Recorded:
    """None where there is no such file.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return Recorded(np.load(file, allow_pickle=False)) if file.is_file() else Recorded()
    except Exception as error:  # zip and NumPy have many for a broken file
        raise ValueError(f'{file} cannot be read: {error}') from None


def build(config: dict, checkpoint: Path) -> OneStreamTracker:
    """A tracker with its weights, in evaluation mode."""
    model = MODELS.build(config)
    load_weights(model, checkpoint)
    return model.eval()


def relative(item: str, value, reference) -> Row:
    """max|Δ| / max|reference|."""
    value, reference = (np.asarray(a, dtype=np.float64) for a in (value, reference))
    if value.size != reference.size:
        return Row(item, float('inf'), TENSOR_TOLERANCE,
                   f'shape {value.shape} for {reference.shape}')
    difference = np.abs(value.reshape(reference.shape) - reference).max()
    return Row(item, float(difference / max(np.abs(reference).max(), 1e-30)), TENSOR_TOLERANCE)


def worst(item: str, rows: Sequence[Row]) -> Row:
    """One row for many of the same kind."""
    row = max(rows, key=lambda r: np.nan_to_num(r.error, nan=np.inf))
    return row._replace(item=item, note=f'worst of {len(rows)}: {row.item}')


def gradient_rows(network: nn.Module, references: Mapping[str, float],
                  table: Mapping[str, str]) -> list[Row]:
    """|Δ| / max(own reference, 1e-4 × the largest of all).

    Args:
        network: after a backward pass.
        references: gradient norms by the names of released files; no other parameter has one.
        table: {name in released files: mmct's}.
    """
    parameters, largest = dict(network.named_parameters()), max(references.values())
    rows = []
    for name, reference in references.items():
        gradient = parameters[table[name]].grad
        norm = 0. if gradient is None else gradient.norm().item()
        error = abs(norm - reference) / max(reference, 1e-4 * largest)
        rows.append(Row(name, error, GRADIENT_TOLERANCE))
    expected = {table[name] for name in references}
    unexpected = [name for name, p in parameters.items() if name not in expected
                  and p.grad is not None and p.grad.norm() > 1e-4 * largest]
    return rows + [Row(f'{name} has a gradient', float('inf'), 0.) for name in unexpected]


def frames_of(sequences: Path | None, name: str) -> Path | None:
    """Folder or video of a sequence, if it is there."""
    if sequences is None:
        return None
    return next((path for path in (sequences / name / 'img', sequences / f'{name}.avi')
                 if path.exists()), None)


def recorded_tracks(folder: Path, sequences: Path | None
                    ) -> Iterator[tuple[str, dict, Path | None]]:
    """(sequence, what was recorded, its frames if they are there) of each ``track_*.json``."""
    for file in sorted(folder.glob('track_*.json')):
        name = file.stem.removeprefix('track_')
        yield name, read_meta(file), frames_of(sequences, name)


def without_frames(item: str, name: str, tolerance: float = PIXEL_TOLERANCE) -> Row:
    """For what needs the frames of a sequence that are not there."""
    return Row(item, None, tolerance,
               f'not compared: give --sequences with {name}/img or {name}.avi')
