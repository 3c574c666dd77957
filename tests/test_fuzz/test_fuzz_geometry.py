"""Crop and map back, for any box and any frame."""
import math

import numpy as np
from fuzzing import ANY_FLOAT, Refused, fuzz, outcome
from hypothesis import assume
from hypothesis import strategies as st

from mmct.runtime.geometry import (
    MAX_SIDE,
    check_first_box,
    clip_box,
    crop_square,
    cut_square,
    map_back,
    only_padding,
    padding_mask,
)

HEIGHTS, WIDTHS = (st.one_of(st.integers(1, 64), st.integers(1, length))
                   for length in (4320, 7680))
FACTORS, SIZES = st.sampled_from([2., 4., 5.]), st.sampled_from([16, 128, 256])
EXTREME = st.sampled_from([0., -0., 1e-320, 1e-150, 1e150, 1e300, -1e300, 2.**53, -2.**31])


def real_boxes(reach, extent):
    return st.tuples(*[st.floats(-reach, reach)] * 2, *[st.floats(0.01, extent)] * 2)


def boxes(reach, extent):
    """x, y, w, h: in and around a frame, or anything that a float can be."""
    usual = real_boxes(reach, extent)
    number = st.one_of(ANY_FLOAT, EXTREME, st.floats(-reach, reach))
    return st.one_of(usual, usual, st.tuples(*[number] * 4))


def side_of(box, factor) -> float:
    """In pixels, NaN where there is none."""
    x, y, w, h = box
    if not all(map(math.isfinite, box)) or w <= 0 or h <= 0:
        return math.nan
    return math.sqrt(w * h) * factor


@fuzz(600, HEIGHTS, WIDTHS, boxes(9000, 9000), FACTORS, SIZES)
def test_any_crop(wide_frame, height, width, box, factor, size):
    frame = wide_frame[:height, :width]
    side = side_of(box, factor)
    largest = max(MAX_SIDE, math.ceil(math.sqrt(height * width) * factor))
    patch = outcome(cut_square, frame, box, factor)
    if isinstance(patch, Refused):
        assert not 0 < side <= largest
        assert outcome(padding_mask, frame.shape, box, factor, size) == patch
        assert outcome(crop_square, frame, box, factor, size) == patch
        return
    # No more memory than the square itself, and none where the frame has it all.
    assert patch.shape == (math.ceil(side), math.ceil(side), 3)
    assert math.ceil(side) <= largest
    padding = padding_mask(frame.shape, box, factor, size)
    if not padding.any():
        assert np.shares_memory(patch, frame)
    crop, scale = crop_square(frame, box, factor, size)
    assert (crop.shape, crop.dtype) == ((size, size, 3), np.uint8)
    assert scale == size / len(patch)
    assert crop[~padding].all()  # of the frame, where nothing is 0
    if padding.all() and not patch.any():
        assert not crop.any()
        assert only_padding(frame.shape, box, factor, size)


@fuzz(1000, real_boxes(1e6, 1e5), real_boxes(1e6, 1e4), FACTORS, SIZES)
def test_map_back_and_its_inverse(box, last, factor, size):
    side = math.ceil(side_of(last, factor))
    scale = size / side
    x, y, w, h = box
    left, top = (last[i] + last[i + 2] / 2 - side / 2 for i in (0, 1))
    in_crop = [value * scale / size for value in (x + w / 2 - left, y + h / 2 - top, w, h)]
    back = map_back(in_crop, last, scale, size)
    assert np.allclose(back, box, rtol=0, atol=0.01)


@fuzz(800, HEIGHTS, WIDTHS, boxes(9000, 9000))
def test_any_first_box(height, width, box):
    x, y, w, h = box
    overlaps = (side_of(box, 1) >= 0 and x < width and y < height and x + w > 0 and y + h > 0)
    parts = max(w, h) < 1 and max(abs(x), abs(y)) <= 2
    assert isinstance(outcome(check_first_box, box, (height, width)), Refused) != (
        overlaps and not parts)


@fuzz(800, HEIGHTS, WIDTHS, boxes(9000, 9000), st.sampled_from([1, 10]))
def test_any_clipped_box(height, width, box, margin):
    """A box that was clipped can be cropped around."""
    assume(all(map(math.isfinite, box)))
    x, y, w, h = clip_box(box, height, width, margin)
    assert w >= margin
    assert h >= margin
    assert min(0, width - margin) <= x <= max(width - margin, 0)
    assert min(0, height - margin) <= y <= max(height - margin, 0)
    assert x + w <= max(width, margin) + 1e-6
    assert y + h <= max(height, margin) + 1e-6
    padding_mask((height, width), (x, y, w, h), 5., 16)
