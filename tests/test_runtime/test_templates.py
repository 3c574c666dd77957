"""Which templates a frame is searched with, and when they are encoded."""
import json
import math

import cv2
import numpy as np
import pytest
from disc import BOX, moving_disc

from mmct.runtime import Tracker, update_many
from mmct.runtime.frames import Frames
from mmct.runtime.geometry import box_to_crop, crop_square, template_box
from mmct.runtime.network import NetworkInfo
from mmct.runtime.templates import (
    POLICIES,
    BestOfInterval,
    Fixed,
    RecentConfident,
    make_policy,
)

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
    """The template of every third frame; the class keeps what the last one was told."""

    def start(self, crop, box):
        self.templates, Last.told = (crop[None], box[None]), []

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
    ('Fixed', r"^template policy 'Fixed' must be a dict, such as dict\(type='Fixed'\)$"),
    (None, '^template policy None must be a dict'),
    ({'type': 'Best'}, r"^template policy 'Best' is not one of \['Fixed'"),
    ({'type': 'Fixed', 'interval': 3},
     r"^template policy Fixed: .* unexpected keyword argument 'interval'$"),
    ({'type': 'Fixed', 'copies': 0}, r'^template policy Fixed: copies=0 must be in \[1, 64\]'),
    ({'type': 'BestOfInterval', 'interval': 0},
     r'^template policy BestOfInterval: interval=0 must be in \[1, inf\), a whole number$'),
    ({'type': 'BestOfInterval', 'threshold': 2}, r'threshold=2 must be in \[0, 1\]$'),
    ({'type': 'BestOfInterval', 'decay': 0.}, r'decay=0.0 must be in \(0, 1\]$'),
    ({'type': 'RecentConfident', 'copies': 65}, r'copies=65 must be in \[1, 64\]'),
    ({'type': 'RecentConfident', 'interval': 2.5}, r'interval=2.5 must be in \[1, inf\), a whole'),
    ({'type': 'RecentConfident', 'threshold': -1}, r'threshold=-1 must be in \[0, 1\]$'),
])
def test_policies_that_are_none(config, message):
    with pytest.raises(ValueError, match=message) as caught:
        make_policy(config)
    assert '\n' not in str(caught.value)
    with pytest.raises(ValueError, match=message):
        Tracker(Watching(config))


def test_fixed_gives_copies():
    policy = make_policy({'type': 'Fixed', 'copies': 2})
    crop, box = np.ones((16, 16, 3), np.uint8), np.float32([4, 4, 8, 8])
    policy.start(crop, box)
    crops, boxes = policy.current(1)
    assert crops.shape == (2, 16, 16, 3)
    assert np.array_equal(crops, [crop, crop])
    assert np.array_equal(boxes, [box, box])


def online_frames(scores, **arguments):
    """Frames that the two templates of ``BestOfInterval`` come from, for each score."""
    policy, found = BestOfInterval(**arguments), []

    def made(frame):
        return np.full((2, 2, 3), frame, np.uint8), np.float32([frame, 0, 1, 1])

    policy.start(*made(0))
    for frame, score in enumerate(scores, 1):
        crops, boxes = policy.current(frame)
        assert [crops.shape, boxes.shape] == [(2, 2, 2, 3), (2, 4)]
        assert (crops.dtype, boxes.dtype) == (np.uint8, np.float32)
        assert np.array_equal(crops[:, 0, 0, 0], boxes[:, 0])
        assert crops[0, 0, 0, 0] == 0
        found.append(int(boxes[1, 0]))
        policy.observe(frame, score, lambda frame=frame: made(frame))
        after = policy.current(frame + 1)
        # The same object if nothing changed: it would be encoded anew.
        assert (after[1] is boxes) == np.array_equal(after[1], boxes)
    return [*found, int(after[1][1, 0])]


@pytest.mark.parametrize(('scores', 'arguments', 'expected'), [
    # The best frame of each interval, also the one of the update itself.
    ([.6, .9, .7, .6, .7, .8, .2], {'interval': 3}, [0, 0, 0, 2, 2, 2, 6, 6]),
    # At the threshold is not above it, and as good is not better.
    ([.5, .5, .75, .75], {'interval': 2}, [0, 0, 0, 0, 3]),
    ([.5, .25], {'interval': 2, 'threshold': .25}, [0, 0, 1]),
    # No good frame: the first template comes back.
    ([.9, .9, .4, .3, .2, .6], {'interval': 2}, [0, 0, 1, 1, 0, 0, 6]),
    ([.1, .2, .3, .4], {'interval': 1}, [0] * 5),
    ([.6, .6, .6], {'interval': 1}, [0, 1, 2, 3]),
    # The best score of .8 fades to .4 before it is compared, and then a .6 beats it.
    ([.8, .6, .2], {'interval': 3, 'decay': .5}, [0, 0, 0, 2]),
    ([1., .5, .25], {'interval': 3, 'decay': .5, 'threshold': .2}, [0, 0, 0, 1]),
    ([1., .5, .5], {'interval': 3, 'decay': .5, 'threshold': .2}, [0, 0, 0, 3]),
    # It starts anew in each interval.
    ([.9, .9, .6, .55], {'interval': 2}, [0, 0, 1, 1, 3]),
    ([.9] * 199, {}, [0] * 200),
    ([.9] * 200, {}, [0] * 200 + [1]),
])
def test_best_of_interval(scores, arguments, expected):
    assert online_frames(scores, **arguments) == expected


def test_a_new_target_starts_anew():
    policy = BestOfInterval(interval=2)
    crops = [np.full((2, 2, 3), value, np.uint8) for value in range(4)]
    policy.start(crops[0], np.zeros(4))
    policy.observe(1, .9, lambda: (crops[1], np.zeros(4)))
    policy.start(crops[2], np.zeros(4))
    policy.observe(1, .6, lambda: (crops[3], np.zeros(4)))
    policy.observe(2, .1, lambda: pytest.fail('not a good frame'))
    assert policy.current(3)[0][:, 0, 0, 0].tolist() == [2, 3]


def recent_frames(scores, **arguments):
    """Frames that the templates of ``RecentConfident`` come from after each score."""
    policy, found = RecentConfident(**arguments), []

    def made(frame):
        return np.full((2, 2, 3), frame, np.uint8), np.float32([frame, 0, 1, 1])

    policy.start(*made(0))
    before = policy.current(1)
    found.append(before[1][:, 0].astype(int).tolist())
    for frame, score in enumerate(scores, 1):
        policy.observe(frame, score, lambda frame=frame: made(frame))
        crops, boxes = after = policy.current(frame + 1)
        assert np.array_equal(crops[:, 0, 0, 0], boxes[:, 0])
        found.append(boxes[:, 0].astype(int).tolist())
        # The same object if nothing changed: it would be encoded anew.
        assert (after is before) == (found[-1] == found[-2])
        before = after
    return found


@pytest.mark.parametrize(('scores', 'arguments', 'expected'), [
    # The score of the last frame of an interval counts, and no other.
    ([.9, .9, .6, .1, .1, .8], {'interval': 3, 'threshold': .5}, [[0, 0]] * 3 + [[0, 3]] * 3 + [[
        0, 6]]),
    # At the threshold is not above it, and no template comes back.
    ([.75, .5, .75, .25], {'interval': 1, 'threshold': .5},
     [[0, 0], [0, 1], [0, 1], [0, 3], [0, 3]]),
    # The oldest one but the first gives way.
    ([.9] * 4, {'interval': 1, 'copies': 3}, [[0, 0, 0], [0, 0, 1], [0, 1, 2], [0, 2, 3],
                                              [0, 3, 4]]),
    ([.9] * 3, {'interval': 1, 'copies': 1}, [[0]] * 4),
    ([.8] * 25, {}, [[0, 0]] * 25 + [[0, 25]]),
    ([.7] * 25, {}, [[0, 0]] * 26),
])
def test_recent_confident(scores, arguments, expected):
    assert recent_frames(scores, **arguments) == expected


@pytest.mark.parametrize('name', ['teacher_two_templates', 'teacher_one_template',
                                  'student_two_templates'])
def test_recorded_updates(golden, name):
    """Of the published loop, given its scores."""
    content = json.loads((golden('sutrack') / 'track_crossing.json').read_text())
    run = content[name]
    found = recent_frames(run['scores'][1:], copies=run['num_templates'],
                          interval=run['update_interval'], threshold=run['update_threshold'])
    updates = [frame for frame in range(1, len(found)) if found[frame] != found[frame - 1]]
    assert updates == run['updates_after_frame']
    assert (len(updates) > 5) == (run['num_templates'] == 2)


def test_recorded_boxes_of_templates(golden):
    """To the last bit, as an edge decides whole rows of pixels."""
    folder = golden('sutrack')
    boxes = json.loads((folder / 'track_crossing.json').read_text())[
        'teacher_two_templates']['boxes_xywh']
    tensors = np.load(folder / 'tensors.npz')
    for frame, name in ((0, 'init.box0'), (24, 'f24.box1_after'), (52, 'f52.box1_after')):
        box = boxes[frame]
        scale = 112 / math.ceil(math.sqrt(box[2] * box[3]) * 2)
        expected = tensors[f'track.{name}'][0] * np.float32(112)
        found = template_box(box, scale, 112, stretched=True)
        assert found.dtype == np.float32
        # The given box has no digits that were cut off.
        np.testing.assert_allclose(found, expected, rtol=0, atol=0 if frame == 0 else 1e-3)


def test_boxes_and_scores_of_a_network_that_asks_for_them():
    """Stretched boxes of templates, the score behind the window."""
    class Centre(Watching):
        def __init__(self):
            super().__init__(FIXED)
            self.info = self.info._replace(head='center', stretched_boxes=True,
                                score='windowed')

        def step(self, encoded, crops, memories=None):
            score = np.full((1, 1, 4, 4), .5, np.float32)
            return {'score': score, 'size': score.repeat(2, axis=1) / 2,
                    'offset': score.repeat(2, axis=1) * 0 + 1}

    frames, network = list(moving_disc(3)), Centre()
    tracker = Tracker(network)
    tracker.init(frames[0], BOX)
    found = network.encoded[0][1][0]
    plain = 16 / math.ceil(math.sqrt(BOX[2] * BOX[3]) * 2)
    sides = [side * plain for side in BOX[2:]]
    middle = (16 - 1) / 2
    corner = [middle - side / 2 for side in sides]
    assert found == pytest.approx([value / 15 * 16 for value in (*corner, *sides)], rel=1e-6)
    _, score = tracker.update(frames[1])
    peak = 0.5 * (1 - math.cos(2 * math.pi * 2 / 5))
    assert score == pytest.approx(.5 * peak**2, rel=1e-6)
    network.info = network.info._replace(score='chosen')
    assert tracker.update(frames[2])[1] == .5


class Recorded:
    """A network that finds again what was recorded of a run.

    The head's boxes were not recorded. They are found by trying the float32 numbers around those
    that the frame's boxes tell.
    """

    def __init__(self, run, templates):
        self.info = NetworkInfo(
            template_size=128, search_size=288, template_factor=run['template_factor'],
            search_factor=run['search_factor'], margin=10, grid=18, head='edge',
            templates=templates)
        self.boxes, self.scores = run['boxes_xywh'], run.get('scores')
        self.frame, self.encoded = 0, []

    def encode(self, crops, boxes):
        self.encoded.append((self.frame, crops))
        return {}

    def step(self, encoded, crops, memories=None):
        self.frame += 1
        size, last, (x, y, w, h) = 288, self.boxes[self.frame - 1], self.boxes[self.frame]
        scale = size / math.ceil(math.sqrt(last[2] * last[3]) * self.info.search_factor)
        middle = [last[i] + 0.5 * last[i + 2] - 0.5 * size / scale for i in (0, 1)]
        pixels = x + 0.5 * w - middle[0], y + 0.5 * h - middle[1], w, h
        box = [in_crop(np.float32(value), scale, size) for value in pixels]
        score = self.scores[self.frame] if self.scores else 1
        return {'box': np.array([box], np.float32), 'score': np.array([score], np.float32)}


def in_crop(pixels, scale, size):
    """A float32 that becomes this one in the frame, or nearly so."""
    value = np.float32(pixels * scale / size)
    around = value + np.arange(-8, 9, dtype=np.float32) * np.spacing(value)
    return min(around, key=lambda own: abs(own * np.float32(size) / np.float32(scale) - pixels))


@pytest.mark.parametrize('name', ['online', 'online_decay', 'static'])
def test_recorded_runs(golden, monkeypatch, name):
    """Boxes, candidates and updates of the published loop, given its network's outputs."""
    folder = golden('mixformerv2')
    frames = folder.parents[1] / 'sequences' / 'crossing' / 'img'
    if not frames.is_dir():
        pytest.skip(f'{frames} is not there')
    run = json.loads((folder / 'track_crossing.json').read_text())['runs'][name]
    templates = {'type': 'Fixed', 'copies': 2} if name == 'static' else {
        'type': 'BestOfInterval', 'interval': run['update_interval'],
        'decay': run['max_score_decay']}
    expected, candidates = {}, []

    class Noting(POLICIES[templates['type']]):
        def start(self, crop, box):
            super().start(*self.note(0, (crop, box)))

        def observe(self, frame, score, cut):
            super().observe(frame, score, lambda: self.note(frame, cut()))

        def note(self, frame, template):
            expected[frame] = template[0]
            candidates.append(frame)
            return template

    monkeypatch.setitem(POLICIES, templates['type'], Noting)
    network = Recorded(run, templates)
    tracker, exact = Tracker(network), 0
    for i, frame in enumerate(Frames(str(frames))):
        box = run['boxes_xywh'][i]
        if i == 0:
            tracker.init(frame, box)
            continue
        found, score = tracker.update(frame)
        assert found == pytest.approx(box, abs=1e-4)
        # A box that was clipped does not tell what the head gave.
        x, y, w, h = box
        if min(x, y) > 0 and x + w < frame.shape[1] and y + h < frame.shape[0]:
            assert found == box
            exact += 1
        tracker.box = list(box)
        assert score == (run['scores'][i] if name != 'static' else 1)
    assert exact > 60
    assert candidates == [0, *run.get('candidate_frames', [])]
    updates = [{'frame': 0, 'from_frame': 0}]
    for update in run.get('updates', []):
        # Nothing is encoded for the first template after the first.
        if update['from_frame'] or updates[-1]['from_frame']:
            updates.append(update)
    assert [frame for frame, _ in network.encoded] == [update['frame'] for update in updates]
    for (_, crops), update in zip(network.encoded, updates, strict=True):
        assert np.array_equal(crops, [expected[0], expected[update['from_frame']]])


def test_what_differs_is_said_in_words():
    one, other = Watching(FIXED).info, Watching({'type': 'BestOfInterval', 'interval': 9}).info
    assert one.differences(one) == ''
    assert one.differences(one._replace(precision='fp16')) == ''
    assert one.differences(other._replace(head='edge', search_factor=5., memory=(1, 8))) == (
        'search factor 4.0, not 5.0; head corner, not edge; memory (0, 0), not (1, 8); template '
        'policy Fixed(), not BestOfInterval(interval=9)')
    assert one._replace(score='windowed').differences(one) == 'score windowed, not chosen'


@pytest.mark.parametrize(('flags', 'score'), [
    ((False, False), 'chosen'), ((True, False), 'highest'), ((False, True), 'windowed')])
def test_files_with_two_flags_for_the_score(flags, score):
    info = Watching(FIXED).info._replace(score=score)
    values = json.loads(info.to_json())
    del values['score']
    values |= dict(zip(('highest_score', 'windowed_score'), flags, strict=True))
    assert NetworkInfo.from_json(json.dumps(values), 'a.onnx') == info


def test_files_from_before_boxes_could_shrink_and_crops_be_exact():
    info = Watching(FIXED).info
    values = json.loads(info.to_json())
    del values['shrink'], values['exact_crops']
    assert NetworkInfo.from_json(json.dumps(values), 'a.onnx') == info
    with pytest.raises(ValueError, match='shrink'):
        NetworkInfo.from_json(json.dumps(dict(values, shrink=-1)), 'a.onnx')
    with pytest.raises(ValueError, match='exact_crops=1 must be true or false'):
        NetworkInfo.from_json(json.dumps(dict(values, exact_crops=1)), 'a.onnx')


def test_found_boxes_shrink_by_so_many_pixels():
    frame, found = np.zeros((200, 300, 3), np.uint8), {}
    for shrink in (0., .5):
        network = Watching(FIXED)
        network.info = network.info._replace(shrink=shrink)
        follower = Tracker(network)
        follower.init(frame, (100, 80, 60, 40))
        found[shrink], _ = follower.update(frame)
    x, y, w, h = found[0.]
    assert found[.5] == pytest.approx([x + .25, y + .25, w - .5, h - .5])


def test_exact_crops_are_asked_for():
    frame = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    for exact, how in ((False, cv2.INTER_LINEAR), (True, cv2.INTER_LINEAR_EXACT)):
        network = Watching(FIXED)
        network.info = network.info._replace(exact_crops=exact)
        step, seen = network.step, []
        network.step = lambda encoded, crops, memories, seen=seen, step=step: (
            seen.append(crops.copy()), step(encoded, crops))[1]
        follower = Tracker(network)
        follower.init(frame, (100, 70, 40, 40))
        follower.update(frame)
        for crop, part in ((network.encoded[0][0][0], frame[50:130, 80:160]),
                           (seen[0][0], frame[10:170, 40:200])):
            assert np.array_equal(crop, cv2.resize(part, crop.shape[:2], interpolation=how))


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
    assert Last.told == told


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


def test_targets_whose_templates_have_other_shapes_are_batches_of_their_own(last):
    """Results are in the order of the targets."""
    class Growing(Watching):
        batches = []

        def encode(self, crops, boxes):
            super().encode(crops, boxes)
            number = len(self.encoded)
            return {'key': np.full((1, 1 + number % 2), number), 'value': np.full(1, number)}

        def step(self, encoded, crops, memories=None):
            keys = np.concatenate([own['key'] for own in encoded])
            self.batches.append(keys[:, 0].tolist())
            boxes = np.tile(np.float32([.5, .5, .25, .25]), (len(crops), 1))
            # What is found tells of whose templates and crop it was made.
            return {'box': boxes, 'score': keys[:, 0] + crops.mean(axis=(1, 2, 3)) / 1e3}

    frames, network = moving_disc(2), Growing(FIXED)
    boxes = [BOX, (20., 30., 30., 18.), (90., 60., 12., 30.), (60., 20., 40., 40.)]
    alone, together = ([Tracker(network) for _ in boxes] for _ in range(2))
    for followers in (alone, together):
        network.encoded.clear()
        for follower, box in zip(followers, boxes, strict=True):
            follower.init(frames[0], box)
    expected = [follower.update(frames[1]) for follower in alone]
    network.batches.clear()
    assert update_many(together, frames[1]) == expected
    assert network.batches == [[1, 3], [2, 4]]
    network.batches.clear()
    update_many(together[::2], frames[1])
    assert network.batches == [[1, 3]]


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


class Breaking(Watching):
    """A network that breaks where it is told to: at a step, at a target, or at its template."""
    at = None

    def encode(self, crops, boxes):
        if self.at == 'encode' and len(self.encoded) == 3:
            raise RuntimeError('no memory')
        return super().encode(crops, boxes)

    def step(self, encoded, crops, memories=None):
        outputs = super().step(encoded, crops, memories)
        if self.at == 'step':
            raise KeyboardInterrupt
        if self.at == 'target':
            outputs['box'][-1] = np.nan
        return outputs


@pytest.mark.parametrize('at', ['step', 'target', 'encode', 'frame'])
def test_all_targets_move_or_none(at):
    """A frame of another size, in which the second target would get a new template."""
    policy = {'type': 'BestOfInterval', 'interval': 3, 'threshold': 0.}
    frames, network = moving_disc(6), Breaking(policy)
    trackers, others = ([Tracker(network) for _ in range(2)] for _ in range(2))
    targets = [BOX, (20., 30., 30., 18.)]
    for pair in (trackers, others):
        network.encoded.clear()
        for follower, box in zip(pair, targets, strict=True):
            follower.init(frames[0], box)
        for frame in frames[1:3]:
            update_many(pair, frame)
    smaller = np.ascontiguousarray(frames[3][:100, :120])
    network.at = at
    kind = {'step': KeyboardInterrupt, 'encode': RuntimeError}.get(at, ValueError)
    for _ in range(2):
        with pytest.raises(kind):
            update_many(trackers, None if at == 'frame' else smaller)
        with pytest.raises(kind):
            trackers[1].update(None if at == 'frame' else smaller)
    network.at = None
    for frame in (frames[3], smaller, frames[4]):
        network.encoded = network.encoded[:2]
        found = update_many(trackers, frame)
        network.encoded = network.encoded[:2]
        assert found == update_many(others, frame)


def test_a_tracker_twice():
    tracker = Tracker(Watching(FIXED))
    tracker.init(moving_disc(1)[0], BOX)
    with pytest.raises(ValueError, match='given a tracker twice; a target needs a tracker of its'):
        update_many([tracker, tracker], moving_disc(1)[0])


def test_the_box_of_a_tracker_is_a_copy():
    tracker = Tracker(Watching(FIXED))
    tracker.init(moving_disc(1)[0], BOX)
    box = tracker.box
    box[:] = 0, 0, 1, 1
    assert tracker.box == list(BOX)
