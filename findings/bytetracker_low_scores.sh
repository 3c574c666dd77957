#!/usr/bin/env bash
# bytetracker 0.3.2: detections of low score count only as far as there are as many of high score.
#
# ByteTrack's idea is a second association: targets that no detection of high score was found for
# are looked for among those of low score, as half-hidden targets have. Here the list of the latter
# is cut to the number of detections of high score in the frame, since it is made together with the
# high ones' classes. So in a frame without any, which is where one would need them, there are none,
# and in another one the order of the detector's output says which of them are used. No word. BoxMOT,
# which had the same line, mended it in 2022 (its pull request 621).
# Seen, a target that stands still, of score 0.9 for five frames and 0.3 for five more; its boxes in
# these five: 0 by itself, 5 beside another target of 0.9; two such targets beside another one: 5
# boxes of the one that the detector names first, 0 of the other.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    lapx==0.11.1 numpy==2.3.5 scipy==1.17.1 torch==2.13.0
# Without its own pins (lap 0.4.0, SciPy 1.9.3, PyTorch 1.13.0), which are older than Python 3.11.
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps bytetracker==0.3.2
"$place/venv/bin/python" - 2> "$place/stderr" <<'PY' || { tail -n 3 "$place/stderr"; exit 1; }
import torch
from bytetracker import BYTETracker


def boxes(weak, strong):
    """In frames 6 to 10, of each of the targets whose score falls to 0.3."""
    tracker, seen = BYTETracker(), {x: 0 for x in weak}
    for frame in range(10):
        score = 0.9 if frame < 5 else 0.3
        found = tracker.update(torch.tensor(
            [[x, 50, x + 40, 90, score if x in weak else 0.9, 0] for x in weak + strong]), None)
        for x in weak:
            seen[x] += frame >= 5 and any(abs(row[0] - x) < 1 for row in found)
    return list(seen.values())


alone, beside = boxes([100], []), boxes([100], [300])
two, turned = boxes([100, 200], [300]), boxes([200, 100], [300])
print('alone', alone, 'beside another', beside, 'two beside another', two, 'in another order', turned)
assert (alone, beside, two, turned) == ([0], [5], [5, 0], [5, 0])
PY
