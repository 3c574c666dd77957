"""Latency of trackers, side by side."""
import time
from collections.abc import Sequence

import numpy as np

from mmct.models.trackers import OSTrack


def interleaved_latency(trackers: dict[str, OSTrack], frames: list[np.ndarray], first_box:
                        Sequence[float], rounds: int = 5) -> dict[str, float]:
    """Median time of one tracking step, crop to mapped-back box.

    The trackers take turns frame by frame, so whatever else the machine does hits all alike.

    Args:
        trackers: by name, in eval mode.
        frames: (H, W, 3) uint8 BGR frames of one video.
        first_box: x, y, w, h in the first frame.
        rounds: passes over the video; the first is not counted.

    Returns:
        milliseconds by name.
    """
    times = {name: [] for name in trackers}
    for count in range(rounds + 1):
        for tracker in trackers.values():
            tracker.init(frames[0], first_box)
        for frame in frames[1:]:
            for name, tracker in trackers.items():
                start = time.perf_counter()
                tracker.track(frame)
                if count:
                    times[name].append(time.perf_counter() - start)
    return {name: 1e3 * float(np.median(values)) for name, values in times.items()}
