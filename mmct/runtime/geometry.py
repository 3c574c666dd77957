"""Crop, window, decode and map back: the arithmetic around the network.

Boxes are x, y, w, h in frame pixels unless a docstring says otherwise. Scalars are Python floats
and the order of the operations is that of the published trackers, so results agree bit for bit.
"""
import math
from collections.abc import Sequence

import cv2
import numpy as np

from .conventions import doubt

# Of a crop before it is resized. A larger side means a runaway box, unless the frame is so large.
MAX_SIDE = 1 << 14

STRIDE = 16  # pixels per token in every one-stream tracker

Box = tuple[float, float, float, float]


def crop_square(frame: np.ndarray, box: Sequence[float], factor: float, size: int,
                out: np.ndarray | None = None, exact: bool = False) -> tuple[np.ndarray, float]:
    """Cut a square around the centre of a box and resize it.

    Args:
        frame: (H, W, 3) uint8.
        box: x, y, w, h in frame pixels; may reach out of the frame, which is padded with zeros.
        factor: side of the square in units of sqrt(w * h).
        size: side of the result in pixels.
        out: (size, size, 3) uint8 array to put the crop into; a new one if None.
        exact: resize with the same bits on every processor. The published trackers do not: OpenCV
            shrinks otherwise on ARM than on x86, by a level here and there.

    Returns:
        The (size, size, 3) uint8 crop and ``scale``, crop pixels per frame pixel; ValueError for a
        box without area, or a square wider than ``MAX_SIDE`` and than a box of the frame's area
        would give.
    """
    patch = cut_square(frame, box, factor)
    how = cv2.INTER_LINEAR_EXACT if exact else cv2.INTER_LINEAR
    return cv2.resize(patch, (size, size), dst=out, interpolation=how), size / len(patch)


def cut_square(frame: np.ndarray, box: Sequence[float], factor: float) -> np.ndarray:
    """The square of ``crop_square`` at the frame's own resolution, (side, side, 3) uint8; a view of
    the frame if nothing has to be padded. Arguments and errors as of ``crop_square``."""
    check_frame(frame)
    x1, y1, side = _square(box, factor, frame.shape)
    left, right = _inside(x1, side, frame.shape[1])
    top, bottom = _inside(y1, side, frame.shape[0])
    patch = frame[top:bottom, left:right]
    if patch.size and patch.strides[1] < 0:  # of a mirrored frame; NumPy copies that slowly
        patch = cv2.flip(patch[:, ::-1], 1)
    if patch.shape[:2] == (side, side):
        return patch
    # Zero pages that nobody writes take no memory, so a wide margin costs nothing.
    padded = np.zeros((side, side, 3), np.uint8)
    padded[top - y1:bottom - y1, left - x1:right - x1] = patch
    return padded


def check_frame(frame: np.ndarray) -> None:
    """ValueError if a frame is not (H, W, 3) uint8, has no pixel, or is no frame at all."""
    if not isinstance(frame, np.ndarray):
        raise ValueError(
            f'frame must be (H, W, 3) uint8, got {type(frame).__name__}; '
            + ('a video that has ended, or a file that cannot be read, gives None'
               if frame is None else 'give a NumPy array in BGR, as cv2.imread does: of a PIL '
               "image np.array(image.convert('RGB'))[..., ::-1]"))
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
        raise ValueError(f'frame must be (H, W, 3) uint8, got {frame.shape} {frame.dtype}')


def only_padding(frame_shape: Sequence[int], box: Sequence[float], factor: float, size: int
                 ) -> bool:
    """Whether every token of a crop of a frame (H, W, …) sees padding, so that nothing can be
    learned from it: of those pixels of :func:`padding_mask` that stand for a token."""
    return bool(padding_mask(frame_shape, box, factor, size)[::STRIDE, ::STRIDE].all())


def padding_mask(frame_shape: Sequence[int], box: Sequence[float], factor: float, size: int
                 ) -> np.ndarray:
    """Where the crop of ``crop_square`` is touched by padding, (size, size) bool: the mask is
    resized like the crop, and every value that is not zero counts."""
    x1, y1, side = _square(box, factor, frame_shape)
    # The frame's area is a rectangle, so a pixel is padding if its row or its column is.
    columns = _padded(x1, side, frame_shape[1], size)
    rows = _padded(y1, side, frame_shape[0], size)
    return rows[:, None] | columns[None, :]


def box_to_crop(box: Sequence[float], crop_box: Sequence[float], scale: float, size: int,
                stretched: bool = False) -> Box:
    """Express a box in the coordinates of a crop (the training target).

    The centre of the crop is (size - 1) / 2 here and size / 2 in ``map_back``: the two are not
    inverses, as published.

    Args:
        crop_box: the box that was given to ``crop_square``.
        scale, size: of that crop.
        stretched: in units of one pixel less, as SUTrack has it, which everywhere else takes them
            for units of the crop's side.

    Returns:
        x, y, w, h in units of the crop's side; outside [0, 1] if the crop cuts the target.
    """
    x, y, w, h = as_floats(box)
    crop_x, crop_y, crop_w, crop_h = as_floats(crop_box)
    cx = (size - 1) / 2 + ((x + 0.5 * w) - (crop_x + 0.5 * crop_w)) * scale
    cy = (size - 1) / 2 + ((y + 0.5 * h) - (crop_y + 0.5 * crop_h)) * scale
    w, h = w * scale, h * scale
    unit = size - 1 if stretched else size
    return (cx - 0.5 * w) / unit, (cy - 0.5 * h) / unit, w / unit, h / unit


def template_box(box: Sequence[float], scale: float, size: int,
                 stretched: bool = False) -> np.ndarray:
    """The box that a template was cut around, in that crop, as :func:`box_to_crop`: float32 (4,)
    x, y, w, h in pixels of the crop."""
    if not stretched:
        return np.array([value * size for value in box_to_crop(box, box, scale, size)], np.float32)
    # Step by step in float32, because there an edge decides whole rows of pixels.
    sides = np.array(box[2:], np.float32) * np.float32(scale)
    corner = np.float32((size - 1) / 2) - np.float32(0.5) * sides
    return np.concatenate([corner, sides]) / np.float32(size - 1) * np.float32(size)


def map_back(box: Sequence[float], last_box: Sequence[float], scale: float, size: int) -> Box:
    """Bring a predicted box from the search crop to the frame.

    Args:
        box: cx, cy, w, h in [0, 1] of the crop; an array is scaled in its own precision, numbers
            in Python's.
        last_box: what the crop was cut around.
        scale, size: of that crop.

    Returns:
        x, y, w, h in frame pixels, not clipped.
    """
    if isinstance(box, np.ndarray):
        cx, cy, w, h = as_floats(box * size / scale)
    else:
        cx, cy, w, h = (value * size / scale for value in as_floats(box))
    last_x, last_y, last_w, last_h = as_floats(last_box)
    half_side = 0.5 * size / scale
    cx = cx + (last_x + 0.5 * last_w - half_side)
    cy = cy + (last_y + 0.5 * last_h - half_side)
    return cx - 0.5 * w, cy - 0.5 * h, w, h


def check_first_box(box: Sequence[float], frame_shape: Sequence[int]) -> None:
    """ValueError if the box x, y, w, h of a target to be followed is not finite, has no area, lies
    outside the frame (H, W, …), or is certainly of another convention."""
    x, y, w, h = as_floats(box)
    height, width = frame_shape[:2]
    fault = _fault(x, y, w, h)
    if not fault and (x >= width or y >= height or x + w <= 0 or y + h <= 0):
        fault = 'lies outside the frame'
    if not fault and (other := doubt([(x, y, w, h)], (width, height))) and other.certain:
        fault = f'is given in {other.text}'
    if fault:
        raise ValueError(f'first box {x, y, w, h} {fault}; expected x, y, w, h with w, h > 0 that '
                         f'overlaps the frame of {width}x{height} pixels')


def clip_box(box: Sequence[float], height: int, width: int, margin: float = 10) -> Box:
    """Clip a box x, y, w, h to a frame, leaving at least ``margin`` pixels of it inside each
    border."""
    x, y, w, h = as_floats(box)
    x, w = _clip(x, x + w, width, margin)
    y, h = _clip(y, y + h, height, margin)
    return x, y, w, h


def shrink_box(box: Sequence[float], pixels: float) -> Box:
    """A box x, y, w, h narrower and lower by ``pixels``, though by a fiftieth at most, around the
    same centre.

    A tracker whose boxes are a little too large cuts the next crop around such a box, and so finds
    one that is larger still: they grow from frame to frame.
    """
    x, y, w, h = as_floats(box)
    dw, dh = min(pixels, w / 50), min(pixels, h / 50)
    return x + dw / 2, y + dh / 2, w - dw, h - dh


def hann_window(n: int) -> np.ndarray:
    """Make the (n, n) float32 weight that favours cells near the centre of the crop."""
    window = 0.5 * (1 - np.cos(2 * np.pi / (n + 1) * np.arange(1, n + 1)))
    window = window.astype(np.float32)
    return window[:, None] * window[None, :]


def decode_center(score: np.ndarray, size: np.ndarray, offset: np.ndarray,
                  window: np.ndarray | None = None, report: str = 'chosen') -> tuple[Box, float]:
    """Read the box off the maps of a centre head.

    Args:
        score: (n, n), or any shape with n * n elements.
        size: (2, n, n), w and h in [0, 1].
        offset: (2, n, n), x and y in cells.
        window: (n, n) weight of the score that decides the cell; None for none.
        report: which score, see ``NetworkInfo.score``.

    Returns:
        cx, cy, w, h in [0, 1] of the search crop, and the score.
    """
    n = size.shape[-1]
    score = score.reshape(n, n)
    response = score if window is None else score * window
    cell = int(response.argmax())
    row, column = divmod(cell, n)
    box = box_at(cell, n, size[:, row, column].tolist(), offset[:, row, column].tolist())
    if report == 'highest':
        return box, float(score.max())
    return box, float((response if report == 'windowed' else score)[row, column])


def box_at(cell: int, n: int, size: Sequence[float], offset: Sequence[float]) -> Box:
    """cx, cy, w, h in [0, 1] of the search crop of a cell of n * n, counted row by row, with w and
    h in [0, 1] and x and y in cells."""
    row, column = divmod(cell, n)
    return (column + offset[0]) / n, (row + offset[1]) / n, size[0], size[1]


def as_floats(box: Sequence[float]) -> Box:
    """x, y, w, h as Python's numbers; ValueError if they are not four."""
    try:
        x, y, w, h = (float(value) for value in box)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f'box {box!r:.200} is not x, y, w, h: expected four numbers') from None
    return x, y, w, h


def _fault(x: float, y: float, w: float, h: float) -> str:
    if not all(math.isfinite(value) for value in (x, y, w, h)):
        return 'is not finite'
    return 'has no area' if w <= 0 or h <= 0 else ''


def _square(box: Sequence[float], factor: float, frame_shape: Sequence[int]
            ) -> tuple[int, int, int]:
    """Left, top and side of the square ``factor`` times as wide as the box, in pixels."""
    x, y, w, h = as_floats(box)
    if fault := _fault(x, y, w, h):
        raise ValueError(f'box {x, y, w, h} {fault}; expected x, y, w, h in pixels, w, h > 0')
    side = math.sqrt(w * h) * factor
    limit = max(MAX_SIDE, math.ceil(math.sqrt(frame_shape[0] * frame_shape[1]) * factor))
    if not 0 < side <= limit:
        raise ValueError(f'box {x, y, w, h} gives a crop of {side:.3g} pixels a side, expected 1 '
                         f'to {limit}')
    side = math.ceil(side)
    return round(x + 0.5 * w - side * 0.5), round(y + 0.5 * h - side * 0.5), side


def _inside(start: int, side: int, length: int) -> tuple[int, int]:
    """First and last-plus-one frame index of a crop's axis; equal if it misses the frame."""
    # Where a crop reaches the right or lower border, one pixel of the frame is lost, as published.
    stop = start + side if start + side < length else length - 1
    start = max(start, 0)
    return (start, stop) if start < stop else (0, 0)


def _padded(start: int, side: int, length: int, size: int) -> np.ndarray:
    """(size,) bool: which resized pixels of an axis draw on padding."""
    first, stop = _inside(start, side, length)
    if stop - first == side:
        return np.zeros(size, bool)
    outside = np.ones((1, side), np.float32)
    outside[0, first - start:stop - start] = 0
    return cv2.resize(outside, (size, 1))[0] > 0


def _clip(start: float, stop: float, length: int, margin: float) -> tuple[float, float]:
    start = min(max(0, start), length - margin)
    stop = min(max(margin, stop), length)
    return start, max(margin, stop - start)
