"""Which templates a frame is searched with, and when they are encoded."""
import numpy as np
import pytest
from disc import BOX, moving_disc

from mmct.runtime import Tracker, update_many
from mmct.runtime.geometry import box_to_crop, crop_square
from mmct.runtime.network import NetworkInfo
from mmct.runtime.templates import POLICIES, Fixed, make_policy

FIXED = {'type': 'Fixed'}


class Watching:
    """A network that finds the target a bit to the right, and keeps what it encodes."""

    def __init__(self, templates):
        self.info = NetworkInfo(template_size=16, search_size=32, template_factor=2.,
                                search_factor=4., margin=10., grid=4, head='corner',
                                templates=templates)
        self.encoded = []

    def encode(self, crops, boxes):
        self.encoded.append((crops.copy(), boxes.copy()))
        return {'number': len(self.encoded)}

    def step(self, encoded, crops, memories=None):
        self.used = [own['number'] for own in encoded]
        return {'box': np.tile(np.float32([.53, .51, .25, .25]), (len(crops), 1)),
                'score': np.full(len(crops), .75, np.float32)}


class Last:
    """The template of every third frame; keeps what it is told."""

    def start(self, crop, box):
        self.templates, self.told = (crop[None], box[None]), []

    def current(self, frame):
        self.told.append(f'for {frame}')
        return self.templates

    def observe(self, frame, score, cut):
        self.told.append((frame, score))
        if frame % 3 == 0:
            crop, box = cut()
            self.templates = crop[None], box[None]


@pytest.fixture
def last(monkeypatch):
    monkeypatch.setitem(POLICIES, 'Last', Last)
    return {'type': 'Last'}


def template(frame, box):
    """A template of a box, and the box in it."""
    crop, scale = crop_square(frame, box, 2., 16)
    return crop, np.float32([16 * value for value in box_to_crop(box, box, scale, 16)])


def test_fixed_keeps_the_first():
    policy = make_policy(FIXED)
    assert isinstance(policy, Fixed)
    crop, box = np.ones((16, 16, 3), np.uint8), np.float32([4, 4, 8, 8])
    policy.start(crop, box)
    first = policy.current(1)
    assert [part.shape for part in first] == [(1, 16, 16, 3), (1, 4)]
    assert np.array_equal(first[0][0], crop)
    assert np.array_equal(first[1][0], box)
    for frame in range(1, 9):
        policy.observe(frame, 1., lambda: pytest.fail('nothing is cut'))
        assert policy.current(frame + 1) is first


@pytest.mark.parametrize(('config', 'message'), [
    ({}, r"^template policy None is not one of \['Fixed'"),
    ({'type': 'Best'}, r"^template policy 'Best' is not one of \['Fixed'"),
    ({'type': 'Fixed', 'interval': 3}, r'^template policy Fixed: \w+\(\) takes no arguments$'),
])
def test_policies_that_are_none(config, message):
    with pytest.raises(ValueError, match=message) as caught:
        make_policy(config)
    assert '\n' not in str(caught.value)
    with pytest.raises(ValueError, match=message):
        Tracker(Watching(config))


def test_making_a_policy_leaves_its_config_as_it_is():
    config = dict(FIXED)
    make_policy(config)
    assert config == FIXED


def test_fixed_templates_are_encoded_once_a_target():
    frames, network = moving_disc(8), Watching(FIXED)
    tracker = Tracker(network)
    for start in (0, 2):
        tracker.init(frames[start], BOX)
        for frame in frames[start + 1:]:
            tracker.update(frame)
    assert len(network.encoded) == 2
    for start, (crops, boxes) in zip((0, 2), network.encoded, strict=True):
        crop, box = template(frames[start], BOX)
        assert np.array_equal(crops, crop[None])
        assert np.array_equal(boxes, box[None])
        assert boxes.dtype == np.float32


def test_templates_that_change_are_encoded_anew_and_only_then(last):
    frames, network = moving_disc(9), Watching(last)
    tracker = Tracker(network)
    tracker.init(frames[0], BOX)
    expected, used = [template(frames[0], BOX)], []
    for number, frame in enumerate(frames[1:], 1):
        box, score = tracker.update(frame)
        used += network.used
        assert score == .75
        if number % 3 == 0:
            expected.append(template(frame, box))
    assert used == [1, 1, 1, 2, 2, 2, 3, 3]
    for (crops, boxes), (crop, box) in zip(network.encoded, expected, strict=True):
        assert np.array_equal(crops, crop[None])
        np.testing.assert_allclose(boxes, box[None])
    told = ['for 1']
    for frame in range(1, 9):
        told += [(frame, .75), f'for {frame + 1}']
    assert tracker._policy.told == told


def test_targets_of_one_batch_have_templates_of_their_own(last):
    frames, network = moving_disc(6), Watching(last)
    first, second = Tracker(network), Tracker(network)
    first.init(frames[0], BOX)
    first.update(frames[1])
    second.init(frames[1], (20., 30., 30., 18.))
    used = []
    for frame in frames[2:]:
        update_many([first, second], frame)
        used.append(network.used)
    # Encoded first for one and the other, then after their third frames.
    assert used == [[1, 2], [1, 2], [3, 2], [3, 4]]


@pytest.mark.parametrize('many', [False, True])
def test_boxes_belong_to_the_caller(many):
    frames, found = moving_disc(6), []
    for change in (False, True):
        tracker, first = Tracker(Watching(FIXED)), list(BOX)
        tracker.init(frames[0], first)
        boxes = []
        for frame in frames[1:]:
            box, _ = update_many([tracker], frame)[0] if many else tracker.update(frame)
            boxes.append(list(box))
            if change:
                box[:] = first[:] = 0, 0, 1, 1
        found.append(boxes)
    assert found[0] == found[1]
