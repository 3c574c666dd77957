#!/usr/bin/env bash
# got10k 0.1.3: a box that leaves the picture by its left or upper side is moved, not cut off.
#
# rect_iou(..., bound=(width, height)), of which the GOT-10k experiment makes AO and SR, sets a
# negative x or y to 0 and leaves width and height as they are. By the right and lower sides boxes
# are cut, as poly_iou with the same bound cuts them by all four. So the same error counts or not by
# the side by which a target leaves: to the left, two boxes of one size overlap by 1 however far
# apart they are. The arrays given are overwritten with the moved boxes besides.
# Seen, picture of 200x200, target of 100x100 of which 40 columns are left inside. Prediction 40
# columns too far inside: poly_iou 0.5, rect_iou 1 if it leaves by the left or above, 0.5 if by the
# right or below. Prediction of the part inside: poly_iou 1, rect_iou 0.4 and 1.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    got10k==0.1.3 numpy==2.3.5 shapely==2.1.2
"$place/venv/bin/python" - <<'PY'
import numpy as np
from got10k.utils.metrics import poly_iou, rect_iou

SIZE = 200


def mirrored(box):
    return [SIZE - box[0] - box[2], *box[1:]]


def turned(box):
    """With x and y exchanged."""
    return [box[1], box[0], box[3], box[2]]


def overlaps(target, prediction):
    """By poly_iou and by rect_iou, both within the picture."""
    pair = np.float64([target]), np.float64([prediction])
    return [float(poly_iou(*pair, bound=(SIZE, SIZE))[0]),
            float(rect_iou(*(box.copy() for box in pair), bound=(SIZE, SIZE))[0])]


target = [-60, 50, 100, 100]
cases = dict(off=[-20, 50, 100, 100], inside=[0, 50, 40, 100])
sides = dict(
    left=lambda box: box, above=turned, right=mirrored, below=lambda box: turned(mirrored(box)))
found = {name: {side: overlaps(place(target), place(prediction))
                for side, place in sides.items()} for name, prediction in cases.items()}
print('poly_iou, rect_iou', *found.items(), sep='\n')
for name, moved, cut in (('off', [0.5, 1], [0.5, 0.5]), ('inside', [1, 0.4], [1, 1])):
    np.testing.assert_allclose(list(found[name].values()), [moved, moved, cut, cut])

box = np.float64([target])
rect_iou(box, box.copy(), bound=(SIZE, SIZE))
print('target afterwards', box[0].tolist())
assert box[0].tolist() == [0, 50, 100, 100], box
PY
