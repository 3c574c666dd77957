#!/usr/bin/env bash
# ocsort 0.0.2: scores are those of a target's first detection, and two targets may have one id.
#
# Each row of update() ends with the score of the box. It is set when a target appears and never
# again, while box and class are those of the frame. So all boxes of a target have one score in a
# file of results, and a threshold keeps or drops targets whole. use_byte=True, for a second
# association with detections of low score, takes those between 0.1 and det_thresh, which is 0.05 by
# default: none; the original has no default there. And a new OCSort, for a second camera or the
# next video, sets the count of targets to 0 for all that there are, so one that goes on gives ids
# anew that it has given. No word.
# Seen: ten rows of score 0.9 of a target whose score falls by 0.05 in each frame; no score, of
# 0.01, 0.02 to 0.99 in half of the frames, with which use_byte makes a difference, where 0.3 does
# if det_thresh is 0.6; ids 1 and 1 of two targets side by side, the second of which appears after
# another OCSort was made.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    filterpy==1.4.5 lapx==0.11.1 numpy==2.3.5 scipy==1.17.1 torch==2.13.0
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps ocsort==0.0.2
"$place/venv/bin/python" - 2> "$place/stderr" <<'PY' || { tail -n 3 "$place/stderr"; exit 1; }
import torch
from ocsort.ocsort import OCSort


def update(tracker, *targets):
    """Rows of a frame, of targets by left side and score."""
    boxes = [[x, 50, x + 40, 90, score, 0] for x, score in targets]
    return tracker.update(torch.tensor(boxes), None)


def rows(scores, **options):
    tracker = OCSort(**options)
    return [row for score in scores for row in update(tracker, (100., score)).tolist()]


scores = [round(row[6], 2) for row in rows([0.9 - 0.05 * i for i in range(10)])]
print('scores', scores)
assert scores == [0.9] * 10
def used(score, **options):
    """Whether use_byte makes a difference to a target that has this score in five frames of ten."""
    fading = [0.9] * 5 + [score] * 5
    return len(rows(fading, use_byte=True, **options)) > len(rows(fading, **options))


by_default = [i / 100 for i in range(1, 100) if used(i / 100)]
print('use_byte', by_default, 'with det_thresh 0.6', used(0.3, det_thresh=0.6))
assert not by_default and used(0.3, det_thresh=0.6)
first = OCSort()
for _ in range(5):
    update(first, (100., 0.9))
OCSort()
for _ in range(5):
    both = update(first, (100., 0.9), (300., 0.9))
ids = [int(row[4]) for row in both.tolist()]
print('ids', ids, 'left sides', both[:, 0].tolist())
assert ids == [1, 1] and sorted(both[:, 0]) == [100, 300]
PY
