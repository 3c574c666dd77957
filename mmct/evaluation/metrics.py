"""One-pass evaluation of single-object tracking: success, precision, normalised precision."""
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..formats.annotations import ATTRIBUTES, Annotation
from ..formats.sequences import check_dataset, dataset_of

CONVENTIONS = ('published', 'official', 'sot', 'sot_visible')
OVERLAPS = np.arange(21) * 0.05
PIXELS = np.arange(51.)
RELATIVE = np.arange(51) / 100  # of the target's size


class Unseen(NamedTuple):
    """Centre errors that the published analysis gives to frames in which nothing can be measured:
    infinity, a failure at every threshold, or -1, which passes every threshold.

    Attributes:
        pixels: of frames without the target, or whose box has no area.
        relative: of frames without the target. Seen, but without area, is -1 in all data sets.
    """
    pixels: float
    relative: float


# What the published analysis does differently by data set; in others as in LaSOT. There no other
# has flags of absence, so the second value makes no difference.
PUBLISHED = dict(lasot=Unseen(np.inf, np.inf), lasot_ext=Unseen(np.inf, -1),
                 uav123=Unseen(-1, -1))


class Curves(NamedTuple):
    """Shares in [0, 1] of a sequence's frames.

    Attributes:
        success: (21,) overlap above 0, 0.05, … 1.
        precision: (51,) centre error at most 0 … 50 pixels.
        norm_precision: (51,) centre error at most 0 … 0.5 of the target's width and height.
    """
    success: np.ndarray
    precision: np.ndarray
    norm_precision: np.ndarray


def evaluate(results: Mapping[str, np.ndarray], annotations: Mapping[str, Annotation],
             convention: str = 'published', dataset: str | None = None) -> dict:
    """Compute metrics in percent: in total (means over sequences), by sequence and by attribute.

    Args:
        results: {sequence: (N, 4) boxes x, y, w, h in pixels; NaN if there is no box at all}.
        annotations: of these sequences, and perhaps of others.
        convention: 'published', the analysis that papers quote: frames without the target are
            failures; 'official', LaSOT's toolkit: they are left out; 'sot', MMTracking's
            ``SOTMetric``, which does not know of them; or 'sot_visible', the same with
            ``only_eval_visible``, as tools/test.py: they are failures.
        dataset: name of the data set, such as 'uav123', because the published analysis differs by
            data set, see ``PUBLISHED``. If None, it is recognised by the names of the sequences,
            see :func:`mmct.formats.dataset_of`; if that is not clear, as for LaSOT.
    """
    return scores(all_curves(results, annotations, convention, dataset), annotations)


def all_curves(results: Mapping[str, np.ndarray], annotations: Mapping[str, Annotation],
               convention: str, dataset: str | None = None) -> dict[str, Curves]:
    """The curves of each sequence; arguments and errors as :func:`evaluate`."""
    if convention not in CONVENTIONS:
        raise ValueError(f'convention={convention!r} is not one of {", ".join(CONVENTIONS)}')
    if not results:
        raise ValueError('no sequence to evaluate: none has a box for more than its first frame')
    results = as_floats(results, annotations)
    if convention in ('sot', 'sot_visible'):
        return {name: sot_curves(boxes, annotations[name], convention == 'sot_visible')
                for name, boxes in results.items()}
    unseen = PUBLISHED['lasot']
    if convention == 'published':
        if dataset is None:
            dataset = dataset_of(annotations)
        else:
            check_dataset(dataset)
        unseen = PUBLISHED.get(dataset, unseen)
    return {name: sequence_curves(boxes, annotations[name], convention, unseen)
            for name, boxes in results.items()}


def as_floats(results: Mapping[str, np.ndarray], annotations: Mapping[str, Annotation]
              ) -> dict[str, np.ndarray]:
    """Boxes (N, 4) of sequences as floats; ValueError if they are not as many as annotated."""
    found = {name: np.asarray(boxes, float) for name, boxes in results.items()}
    for name, boxes in found.items():
        truth = annotations[name].boxes if name in annotations else None
        if truth is None or boxes.shape != truth.shape:
            raise ValueError(f'the boxes of {name} have the shape {boxes.shape}; annotated are '
                             f'{"none" if truth is None else truth.shape}')
    return found


def scores(curves: Mapping[str, Curves], annotations: Mapping[str, Annotation]) -> dict:
    """What :func:`evaluate` gives, of curves by sequence."""
    frames = {name: len(annotations[name].boxes) for name in curves}
    per_attribute = {}
    for code in ATTRIBUTES:
        holding = [curves[name] for name in curves if code in annotations[name].attributes]
        if holding:
            found = summary(holding)
            per_attribute[code] = {key: found[key] for key in (
                'auc', 'precision', 'norm_precision')} | dict(sequences=len(holding))
    return dict(
        total=summary(list(curves.values())) | dict(
            sequences=len(curves), frames=sum(frames.values())),
        per_sequence={name: summary([one]) | dict(sequences=1, frames=frames[name])
                      for name, one in curves.items()},
        per_attribute=per_attribute)


def summary(curves: list[Curves]) -> dict[str, float]:
    """The field's numbers, in percent, of the mean curves."""
    success, precision, norm_precision = (100 * np.mean(kind, axis=0) for kind in zip(*curves))
    return dict(auc=float(success.mean()), op50=float(success[10]), op75=float(success[15]),
                precision=float(precision[20]), norm_precision=float(norm_precision[20]))


def sequence_curves(boxes: np.ndarray, annotation: Annotation, convention: str,
                    unseen: Unseen) -> Curves:
    """Curves of one sequence, published or official, pixels counted inclusively."""
    truth, absent = annotation.boxes, annotation.absent
    # As published: if UAV123 has no box (NaN there, 0,0,0,0 here), predictions stay as they are.
    without_truth = (truth == 0).all(axis=1) if unseen.pixels < 0 else False
    boxes = np.nan_to_num(last_good(boxes, without_truth))
    boxes[0] = truth[0]
    if convention == 'official':
        boxes, truth, absent = boxes[~absent], truth[~absent], absent[~absent]
    seen = (truth[:, 2:] > 0).all(axis=1) & ~absent
    overlap = np.where(seen, inclusive_iou(boxes, truth), -1)
    apart = (boxes[:, :2] + 0.5 * (boxes[:, 2:] - 1)) - (truth[:, :2] + 0.5 * (truth[:, 2:] - 1))
    with np.errstate(divide='ignore', invalid='ignore'):
        relative = np.hypot(*(apart / truth[:, 2:]).T)
    pixels = np.where(seen, np.hypot(*apart.T), unseen.pixels)
    # As published: a box without area of a target that is seen is no failure only here.
    relative = np.where(seen, relative, np.where(absent, unseen.relative, -1))
    return Curves(share_above(overlap, OVERLAPS), share_at_most(pixels, PIXELS),
                  share_at_most(relative, RELATIVE))


def sot_curves(boxes: np.ndarray, annotation: Annotation, only_visible: bool) -> Curves:
    """Curves of one sequence as MMTracking's ``SOTMetric`` has them, in its single precision.

    It takes boxes as they are, and gives a centre error of -1, which is within any distance, if the
    centre of the ground truth is not inside the frame. With ``only_visible``, its
    ``only_eval_visible``, frames without the target are failures.
    """
    boxes, truth = (np.float32(kind) for kind in (np.nan_to_num(boxes), annotation.boxes))
    unseen = only_visible & (annotation.absent | (annotation.boxes[:, 2:] <= 0).any(axis=1))
    low, target = boxes[:, :2], truth[:, :2]
    high, target_high = low + boxes[:, 2:], target + truth[:, 2:]
    size, target_size = high - low, target_high - target
    shared = np.clip(np.minimum(high, target_high) - np.maximum(low, target), 0, None).prod(axis=1)
    union = size.prod(axis=1) + target_size.prod(axis=1) - shared
    overlap = np.where((target_size > 0).all(axis=1) & ~unseen,
                       shared / np.maximum(union, np.float32(1e-6)), -1)
    centre, target_centre = 0.5 * (high + low), 0.5 * (target_high + target)

    def error(unit):
        inside = (target_centre / unit > 0).all(axis=1)
        apart = np.sqrt(np.sum((target_centre / unit - centre / unit) ** 2, axis=1))
        return np.where(unseen, np.inf, np.where(inside, apart, -1))

    with np.errstate(over='ignore', invalid='ignore'):
        return Curves(share_above(overlap.astype(float), OVERLAPS),
                      share_at_most(error(np.float32(1)).astype(float), PIXELS),
                      share_at_most(error(target_size + np.float32(1e-16)).astype(float), RELATIVE))


def last_good(boxes: np.ndarray, fixed: np.ndarray | bool = False) -> np.ndarray:
    """A copy in which boxes (N, 4) x, y, w, h without area are replaced by the last one before that
    has some. NaN, no box at all, stays; so do boxes (N,) ``fixed``, which may replace others."""
    good = (boxes[:, 2:] != 0).all(axis=1) | fixed
    good[0] = True
    return boxes[np.maximum.accumulate(np.where(good, np.arange(len(boxes)), 0))]


def inclusive_iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(N,) intersection over union of boxes (N, 4) whose last pixel is x + w - 1."""
    low = np.maximum(one[:, :2], other[:, :2])
    high = np.minimum(one[:, :2] + one[:, 2:] - 1, other[:, :2] + other[:, 2:] - 1)
    shared = np.clip(high - low + 1, 0, None).prod(axis=1)
    with np.errstate(divide='ignore', invalid='ignore'):
        return shared / (one[:, 2:].prod(axis=1) + other[:, 2:].prod(axis=1) - shared)


def share_above(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """For each of the rising thresholds, the share of values above it."""
    ordered = np.sort(values)
    return 1 - np.searchsorted(ordered, thresholds, 'right') / max(len(values), 1)


def share_at_most(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """For each of the rising thresholds, the share of values not above it."""
    return np.searchsorted(np.sort(values), thresholds, 'right') / max(len(values), 1)
