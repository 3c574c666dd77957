"""Average overlap and success rates, as GOT-10k's toolkit has them."""
from collections.abc import Mapping

import numpy as np

from ..formats.annotations import Annotation
from .metrics import as_floats


def evaluate_got10k(results: Mapping[str, np.ndarray], annotations: Mapping[str, Annotation],
                    dataset: str | None = None) -> dict:
    """AO, SR0.5 and SR0.75 in percent, in total and by sequence.

    Every frame counts the same, whatever the length of its sequence, but for first frames and
    those without their target; a sequence of only such frames is left out.
    Arguments as of :func:`mmct.evaluation.evaluate`; ``dataset`` makes no difference.
    """
    overlaps = {}
    for name, boxes in as_floats(results, annotations).items():
        seen = ~annotations[name].absent
        seen[0] = False
        if seen.any():
            overlaps[name] = bounded_iou(np.nan_to_num(boxes[seen]), annotations[name].boxes[seen],
                                         annotations[name].size)
    if not overlaps:
        raise ValueError('no sequence to evaluate: none has a second frame with its target')
    return dict(
        total=summary(np.concatenate(list(overlaps.values()))) | dict(sequences=len(overlaps)),
        per_sequence={name: summary(one) | dict(sequences=1) for name, one in overlaps.items()})


def summary(overlaps: np.ndarray) -> dict[str, float]:
    return dict(ao=100 * float(overlaps.mean()), sr50=100 * float((overlaps > 0.5).mean()),
                sr75=100 * float((overlaps > 0.75).mean()), frames=len(overlaps))


def bounded_iou(one: np.ndarray, other: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """(N,) intersection over union of boxes (N, 4), cut at the borders of a frame of that size.

    As in the toolkit, a box that begins left of or above the frame is moved into it, not cut.
    """
    if size:
        one, other = (np.hstack([low := np.clip(boxes[:, :2], 0, size),
                                 np.clip(boxes[:, 2:], 0, size - low)]) for boxes in (one, other))
    low = np.maximum(one[:, :2], other[:, :2])
    high = np.minimum(one[:, :2] + one[:, 2:], other[:, :2] + other[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = one[:, 2:].prod(axis=1) + other[:, 2:].prod(axis=1) - shared
    return np.clip(shared / (union + np.finfo(float).eps), 0, 1)
