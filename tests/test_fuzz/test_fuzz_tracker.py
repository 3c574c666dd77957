"""The tracking loop, whatever the network says and whatever frames come."""
import math

import numpy as np
import pytest
import torch
from fuzzing import ANY_FLOAT, Refused, fuzz, outcome
from hypothesis import strategies as st
from PIL import Image

from mmct.runtime import Tracker
from mmct.runtime.network import NetworkInfo

GRID = 2
INFO = NetworkInfo(template_size=16, search_size=32, template_factor=2., search_factor=5.,
                   margin=10., grid=GRID, head='center')


class Oracle:
    """A network that says what it is told to say."""
    info = INFO

    def encode(self, crops, boxes):
        return {'crops': crops}

    def step(self, encoded, crops, memories=None):
        return self.outputs


def answers(number):
    """Maps of a centre head, a value each."""
    return st.tuples(*[st.lists(number, min_size=n, max_size=n) for n in (GRID**2, 2, 2)])


SIZES = st.tuples(st.integers(1, 80), st.integers(1, 80))
ANY_SIZE = st.one_of(SIZES, SIZES, st.tuples(st.integers(1, 4320), st.integers(1, 7680)))
STEPS = st.lists(st.tuples(ANY_SIZE, st.one_of(
    answers(st.floats(0, 1)), answers(st.floats(width=32, allow_nan=False, allow_infinity=False)),
    answers(ANY_FLOAT))), min_size=1, max_size=4)


def start(frame):
    network = Oracle()
    tracker = Tracker(network)
    height, width = frame.shape[:2]
    tracker.init(frame, (0, 0, width, height))
    return network, tracker


@fuzz(600, ANY_SIZE, STEPS)
def test_any_answer_in_frames_of_any_size(wide_frame, size, steps):
    network, tracker = start(wide_frame[:size[0], :size[1]])
    for (height, width), (score, extent, offset) in steps:
        score, extent, offset = (np.array(values, np.float64) for values in (
            score, extent, offset))
        network.outputs = {
            'score': score.reshape(1, 1, GRID, GRID),
            'size': np.broadcast_to(extent[:, None, None], (2, GRID, GRID))[None],
            'offset': np.broadcast_to(offset[:, None, None], (2, GRID, GRID))[None]}
        before = tracker.box
        found = outcome(tracker.update, wide_frame[:height, :width])
        if isinstance(found, Refused):
            assert 'the network gave the box' in found
            assert not np.isfinite(np.concatenate([score, extent, offset])).all() or max(
                map(abs, (*extent, *offset))) > 1e100
            assert tracker.box == before
            continue
        x, y, w, h = tracker.box
        assert all(map(math.isfinite, tracker.box))
        assert min(w, h) >= INFO.margin
        assert x < width
        assert y < height
        assert x + w > 0
        assert y + h > 0


@pytest.mark.parametrize('frame', [
    None, [], np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)),
    np.zeros((0, 8, 3), np.uint8)])
def test_what_is_no_frame(frame):
    _, tracker = start(np.ones((40, 60, 3), np.uint8))
    before = list(tracker.box)
    for call in (tracker.update, lambda frame: tracker.init(frame, (1, 1, 5, 5))):
        line = outcome(call, frame)
        assert isinstance(line, Refused)
        assert 'frame must be (H, W, 3) uint8, got' in line
    assert tracker.box == before


def test_frames_of_other_libraries():
    _, tracker = start(np.ones((40, 60, 3), np.uint8))
    for frame in (Image.new('RGB', (60, 40)), torch.zeros(3, 40, 60, dtype=torch.uint8)):
        with pytest.raises(ValueError, match=r'got (Image|Tensor); give a NumPy array in BGR, as '
                                             r'cv2.imread does: of a PIL image np.array\(image'):
            tracker.update(frame)
    with pytest.raises(ValueError, match='got NoneType; a video that has ended, or a file that'):
        tracker.update(None)


def test_target_where_the_frame_was_larger(wide_frame):
    """The largest crop of the largest frame, then a frame of one pixel."""
    network, tracker = start(wide_frame)
    network.outputs = {'score': np.full((1, 1, GRID, GRID), .5),
                       'size': np.ones((1, 2, GRID, GRID)),
                       'offset': np.ones((1, 2, GRID, GRID))}  # the whole crop
    for height, width in ((4320, 7680), (1, 1), (4320, 7680)):
        box, score = tracker.update(wide_frame[:height, :width])
        assert np.isfinite(box).all()
        assert score == .5


@pytest.mark.parametrize('key', ['score', 'size', 'offset'])
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_network_that_fails_for_a_frame(key, value):
    frame = np.ones((40, 60, 3), np.uint8)
    network, tracker = start(frame)
    good = {'score': np.full((1, 1, GRID, GRID), .5), 'size': np.full((1, 2, GRID, GRID), .2),
            'offset': np.ones((1, 2, GRID, GRID))}
    network.outputs = good | {key: np.full_like(good[key], value)}
    with pytest.raises(ValueError, match='the network gave the box .* its weights'):
        tracker.update(frame)
    assert tracker.box == [0, 0, 60, 40]
    network.outputs = good
    assert tracker.update(frame)[1] == .5


@pytest.mark.parametrize('box', [
    None, 5, 'box', (1, 2, 3), (1, 2, 3, 4, 5), [[1, 2, 3, 4]], (1, 2, 'wide', 4), (1, 2, 3, 4j),
    (1, 2, 3, 10**400)])
def test_what_is_no_box(box):
    frame = np.ones((40, 60, 3), np.uint8)
    _, tracker = start(frame)
    with pytest.raises(ValueError, match='is not x, y, w, h: expected four numbers'):
        tracker.init(frame, box)
    assert tracker.box == [0, 0, 60, 40]


@pytest.mark.parametrize('call', [
    lambda tracker: tracker.box, lambda tracker: tracker.update(np.ones((40, 60, 3), np.uint8)),
    lambda tracker: tracker.init(np.ones((40, 60, 3), np.uint8), (70, 1, 5, 5)) or tracker.box])
def test_a_tracker_without_target(call):
    tracker = Tracker(Oracle())
    line = outcome(call, tracker)
    assert isinstance(line, Refused)
    assert 'needs init(frame, box) before update(frame) and box' in line or 'outside' in line
