"""Tracking without end: memory and speed stay, and nothing in the stream ends it."""
import gc
import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from disc import BOX, moving_disc
from synthetic_videos import Video

from mmct import load_tracker
from mmct.deploy import export_tracker
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker

DEMO = Path(__file__).parents[2] / 'configs/demo'
STEPS, WARM_UP = 100_000, 5_000
MEGABYTES = 5.


@pytest.fixture(scope='module')
def teacher():
    """The demo's trained tracker."""
    return load_tracker(DEMO / 'ostrack_tiny.py', DEMO / 'ostrack_tiny.pth')


@pytest.fixture(scope='module')
def student(tmp_path_factory):
    """The demo's student as a new run starts it, its head the teacher's."""
    from mmengine.config import Config

    from mmct.api import fuse_for_inference
    from mmct.models.distillers import ReplacementDistiller

    model = Config.fromfile(DEMO / 'ct_ostrack_tiny_4l.py').model
    model.pop('type')
    model.teacher_checkpoint = str(DEMO / 'ostrack_tiny.pth')
    compression = ReplacementDistiller(**model)
    compression.build_teacher()
    return fuse_for_inference(compression.student)


@pytest.fixture
def network(request, student, tmp_path):
    if request.param == 'torch':
        return TorchNetwork(student)
    return Tracker(export_tracker(student, tmp_path / 'student.onnx').path, threads=1).network


def memory() -> float:
    """Resident, in megabytes."""
    gc.collect()
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


@pytest.mark.slow
@pytest.mark.parametrize('network', ['onnxruntime', 'torch'], indirect=True)
def test_a_hundred_thousand_frames(network):
    frames = moving_disc(40)
    loop = frames + frames[::-1]
    tracker = Tracker(network)
    tracker.init(frames[0], BOX)
    seconds, used = np.empty(STEPS), []
    for step in range(STEPS):
        # Of the processor, because whatever else the machine does is no slow-down.
        start = time.process_time()
        box, score = tracker.update(loop[step % len(loop)])
        seconds[step] = time.process_time() - start
        if step >= WARM_UP and step % 5_000 == 0:
            used.append(memory())
    assert np.isfinite([*box, score]).all()
    first, last = (1e3 * float(np.median(part)) for part in (
        seconds[WARM_UP:WARM_UP + STEPS // 10], seconds[-STEPS // 10:]))
    print(f'\n{STEPS} frames: {used[0]:.1f} MB, {max(used) - used[0]:+.1f} MB at most since; '
          f'{first:.2f} ms a step in the first tenth, {last:.2f} in the last')
    assert max(used) - used[0] < MEGABYTES
    assert last < 1.5 * first


def scores_of(tracker, frames) -> list[float]:
    scores = []
    for frame in frames:
        box, score = tracker.update(frame)
        assert np.isfinite([*box, score]).all()
        assert 0 <= score <= 1
        scores.append(score)
    return scores


@pytest.fixture
def tracker(teacher):
    return Tracker(TorchNetwork(teacher))


def synthetic(index) -> Video:
    return Video(0, 'test', index, 40, (320, 240))


def iou(box, other) -> float:
    """Of x, y, w, h."""
    (x, y, w, h), (u, v, m, n) = box, other
    common = max(min(x + w, u + m) - max(x, u), 0) * max(min(y + h, v + n) - max(y, v), 0)
    return common / (w * h + m * n - common)


def test_repeated_and_dropped_frames(tracker):
    frames = list(synthetic(0))
    tracker.init(frames[0].image, frames[0].box)
    for i in (0, 1, 1, 1, 1, 2, 3, 3, 6, 9, 10, 10, 13, 16, 19, 22, 25, 28, 31):
        assert scores_of(tracker, [frames[i].image])[0] > 0.5
        assert iou(tracker.box, frames[i].box) > 0.5


@pytest.mark.parametrize('count', [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_target_away(tracker, count):
    """Nothing is left but the place: the scores fall, the boxes stay in the frame."""
    seen, away = [], []
    for index in range(3):
        video = synthetic(index)
        first, *frames = video
        tracker.init(first.image, first.box)
        seen.append(np.median(scores_of(tracker, [frame.image for frame in frames])))
        place = [video.camera.view(time) for time in range(40)]
        loop = place[::-1] + place
        away.append(np.median(scores_of(tracker, [loop[i % 80] for i in range(count)])))
        x, y, w, h = tracker.box
        assert 0 <= x <= 310
        assert 0 <= y <= 230
    print(f'\nmedian scores with the target {np.round(seen, 2)}, without {np.round(away, 2)}')
    assert np.mean(away) < 0.75 * np.mean(seen)


def test_frames_of_another_size(tracker):
    """Every size from a pixel to 8K, in the middle of a stream."""
    frame = moving_disc(1)[0]
    tracker.init(frame, BOX)
    for width, height in ((320, 240), (80, 60), (1, 1), (7680, 4320), (3, 2000), (160, 120)):
        scores_of(tracker, [cv2.resize(frame, (width, height))] * 2)
        x, y, w, h = tracker.box
        assert min(0, width - 10) <= x < width
        assert min(0, height - 10) <= y < height
        assert w >= 10
        assert h >= 10
