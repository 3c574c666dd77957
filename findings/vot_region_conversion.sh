#!/usr/bin/env bash
# vot-toolkit 0.9.0: regions that the toolkit converts for a tracker are another region.
#
# A tracker of the protocol "folder" may ask for masks or rectangles (convert=...), and it
# gets what Mask.convert and Rectangle.convert give. Mask.convert of a rectangle at (x, y) is a mask
# at (2x, 2y): drawn in the picture's coordinates, it is moved by (x, y) again. The tracker begins
# on the background. Rectangle.convert of a mask is no Rectangle but a Polygon, of 8 numbers, where
# the protocol says "Rectangle - four numbers". Polygon.convert of a rectangle is one pixel wider
# and higher to calculate_overlap: a 10x10 one overlaps with itself by 100 / 121.
# Seen, Rectangle(10, 20, 30, 40): its mask, and the one in a folder tracker's query file, are over
# x 20 to 49, y 40 to 79, overlap 0.2; at the origin 1. Query file of a mask as rectangle:
# "10.0,20.0,39.0,20.0,39.0,59.0,10.0,59.0". Polygon of a 10x10 rectangle: 0.826.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    vot-toolkit==0.9.0 attributee==0.1.9 phx-class-registry==5.1.1 lazy-object-proxy==1.13.0 \
    numba==0.68.1 llvmlite==0.50.0 numpy==2.3.5 opencv-python-headless==5.0.0.93 pillow==13.0.0 \
    matplotlib==3.11.2 contourpy==1.3.3 cycler==0.12.1 kiwisolver==1.5.1 pyparsing==3.3.3 \
    python-dateutil==4.0.0 six==1.17.0 packaging==26.4 PyYAML==6.0.4 colorama==0.4.6 \
    vot-trax==4.0.2 cachetools==8.0.2
"$place/venv/bin/python" - "$place" <<'PY'
import pathlib
import sys

import numpy as np
from vot.region import Mask, Polygon, Rectangle, calculate_overlap
from vot.region.io import parse_region
from vot.tracker import ObjectQuery
from vot.tracker.folder import generate_query_file


def query(region, kind):
    """The region in the file from which a tracker that asks for a kind begins."""
    generate_query_file(sys.argv[1], 'target', ObjectQuery(region, {}, 0), convert=kind)
    return pathlib.Path(sys.argv[1], 'query_target.txt').read_text().splitlines()[1]


def box(region):
    """First and last column and row of a mask, in the picture."""
    rows, columns = np.nonzero(region.mask)
    x, y = region.offset
    return [int(n) for n in (columns.min() + x, rows.min() + y, columns.max() + x, rows.max() + y)]


rectangle = Rectangle(10, 20, 30, 40)
mask = Mask.convert(rectangle)
overlaps = [calculate_overlap(one, Mask.convert(one))
            for one in (rectangle, Rectangle(0, 0, 30, 40))]
sent = box(parse_region(query(rectangle, 'mask')))
print('as mask', box(mask), 'overlap', overlaps, 'read by a tracker', sent)
assert box(mask) == sent == [20, 40, 49, 79], (box(mask), sent)
np.testing.assert_allclose(overlaps, [400 / 2000, 1])

drawn = Mask(np.ones((40, 30), np.uint8), (10, 20))
line = query(drawn, 'rectangle')
print('as rectangle', type(Rectangle.convert(drawn)).__name__, line)
assert isinstance(Rectangle.convert(drawn), Polygon)
assert line == '10.0,20.0,39.0,20.0,39.0,59.0,10.0,59.0', line

square = Rectangle(10, 10, 10, 10)
overlap = calculate_overlap(square, Polygon.convert(square))
print('square and its polygon', overlap)
np.testing.assert_allclose(overlap, 100 / 121)
PY
