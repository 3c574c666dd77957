#!/usr/bin/env bash
# motrackers 0.1.1: hidden targets run off or are listed in earlier frames; options do nothing.
#
# CentroidKF_Tracker cuts a predicted box down to whole pixels. While a target is hidden it is given
# that box as if it had been seen there. So the filter learns a motion from what was cut off: a
# target that stands still goes to the left and up, faster with each frame. CentroidTracker and
# IOUTracker return hidden targets, too (since 0.0.2, issue 48), but with the box and the number of
# the frame in which they were last seen, so that a file of MOT Challenge, rows of which they
# return, has some rows several times. time_step of the trackers with a Kalman filter and the two
# confidences of IOUTracker are stored and not used. No word.
# Seen, a target at (100.7, 100.7) for ten frames, then hidden for six, its left side in these:
# 100, 99, 97, 94, 90, 85 by CentroidKF_Tracker; frame 10 six times by the two others; the same
# boxes with time_step 0.04 and 1; a detection of confidence 0.01 is a track with both limits at 0.9.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    motrackers==0.1.1 numpy==2.3.5 scipy==1.17.1 opencv-python==5.0.0.93
"$place/venv/bin/python" - 2> "$place/stderr" <<'PY' || { tail -n 3 "$place/stderr"; exit 1; }
import numpy as np
from motrackers import SORT, CentroidKF_Tracker, CentroidTracker, IOUTracker


def hidden(tracker, speed=0.):
    """(frame, left side) of a target in frames 11 to 16, hidden after frame 10."""
    for frame in range(10):
        box = [100.7 + speed * frame, 100.7, 40., 40.]
        tracker.update(np.array([box]), np.array([0.9]), np.array([0]))
    nothing = np.empty((0, 4)), np.array([]), np.array([], int)
    rows = [tracker.update(*nothing)[0] for _ in range(6)]
    return [int(row[0]) for row in rows], [round(float(row[2]), 2) for row in rows]


frames, lefts = hidden(CentroidKF_Tracker(max_lost=6))
print('CentroidKF_Tracker', lefts)
assert (frames, lefts) == (list(range(11, 17)), [100, 99, 97, 94, 90, 85])
assert hidden(SORT(max_lost=6)) == (frames, [100.7] * 6)  # whose boxes are not cut
for kind in (CentroidTracker, IOUTracker):
    frames, lefts = hidden(kind(max_lost=6))
    print(kind.__name__, 'frames', frames)
    assert (frames, lefts) == ([10] * 6, [100.7] * 6)
for kind in (CentroidKF_Tracker, SORT):
    slow, fast = (hidden(kind(max_lost=6, time_step=step), speed=4) for step in (0.04, 1))
    print(kind.__name__, 'time_step', slow == fast)
    assert slow == fast
strict = IOUTracker(min_detection_confidence=0.9, max_detection_confidence=0.9)
track, = strict.update(np.array([[100., 100., 40., 40.]]), np.array([0.01]), np.array([0]))
print('confidence', float(track[6]))
assert track[6] == 0.01
PY
