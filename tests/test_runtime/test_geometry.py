import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmct.runtime.geometry import (
    MAX_SIDE,
    box_to_crop,
    check_first_box,
    clip_box,
    crop_square,
    decode_center,
    hann_window,
    map_back,
    only_padding,
    padding_mask,
    shrink_box,
    template_box,
)

FACTORS = st.sampled_from([2.0, 4.0, 5.0])
SIZES = st.sampled_from([16, 64, 112])


@st.composite
def frames(draw):
    height, width = draw(st.integers(2, 60)), draw(st.integers(2, 60))
    seed = draw(st.integers(0, 99))
    return np.random.default_rng(seed).integers(1, 256, (height, width, 3), dtype=np.uint8)


@st.composite
def boxes(draw, reach=90):
    place, extent = st.floats(-reach, reach), st.floats(0.2, 40)
    return draw(place), draw(place), draw(extent), draw(extent)


def padded_by_the_book(frame, box, factor):
    """The square before it is resized, as literally as it can be written, and its padding."""
    x, y, w, h = box
    side = math.ceil(math.sqrt(w * h) * factor)
    x1, y1 = round(x + 0.5 * w - side * 0.5), round(y + 0.5 * h - side * 0.5)
    height, width = frame.shape[:2]
    square, padding = np.zeros((side, side, 3), np.uint8), np.ones((side, side))
    # Up to the border nothing is lost; beyond it the last row and column are.
    right = width if x1 + side < width else width - 1
    bottom = height if y1 + side < height else height - 1
    for row in range(max(0, y1), min(y1 + side, bottom)):
        for column in range(max(0, x1), min(x1 + side, right)):
            square[row - y1, column - x1] = frame[row, column]
            padding[row - y1, column - x1] = 0
    return square, padding


@pytest.mark.parametrize(('side', 'size', 'expected'), [
    (173, 128, '42668553291e2ddf6f0cd3f553972821'), (333, 192, '510da44e3fa8d9950d25f82025c45fae'),
    (100, 128, '05d993283363dff9b15c9d358333406d')])
def test_exact_crops_have_these_bits(side, size, expected):
    """Computed on x86 and on ARM, which shrink otherwise without ``exact``."""
    y, x = np.indices((side + 2, side + 2))
    frame = np.stack([7 * x + y * y, x * y, 3 * x + 5 * y], -1).astype(np.uint8)
    box = side / 4, side / 4, side / 2, side / 2
    crop, scale = crop_square(frame, box, 2., size, exact=True)
    assert scale == size / side
    assert hashlib.md5(crop).hexdigest() == expected


@settings(max_examples=60, deadline=None)
@given(frames(), boxes(), FACTORS, SIZES)
@example(np.ones((2, 2, 3), np.uint8), (0., 0., 29., 28.5), 5., 112)
def test_crop_and_padding(frame, box, factor, size):
    square, padding = padded_by_the_book(frame, box, factor)
    crop, scale = crop_square(frame, box, factor, size)
    assert np.array_equal(crop, cv2.resize(square, (size, size)))
    assert scale == size / len(square)

    # OpenCV may leave 1e-14 where no padding is, from rounding in two directions.
    expected = cv2.resize(padding, (size, size)) > 1e-9
    assert np.array_equal(padding_mask(frame.shape, box, factor, size), expected)
    centers = np.arange(size // 16) * 16  # nearest neighbour
    assert only_padding(frame.shape, box, factor, size) == expected[centers][:, centers].all()


def test_crops_of_the_published_code(golden, reference):
    folder = golden('crops')
    crops = np.load(folder / 'tensors.npz', allow_pickle=False)
    for i, item in enumerate(json.loads((folder / 'meta.json').read_text())):
        frame = cv2.imread(str(reference / 'sequences/crossing/img' / item['frame']))
        args = item['crop_box_xywh'], item['factor'], item['size']
        crop, scale = crop_square(frame, *args)
        assert np.array_equal(crop, crops[f'crop{i}'])
        assert scale == item['resize_factor']
        assert padding_mask(frame.shape, *args).mean() == item['padded_share']


def test_targets_of_the_published_code(golden):
    for item in json.loads((golden('crops') / 'meta.json').read_text()):
        box = box_to_crop(
            item['gt_xywh'], item['crop_box_xywh'], item['resize_factor'], item['size'])
        assert list(box) == item['gt_in_crop_xywh']


def test_sutracks_targets_of_the_published_code(golden):
    tensors = np.load(golden('sutrack') / 'tensors.npz')
    for kind, factor, size in (('template', 2, 112), ('search', 4, 224)):
        around, targets, expected = (tensors[f'crop.{kind}.{name}'].astype(float) for name in (
            'box_extract', 'box_gt', 'box_in_crop_xywh'))
        for box, target, own in zip(around, targets, expected, strict=True):
            scale = size / math.ceil(math.sqrt(box[2] * box[3]) * factor)
            assert box_to_crop(target, box, scale, size, stretched=True) == pytest.approx(
                own, abs=1e-6)


def test_boxes_of_templates():
    box, scale = (3., 4., 30., 20.), 0.4
    for stretched in (False, True):
        found = template_box(box, scale, 32, stretched)
        assert found.dtype == np.float32
        assert found == pytest.approx(
            [32 * value for value in box_to_crop(box, box, scale, 32, stretched)], rel=1e-6)


def test_windows_of_the_published_code(golden):
    windows = np.load(golden('crops') / 'tensors.npz', allow_pickle=False)
    for n in (8, 16, 24):
        assert hann_window(n).dtype == np.float32
        np.testing.assert_allclose(hann_window(n), windows[f'hann{n}'], rtol=0, atol=3e-7)


@pytest.mark.parametrize('place', [(-500, 5), (5, -500), (500, 5), (5, 500), (1e300, 5)])
def test_crop_outside_the_frame_is_padding(place):
    frame = np.full((40, 60, 3), 9, np.uint8)
    box = *place, 10, 10
    assert not crop_square(frame, box, 2, 32)[0].any()
    assert only_padding(frame.shape, box, 2, 32)


def test_wide_crop_of_a_small_frame():
    frame = np.full((4, 4, 3), 9, np.uint8)
    side = MAX_SIDE // 2
    crop, scale = crop_square(frame, (-side / 2, -side / 2, side, side), 2, 128)
    assert crop.shape == (128, 128, 3)
    assert scale == 128 / MAX_SIDE


@pytest.mark.parametrize(('box', 'message'), [
    ((3, 3, 0, 10), 'has no area'),
    ((3, 3, -2, -2), 'has no area'),
    ((3, 3, math.nan, 10), 'is not finite'),
    ((math.inf, 3, 10, 10), 'is not finite'),
    ((3, 3, 1e6, 1e6), f'expected 1 to {MAX_SIDE}'),
    ((3, 3, 1e200, 1e200), f'expected 1 to {MAX_SIDE}'),
    ((3, 3, 1e-200, 1e-200), f'expected 1 to {MAX_SIDE}'),
])
def test_boxes_that_cannot_be_cropped(box, message):
    with pytest.raises(ValueError, match=message):
        crop_square(np.zeros((40, 60, 3), np.uint8), box, 2, 64)


@pytest.mark.parametrize(('box', 'message'), [
    ((3, 3, 0, 10), 'has no area'),
    ((3, 3, 5, math.nan), 'is not finite'),
    ((60, 3, 5, 5), 'outside the frame;.* of 60x40 pixels'),
    ((-5, 3, 5, 5), 'outside the frame'),
    ((3, 40, 5, 5), 'outside the frame'),
    ((3, -9, 5, 5), 'outside the frame'),
])
def test_first_boxes_that_cannot_be_tracked(box, message):
    with pytest.raises(ValueError, match=message):
        check_first_box(box, (40, 60, 3))


def test_first_box_may_reach_out_of_the_frame():
    check_first_box((-4, 38, 5, 5), (40, 60, 3))


@pytest.mark.parametrize('frame', [
    np.zeros((40, 60), np.uint8), np.zeros((40, 60, 3)), np.zeros((40, 60, 4), np.uint8)])
def test_frames_that_cannot_be_cropped(frame):
    with pytest.raises(ValueError, match=r'\(H, W, 3\) uint8'):
        crop_square(frame, (3, 3, 10, 10), 2, 64)


@given(boxes(), boxes(), st.floats(0.1, 8), SIZES)
def test_map_back_is_half_a_crop_pixel_off_the_target(box, last, scale, size):
    x, y, w, h = box_to_crop(box, last, scale, size)
    x, y, w, h = map_back((x + w / 2, y + h / 2, w, h), last, scale, size)
    assert (x + 0.5 / scale, y + 0.5 / scale, w, h) == pytest.approx(box, abs=1e-6)


def test_map_back_of_the_crop_center():
    assert map_back((0.5, 0.5, 0.25, 0.125), (10, 20, 30, 40), 2.0, 64) == (21, 38, 8, 4)


def test_map_back_scales_an_array_in_its_own_precision():
    box, scale = np.float32([0.5, 0.5, 0.1, 0.3]), 288 / 149
    expected = [float(np.float32(value) * np.float32(288) / np.float32(scale)) for value in box]
    _, _, *size = map_back(box, (10, 20, 30, 40), scale, 288)
    assert size == expected[2:]
    _, _, *size = map_back(box.tolist(), (10, 20, 30, 40), scale, 288)
    assert size != expected[2:]
    assert size == [float(value) * 288 / scale for value in box[2:]]


@given(boxes(), st.floats(0, 3))
def test_a_shrunk_box_keeps_its_centre(box, pixels):
    x, y, w, h = shrink_box(box, pixels)
    assert x + w / 2 == pytest.approx(box[0] + box[2] / 2)
    assert y + h / 2 == pytest.approx(box[1] + box[3] / 2)
    for side, before in zip((w, h), box[2:], strict=True):
        assert side == pytest.approx(max(before - pixels, 0.98 * before))


@given(boxes(), st.integers(10, 70), st.integers(10, 70), st.sampled_from([0, 3, 10]))
def test_clipped_boxes_reach_into_the_frame(box, height, width, margin):
    x, y, w, h = clip_box(box, height, width, margin)
    assert 0 <= x <= width - margin
    assert 0 <= y <= height - margin
    assert w >= margin
    assert h >= margin
    assert x + w <= width + 1e-9
    assert y + h <= height + 1e-9


@pytest.mark.parametrize(('box', 'clipped'), [
    ((5, 6, 20, 30), (5, 6, 20, 30)),
    ((-5, -6, 20, 30), (0, 0, 15, 24)),
    ((-50, 6, 20, 30), (0, 6, 10, 30)),
    ((90, 70, 20, 30), (90, 70, 10, 10)),
    ((20, 20, 2, 3), (20, 20, 10, 10)),
])
def test_clip_box(box, clipped):
    assert clip_box(box, 80, 100) == clipped


def test_decode_center():
    score, size, offset = np.zeros((1, 4, 4)), np.zeros((2, 4, 4)), np.zeros((2, 4, 4))
    score[0, 1, 2], score[0, 0, 3] = 0.5, 0.6
    size[:, 1, 2], offset[:, 1, 2] = (0.25, 0.75), (0.5, -0.25)
    offset[:, 0, 3] = 0.5, 0.5
    assert decode_center(score, size, offset) == ((3.5 / 4, 0.5 / 4, 0, 0), 0.6)
    # The window moves the choice towards the middle, the score stays the network's.
    box, value = decode_center(score, size, offset, hann_window(4))
    assert box == (2.5 / 4, 0.75 / 4, 0.25, 0.75)
    assert value == 0.5
    # Or it is the one behind the window.
    windowed = decode_center(score, size, offset, hann_window(4), report='windowed')
    assert windowed == (box, 0.5 * hann_window(4)[1, 2])
    assert decode_center(score, size, offset, report='windowed')[1] == 0.6
    assert decode_center(score, size, offset, hann_window(4), report='highest') == (box, 0.6)


def test_needs_no_framework():
    heavy = 'torch', 'mmengine', 'mmcv', 'mmdet', 'mmtrack'
    code = f"""
import sys
sys.modules.update(dict.fromkeys({heavy}))  # as if none were installed
import mmct.runtime.geometry
"""
    subprocess.run([sys.executable, '-c', code], check=True, cwd=Path(__file__).parents[2])


def test_decode_center_takes_the_first_of_equals():
    maps = np.full((2, 3, 3), 0.5)
    assert decode_center(maps[:1], maps, maps)[0][:2] == (0.5 / 3, 0.5 / 3)
