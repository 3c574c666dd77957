"""The demo's teacher on real videos, which it never saw the like of."""
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmct import load_tracker

CONFIGS = Path(__file__).parents[1] / 'configs/demo'


@pytest.fixture
def teacher():
    return load_tracker(CONFIGS / 'ostrack_tiny.py', CONFIGS / 'ostrack_tiny.pth')


def frames_of(folder):
    return [cv2.imread(str(path)) for path in sorted((folder / 'img').glob('*.jpg'))]


def follow(tracker, frames, box):
    """(T, 4) x, y, w, h, the first box included."""
    tracker.init(frames[0], box)
    return np.array([box, *(tracker.track(frame)[0] for frame in frames[1:])])


def overlaps(boxes, truth):
    """(T,) IoU of x, y, w, h boxes."""
    low = np.maximum(boxes[:, :2], truth[:, :2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], truth[:, :2] + truth[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    return common / (boxes[:, 2:].prod(axis=1) + truth[:, 2:].prod(axis=1) - common)


def test_follows_a_pedestrian(reference, teacher):
    folder = reference / 'sequences/crossing'
    truth = np.loadtxt(folder / 'groundtruth_rect.txt')
    boxes = follow(teacher, frames_of(folder), truth[0])
    assert (overlaps(boxes, truth)[:20] > 0.2).all()


def test_follows_a_bag_to_the_end(reference, teacher):
    video, frames = cv2.VideoCapture(str(reference / 'sequences/bag.avi')), []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 196
    x, y, w, h = follow(teacher, frames, (315, 143, 112, 111))[-1]
    # Where the bag lies in the last frame.
    assert x < 300 < x + w
    assert y < 236 < y + h


def test_boxes_stay_in_the_frame(reference, teacher):
    frames = frames_of(reference / 'sequences/tennis')
    boxes = follow(teacher, frames, (307, 112, 163, 249))
    height, width = frames[0].shape[:2]
    assert len(boxes) == 70
    assert np.isfinite(boxes).all()
    assert (boxes[:, 2:] >= 10).all()
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= (width + 1e-6, height + 1e-6)).all()
