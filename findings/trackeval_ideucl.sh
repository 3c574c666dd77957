#!/usr/bin/env bash
# trackeval 1.3.0: IDEucl follows another point than the centre, and through gaps of any length.
#
# IDEucl is the part of a target's way, in pixels, that one identity covers. The way is that of the
# mean of a box's first two and last two numbers, as if these were corners. But the boxes of
# MotChallenge2DBox, PersonPath22 and the Head Tracking Challenge, whose metric it is, are x, y,
# width, height. So movement counts half, and a box that grows where it stands moves. And the points
# of all frames with a match are joined to one line: what lies between two of them is covered,
# however long the target was lost.
# Seen by Evaluator and MotChallenge2DBox, tracks of exact boxes. A walk of 200 pixels, found in the
# first half of 101 frames: 0.5; in the first and the last frame only: 1 (IDF1 0.039). A target that
# grows from 20 to 220 pixels about its centre and then walks 200 pixels, an identity for each part:
# 0.586, where one identity covers all of the centre's way.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    trackeval==1.3.0 numpy==2.3.5 scipy==1.17.1 pycocotools==2.0.11 tabulate==0.10.0
"$place/venv/bin/python" - "$place" <<'PY'
import contextlib
import io
import pathlib
import sys

import numpy as np
import trackeval

QUIET = dict(PRINT_RESULTS=False, PRINT_CONFIG=False, TIME_PROGRESS=False, OUTPUT_SUMMARY=False,
             OUTPUT_DETAILED=False, PLOT_CURVES=False)


def write(file, rows):
    file.parent.mkdir(parents=True)
    file.write_text(''.join(','.join(map(str, row)) + '\n' for row in rows))


def scores(name, boxes, tracks):
    """IDEucl and IDF1 of tracks (the frames of an identity) that have the target's own boxes."""
    root = pathlib.Path(sys.argv[1], name)
    write(root / 'gt/MOT17-train/one/gt/gt.txt',
          [(frame + 1, 1, *box, 1, 1, 1) for frame, box in enumerate(boxes)])
    (root / 'gt/MOT17-train/one/seqinfo.ini').write_text(
        f'[Sequence]\nname=one\nseqLength={len(boxes)}\n')
    write(root / 'trackers/MOT17-train/ours/data/one.txt',
          [(frame + 1, identity, *boxes[frame], 1, -1, -1, -1)
           for identity, frames in tracks.items() for frame in frames])
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = trackeval.datasets.MotChallenge2DBox(dict(
            GT_FOLDER=str(root / 'gt'), TRACKERS_FOLDER=str(root / 'trackers'),
            SEQ_INFO=dict(one=None), PRINT_CONFIG=False))
        metrics = [getattr(trackeval.metrics, metric)(dict(PRINT_CONFIG=False))
                   for metric in ('IDEucl', 'Identity')]
        results, _ = trackeval.Evaluator(QUIET).evaluate([dataset], metrics)
    found = results['MotChallenge2DBox']['ours']['one']['pedestrian']
    return [round(float(found['IDEucl']['IDEucl']), 3), round(float(found['Identity']['IDF1']), 3)]


def centred(x, size):
    return [x - size / 2, 300 - size / 2, size, size]


walk = [centred(200 + 2 * step, 40) for step in range(101)]
grown = ([centred(300, 20 + 2 * step) for step in range(101)] +
         [centred(300 + 2 * step, 220) for step in range(1, 101)])
found = dict(
    all=scores('all', walk, {1: range(101)}), half=scores('half', walk, {1: range(51)}),
    ends=scores('ends', walk, {1: (0, 100)}),
    grown=scores('grown', grown, {1: range(100), 2: range(100, 201)}))
print('IDEucl, IDF1', *found.items(), sep='\n')
np.testing.assert_allclose(
    [pair[0] for pair in found.values()], [1, 0.5, 1, 0.586], atol=1e-3)
assert found['ends'][1] == 0.039, found
PY
