#!/usr/bin/env bash
# vot-toolkit 0.9.0: regions one pixel wide or high. Wrong overlaps, and masks lost on reading.
#
# calculate_overlap is 1 "by definition if both regions are empty", by its docstring. Empty is for
# it whatever spans a single row or column: two poles of one pixel's width in the same column, or
# two pixels in the same row, overlap by 1 however far they are from each other. A target of which
# one column is left in the picture, the last, overlaps with itself by 0. Accuracy, robustness and
# EAO are made of these numbers. Mask.is_empty() is true for such masks, too, and read_trajectory,
# which by default crops masks (mask_optimize_read), keeps no pixel of one that is one column wide.
# Seen, apart: rows of 1x10 1, columns of 10x1 1, pixels 1, Rectangles of 10x1 1, rows of 2x10 0.
# With itself in a picture of 100x100, at x = 98: 1, at x = 99: 0. Pixels read again: column 0 of
# 10, row 10 of 10, two columns 20 of 20.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    vot-toolkit==0.9.0 attributee==0.1.9 phx-class-registry==5.1.1 lazy-object-proxy==1.13.0 \
    numba==0.68.1 llvmlite==0.50.0 numpy==2.3.5 opencv-python-headless==5.0.0.93 pillow==13.0.0 \
    matplotlib==3.11.2 contourpy==1.3.3 cycler==0.12.1 kiwisolver==1.5.1 pyparsing==3.3.3 \
    python-dateutil==4.0.0 six==1.17.0 packaging==26.4 PyYAML==6.0.4 colorama==0.4.6
"$place/venv/bin/python" - "$place" <<'PY'
import sys

import numpy as np
from vot.region import Mask, Rectangle, calculate_overlap
from vot.region.io import read_trajectory, write_trajectory


def mask(height, width, x, y):
    return Mask(np.ones((height, width), np.uint8), (x, y))


apart = {
    'rows 1x10': (mask(1, 10, 5, 5), mask(1, 10, 50, 5)),
    'columns 10x1': (mask(10, 1, 5, 5), mask(10, 1, 5, 50)),
    'pixels': (mask(1, 1, 5, 5), mask(1, 1, 50, 5)),
    'rectangles 10x1': (Rectangle(5, 5, 10, 1), Rectangle(50, 5, 10, 1)),
    'rows 2x10': (mask(2, 10, 5, 5), mask(2, 10, 50, 5)),
}
overlaps = {name: calculate_overlap(*pair) for name, pair in apart.items()}
print('apart', overlaps)
assert list(overlaps.values()) == [1, 1, 1, 1, 0], overlaps

leaving = {x: Rectangle(x, 40, 20, 20) for x in (98, 99)}
same = {x: calculate_overlap(one, one, bounds=(100, 100)) for x, one in leaving.items()}
print('with itself, leaving a picture of 100x100', same)
assert same == {98: 1, 99: 0}, same

written = dict(column=mask(10, 1, 5, 5), row=mask(1, 10, 5, 5), two=mask(10, 2, 5, 5))
empty = {name: bool(one.is_empty()) for name, one in written.items()}
file = f'{sys.argv[1]}/trajectory.txt'
write_trajectory(file, list(written.values()))
left = {name: int(one.mask.sum()) for name, one in zip(written, read_trajectory(file))}
print('is_empty', empty, 'pixels read again', left)
assert empty == dict(column=True, row=True, two=False), empty
assert left == dict(column=0, row=10, two=20), left
PY
