"""Templates from all over the past: which, how they are kept, and that memory has an end."""
import gc
import io
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from disc import BOX, moving_disc

from mmct.runtime import Tracker, crop_store, update_many
from mmct.runtime.crop_store import CropStore
from mmct.runtime.geometry import box_to_crop, crop_square
from mmct.runtime.network import NetworkInfo
from mmct.runtime.templates import (
    SpreadHistory,
    count_templates,
    make_policy,
    policy_text,
    spread,
)


class Seeing:
    """A network that finds the target a bit to the right, counts its frames in its memory, and
    keeps what it is shown."""

    def __init__(self, count=3, size=16):
        self.info = NetworkInfo(template_size=size, search_size=32, template_factor=2.,
                                search_factor=4., margin=10., grid=4, head='corner',
                                templates={'type': 'SpreadHistory', 'count': count}, memory=(1, 2))
        self.templates, self.memories, self.keep = [], [], True

    def encode(self, crops, boxes):
        if self.keep:
            self.templates.append((crops.copy(), boxes.copy()))
        return {'number': np.full(1, len(self.templates))}

    def step(self, encoded, crops, memories=None):
        if self.keep:
            self.memories.append(memories[0].copy())
        return {'box': np.tile(np.float32([.53, .51, .25, .25]), (len(crops), 1)),
                'score': np.zeros(len(crops), np.float32),
                'next_memory': np.concatenate(memories) + 1}


@pytest.mark.parametrize(('frame', 'count', 'frames'), [
    (1, 3, [0]), (2, 3, [0, 1]), (3, 3, [0, 1, 2]), (4, 3, [0, 1, 2]), (5, 3, [0, 1, 2]),
    (6, 3, [0, 1, 3, 5]), (60, 3, [0, 10, 30, 50]), (199, 4, [0, 24, 73, 122, 171]),
    (3, 2, [0, 1]), (4, 2, [0, 1, 3]), (1, 1, [0]), (1000, 1, [0])])
def test_frames_by_the_book(frame, count, frames):
    assert spread(frame, count) == frames


def policy_of_numbers(count):
    """A policy whose crops say which frame they are of, and a way to go on by a frame."""
    policy = SpreadHistory(count)

    def template(frame):
        crop = np.frombuffer(np.int32(frame).tobytes() * 3, np.uint8).reshape(1, 4, 3)
        return crop, np.float32([frame, 0, 1, 1])

    policy.start(*template(0))
    return policy, lambda frame: policy.observe(frame, 0., lambda: template(frame))


@pytest.fixture
def stores(monkeypatch):
    """The stores that policies make, in order."""
    made = []

    def make(shape):
        made.append(CropStore(shape))
        return made[-1]

    monkeypatch.setattr('mmct.runtime.templates.CropStore', make)
    return made


@pytest.mark.parametrize('count', [1, 2, 3, 5])
def test_what_is_dropped_is_never_asked_for(count, monkeypatch, stores):
    monkeypatch.setattr(crop_store, 'IN_MEMORY', 1000)  # the rest lies in a file
    policy, go_on = policy_of_numbers(count)
    for frame in range(1, 400):
        crops, boxes = policy.current(frame)
        own = [int.from_bytes(crop.tobytes()[:4], 'little') for crop in crops]
        assert own == boxes[:, 0].tolist() == spread(frame, count) == policy.frames
        assert len(own) <= count_templates({'type': 'SpreadHistory', 'count': count})
        again, _ = policy.current(frame)
        assert again is crops
        # All that will be asked for, and no more.
        first = max(1, frame // count // 2)
        assert len(stores[0]) == (1 if count == 1 else 1 + frame - first)
        go_on(frame)


def test_a_new_target_forgets_the_last(stores):
    policy, go_on = policy_of_numbers(2)
    for frame in range(1, 50):
        go_on(frame)
    policy.start(np.full((2, 2, 3), 7, np.uint8), np.zeros(4, np.float32))
    crops, _ = policy.current(1)
    assert crops.shape == (1, 2, 2, 3)
    assert (crops == 7).all()
    assert len(stores[1]) == 1


def test_store_uses_places_again(monkeypatch, tmp_path):
    file = open(tmp_path / 'crops', 'w+b', buffering=0)  # noqa: SIM115  the store closes it
    monkeypatch.setattr('tempfile.TemporaryFile', lambda **_: file)
    monkeypatch.setattr(crop_store, 'IN_MEMORY', 0)
    store = CropStore((2, 2, 3))
    for frame in range(10):
        store.put(frame, np.full((2, 2, 3), frame, np.uint8), np.full(4, frame, np.float32))
    for frame in (3, 7, 3, 99):
        store.drop(frame)
    size = (tmp_path / 'crops').stat().st_size
    for frame in (20, 21):
        store.put(frame, np.full((2, 2, 3), frame, np.uint8), np.full(4, frame, np.float32))
    assert (tmp_path / 'crops').stat().st_size == size > 0
    assert len(store) == 10
    for frame in (0, 1, 2, 4, 5, 6, 8, 9, 20, 21):
        crop, box = store.get(frame)
        assert (crop == frame).all()
        assert (box == frame).all()
    with pytest.raises(KeyError):
        store.get(3)


def test_templates_are_cut_where_the_target_was_found():
    """In the same frame, whatever the score; the memory is handed on in each."""
    frames, network = moving_disc(9), Seeing()
    tracker = Tracker(network)
    for _ in range(2):  # a new target starts without memory
        network.templates.clear()
        network.memories.clear()
        tracker.init(frames[0], BOX)
        boxes = [list(BOX)]
        for frame in frames[1:]:
            boxes.append(tracker.update(frame)[0])
        assert [memory[0, 0, 0] for memory in network.memories] == list(range(8))
        # As many as the frames 1, 2, 3, 6 and 9 ask for.
        assert [len(crops) for crops, _ in network.templates] == [1, 2, 3, 4, 4]
        shown = [spread(frame, 3) for frame in (1, 2, 3, 6, 9)]
        for own, (crops, template_boxes) in zip(shown, network.templates, strict=True):
            for frame, crop, box in zip(own, crops, template_boxes, strict=True):
                expected, scale = crop_square(frames[frame], boxes[frame], 2., 16)
                assert (crop == expected).all()
                inside = box_to_crop(boxes[frame], boxes[frame], scale, 16)
                np.testing.assert_allclose(box, np.multiply(inside, 16), rtol=1e-6)


class Unsure(Seeing):
    """Finds nothing for the last target of a batch, or encodes no second one, if told so; frames
    are of one level each."""
    at = None

    def encode(self, crops, boxes):
        if self.at == 'encode' and self.encoded:
            raise RuntimeError('no memory')
        self.encoded = True
        return {**super().encode(crops, boxes), 'crops': crops}

    def step(self, encoded, crops, memories=None):
        self.encoded, self.used = False, [own['crops'] for own in encoded]
        outputs = super().step(encoded, crops, memories)
        if self.at == 'target':
            outputs['score'][-1] = np.nan
        return outputs


@pytest.mark.parametrize('at', ['target', 'encode'])
@pytest.mark.parametrize('failing', range(1, 9))
def test_a_frame_that_fails_leaves_no_trace(at, failing):
    """In the first target, which is done when the second fails."""
    network = Unsure()
    first, second, alone = (Tracker(network) for _ in range(3))
    frames = [np.full((64, 64, 3), level, np.uint8) for level in range(20)]
    for follower in (first, second, alone):
        network.encoded = False
        follower.init(frames[0], BOX)
    for number, frame in enumerate(frames[1:], 1):
        if number == failing and (at == 'target' or spread(number, 3) != spread(number + 1, 3)):
            network.at = at
            for _ in range(2):
                with pytest.raises((ValueError, RuntimeError), match='network gave|no memory'):
                    update_many([first, second], frames[-number])
        network.at = None
        used = []
        for follower in (first, second, alone):
            assert follower.box == alone.box
        for followers in ([first, second], [alone]):
            update_many(followers, frame)
            used += network.used
        for crops in used:
            np.testing.assert_array_equal(crops, used[-1])
        assert [crop[8, 8, 0] for crop in used[0]] == spread(number, 3)


@pytest.mark.parametrize('full', [False, True])
def test_no_room_for_a_file(monkeypatch, full):
    """No folder for it, or no room on its disk: the crops stay in memory, which is said once."""
    class Full(io.BytesIO):
        def write(self, content):
            return super().write(content) if self.tell() < 5000 else len(content) // 2

    def no_file(**_):
        if full:
            return Full()
        raise FileNotFoundError('no usable temporary directory')

    monkeypatch.setattr(crop_store, 'IN_MEMORY', 2000)
    monkeypatch.setattr('tempfile.TemporaryFile', no_file)
    frames, network = [moving_disc(20), Seeing()]
    follower, expected = Tracker(network), []
    follower.init(frames[0], BOX)
    with pytest.warns(UserWarning, match='stay in memory.*TMPDIR') as caught:
        expected = [follower.update(frame) for frame in frames[1:]]
    assert len(caught) == 1
    shown = [crops for crops, _ in network.templates]
    monkeypatch.undo()
    network.templates = []
    follower.init(frames[0], BOX)
    assert [follower.update(frame) for frame in frames[1:]] == expected
    for own, (crops, _) in zip(shown, network.templates, strict=True):
        np.testing.assert_array_equal(own, crops)


def resident() -> float:
    """Megabytes."""
    gc.collect()
    return int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf(
        'SC_PAGE_SIZE') / 1e6


def test_memory_over_four_thousand_frames(monkeypatch, stores):
    """Of 28 KB crops, 100 MB in all; a megabyte of them may lie in memory."""
    monkeypatch.setattr(crop_store, 'IN_MEMORY', 2**20)
    frames, network = moving_disc(40), Seeing(size=96)
    network.keep = False
    loop = frames + frames[::-1]
    tracker = Tracker(network)
    tracker.init(frames[0], BOX)
    tracemalloc.start()
    used, allocated = [], []
    for step in range(1, 4001):
        tracker.update(loop[step % len(loop)])
        if step % 400 == 0:
            used.append(resident())
            allocated.append(tracemalloc.get_traced_memory()[0] / 1e6)
    tracemalloc.stop()
    kept = len(stores[0]) * 96 * 96 * 3 / 1e6
    print(f'\n{kept:.0f} MB of crops; {max(used) - used[0]:+.1f} MB of the process, '
          f'{max(allocated) - allocated[0]:+.1f} MB allocated, at most since the first tenth')
    assert kept > 90
    assert max(used) - used[0] < 5
    assert max(allocated) - allocated[0] < 2


# By config

def test_settings():
    assert count_templates({'type': 'SpreadHistory'}) == 4
    assert count_templates({'type': 'SpreadHistory'}, first=True) == 1
    assert count_templates({'type': 'SpreadHistory', 'count': 1}) == 1
    assert policy_text({'type': 'SpreadHistory', 'count': 4}) == 'SpreadHistory(count=4)'
    with pytest.raises(ValueError, match=r'template policy SpreadHistory: count=0 must be in \[1'):
        make_policy({'type': 'SpreadHistory', 'count': 0})
