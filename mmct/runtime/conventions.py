"""What the four numbers of a box mean: the one place that doubts that they are x, y, w, h in pixels
of the frame. Corners are x1, y1, x2, y2, centres cx, cy, w, h."""
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CORNERS, CENTRES = 'corners x1,y1,x2,y2', 'centres cx,cy,w,h'
PARTS, OTHER_SIZE = 'parts of the frame', 'pixels of frames of another size'
PERCENT = 'percent of the frame'
# What boxes (N, 4) of the others are as x, y, w, h.
READ_AS = {
    CORNERS: lambda boxes: np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]),
    CENTRES: lambda boxes: np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]]),
    'y,x,h,w': lambda boxes: boxes[:, [1, 0, 3, 2]],
    'corners y1,x1,y2,x2': lambda boxes: READ_AS[CORNERS](boxes[:, [1, 0, 3, 2]])}
BETTER = 0.3  # of the mean overlap; a tracker that has lost its target gains less over many videos
EDGE = 0.02  # of a frame's side, by how much boxes of careful annotators reach beyond its edge
FEW = 3  # objects of several images, or sequences, that lie in the same quarter by no chance
CHANGE = 2  # pixels, the second difference of positions or sizes that rounding can make
CHANGES = 50  # larger ones that tell how positions move with sizes


class Doubt(NamedTuple):
    """That boxes are x, y, w, h in pixels of the frame.

    Attributes:
        certain: nothing else can be the case.
        text: what they are, with the evidence.
    """
    certain: bool
    text: str


def doubt(boxes: np.ndarray, size: Sequence[float] | np.ndarray) -> Doubt | None:
    """Why boxes can hardly be x, y, w, h in pixels of their frames; None if nothing speaks against.

    Args:
        boxes: (N, 4) of a sequence, or of objects in images; not finite or without area for a
            target that is not seen.
        size: width and height of the frames in pixels; (N, 2), those of each image.
    """
    boxes, images = np.asarray(boxes, float), np.ndim(size) == 2
    seen = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1)
    boxes, size = boxes[seen], np.broadcast_to(np.asarray(size, float), (len(boxes), 2))[seen]
    count = len(boxes)
    if not count:
        return None
    low, extent, high = boxes[:, :2], boxes[:, 2:], boxes[:, :2] + boxes[:, 2:]
    if (boxes[:, 2:] <= 1 + EDGE).all() and (boxes % 1).any() and (np.abs(low) <= 2).all():
        return Doubt(True, f'{PARTS}: each is at most a pixel wide and high')
    beyond = (high > size * (1 + EDGE) + 1).any(axis=1)
    outside = ((low >= size) | (high <= 0)).any(axis=1)
    as_centres = _within(low - extent / 2, low + extent / 2, size).mean() > 0.99
    frame = 'their images' if images else '{:g} x {:g}'.format(*size[0])
    if (_within(low, extent, size) & (extent > low).all(axis=1)).mean() > 0.99:
        # As corners, a target changes its size less from frame to frame than as x, y, w, h.
        change, as_corners = (np.abs(np.diff(sides, axis=0)).sum()
                              for sides in (extent, extent - low))
        if images:
            change = as_corners = 0
        if beyond.mean() > 0.2 and as_corners <= change or as_corners < 1.1 * change:
            certain = beyond.mean() > (0.2 if images or as_corners < change else 0.9)
            return Doubt(certain and count >= 5, f'{CORNERS}: as x,y,w,h {beyond.sum()} of {count} '
                         f'reach beyond {frame}, as corners none' + (
                             f'; sizes change by {change / count:.1f} pixels a frame, as corners '
                             f'by {as_corners / count:.1f}' if change else ''))
    fits_turned = _within(low, high, size[:, ::-1]).all()
    turned = '; in frames turned by 90 degrees they fit' if fits_turned else ''
    if outside.mean() > 0.2:
        reach = '{:g} x {:g}'.format(*high.max(axis=0).round())
        return Doubt(outside.mean() > 0.5, f'{OTHER_SIZE}: {outside.sum()} of {count} lie outside '
                     f'{frame}, they reach to {reach}{turned}')
    if beyond.mean() > (0.2 if as_centres else 0.5):
        return Doubt(False, f'{CENTRES if as_centres else OTHER_SIZE}: as x,y,w,h {beyond.sum()} '
                     f'of {count} reach beyond {frame}{turned}')
    if as_centres and not images and (moves := _moves_with_size(boxes)) is not None:
        return Doubt(False, f'{CENTRES}: where w and h change by 10 pixels, x and y change by '
                     f'{10 * moves:.1f}; of x,y,w,h it is about -5')
    if images and count >= FEW and (high <= size / 2 * (1 + EDGE)).all():
        return Doubt(False, f'{OTHER_SIZE}: all {count} lie in the upper left quarter of {frame}')
    if count >= 5 and (high <= 101).all() and (size >= 250).all() and (boxes % 1).any():
        return Doubt(False, f'{PERCENT}: none reaches beyond 100, in {frame}')
    return None


def convention_of(box: np.ndarray, given: np.ndarray) -> str | None:
    """What a tracker's box of the first frame is, which it was given; None for x, y, w, h in pixels
    or for what is none of the others.

    Args:
        box: (4,) the first of the results.
        given: (4,) x, y, w, h in pixels, annotated.
    """
    x, y, w, h = given
    if _near(box, given) or not (w > 0 and h > 0 and np.isfinite(box).all()):
        return None
    away = max(x, y) > max(w, h) / 4  # from the frame's corner, in which conventions look alike
    if away and _near(box, (x, y, x + w, y + h)):
        return CORNERS
    if _near(box, (x + w / 2, y + h / 2, w, h)):
        return CENTRES
    if np.max(box) <= 1.5 and min(w, h) > 3 and np.any(box % 1):
        return PARTS
    scale = np.tile(np.asarray(box)[2:] / (w, h), 2)
    # By at least 2 %, and so that the box is at another place.
    if away and (scale > 0).all() and np.abs(np.log(scale)).min() > 0.02 \
            and (np.abs(box - given * scale) <= scale).all():
        apart = (np.abs(box[:2] + box[2:] / 2 - given[:2] - given[2:] / 2)
                 > (box[2:] + given[2:]) / 2).any()
        if np.ptp(scale) < 0.05 * scale.max():
            return OTHER_SIZE
        # Of frames of another shape, too, if no tracker can have meant the target.
        return OTHER_SIZE if apart else None
    return None


def doubt_results(boxes: np.ndarray, truth: np.ndarray) -> Doubt | None:
    """Why a tracker's boxes (N, 4), which were found, are hardly x, y, w, h, by the annotated ones
    (N, 4) x, y, w, h of the same frames: as others they overlap with these far better."""
    known = np.isfinite(boxes).all(axis=1) & (truth[:, 2:] > 0).all(axis=1)
    boxes, truth = boxes[known], truth[known]
    if not len(boxes):
        return None
    own = _overlap(boxes, truth)
    best, other = max((_overlap(read(boxes), truth), name) for name, read in READ_AS.items())
    if best < max(own + BETTER, 2 * own):
        return None
    return Doubt(False, f'{other}: so they overlap with the annotated ones by {best:.2f}, as '
                 f'x,y,w,h by {own:.2f}')


def _overlap(boxes: np.ndarray, truth: np.ndarray) -> float:
    """Mean intersection over union of boxes (N, 4) x, y, w, h."""
    low = np.maximum(boxes[:, :2], truth[:, :2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], truth[:, :2] + truth[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    area = np.clip(boxes[:, 2:], 0, None).prod(axis=1)
    return float((shared / (area + truth[:, 2:].prod(axis=1) - shared)).mean())


def _near(box: np.ndarray, other: Sequence[float]) -> bool:
    """Whether boxes are the same, but for whole pixels or those counted from 1."""
    return bool((np.abs(np.subtract(box, other)) <= 1.01).all())


def _moves_with_size(boxes: np.ndarray) -> float | None:
    """By how much x and y of a sequence's boxes (N, 4) change where w and h change by 1, if that is
    as little as of centres, and there is enough to tell.

    With these bounds, none of 280 sequences of LaSOT and seven of OTB is taken for centres, and
    two thirds of them are if they are given so. Even motion cancels out in second differences.
    """
    change = np.diff(boxes, 2, axis=0)
    change = change[(np.abs(change) < np.tile(boxes[1:-1, 2:], 2) / 2).all(axis=1)]
    large = np.abs(change[:, 2:]) > CHANGE
    if large.sum() < CHANGES:
        return None
    place, size = change[:, :2][large], change[:, 2:][large]
    moves = (place * size).sum() / (size**2).sum()
    # Both at random, or places that do not change at all, are no annotator's.
    natural = 1.5 < (change[:, 2:]**2).sum() / max((change[:, :2]**2).sum(), 1e-9) < 100
    return moves if natural and -0.1 < moves < 0.35 else None


def _within(low: np.ndarray, high: np.ndarray, size: np.ndarray) -> np.ndarray:
    return (low >= -1).all(axis=1) & (high <= size + 1).all(axis=1)
