"""Time of tracking steps."""
import time
from collections.abc import Sequence

import numpy as np

from mmct.runtime import Tracker
from mmct.runtime.templates import count_templates


def step_times(tracker: Tracker, frames: Sequence[np.ndarray], box: Sequence[float],
               warm_up: int = 1) -> np.ndarray:
    """Seconds (N, 3) of crop, network and decoding of a step in each frame but the first ones.

    Every step looks for the target at the same place, because random weights lead anywhere.

    Args:
        frames: (H, W, 3) uint8 BGR.
        box: x, y, w, h in pixels of these.
        warm_up: steps that do not count; the first finds another network's weights in the caches.
    """
    tracker.init(frames[0], box)
    fill_templates(tracker, frames[0])
    times = []
    for frame in frames:
        tracker.box = list(box)
        times.append(_step_time(tracker, frame))
    return np.array(times[warm_up:])


def first_frame_time(tracker: Tracker, frame: np.ndarray, box: Sequence[float]) -> float:
    """Median seconds of taking a target three times: its template is cut and encoded."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        tracker.init(frame, box)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def fill_templates(tracker: Tracker, frame: np.ndarray) -> None:
    """Let a policy whose templates grow in number have the most of them, as in a long video."""
    if not hasattr(tracker, 'network'):  # OpenCV's
        return
    most, policy = count_templates(tracker.network.info.templates), tracker._policy
    number = tracker._frame
    while len(policy.current(number + 1)[0]) < most:
        number += 1
        policy.observe(number, 0., lambda: tracker._cut_template(frame, tracker.box))
    tracker._move(tracker._encode(policy, number))


def _step_time(tracker: Tracker, frame: np.ndarray) -> np.ndarray:
    """Seconds (3,) of crop, network and decoding of one ``update``."""
    marks = [time.perf_counter()]
    tracker.update(frame, on_part=lambda: marks.append(time.perf_counter()))
    marks.append(time.perf_counter())
    return np.diff(marks)
