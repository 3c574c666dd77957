#!/usr/bin/env bash
# imageio 2.38.1 with PyAV (av 18.1.0): of a video that begins late, an index is an earlier frame.
#
# imread(file, index=i) "reads the index-th frame from the file". It is sought by the time i / fps,
# as if the first frame were at 0. But a segment of a recording (Matroska, MPEG-TS, an MP4 with an
# edit list) keeps the time at which it begins. By as much the frame is too early, and the first
# frame for every index before that time; no error. Boxes by frame number lie on other pictures. A
# video that starts at 0 and a loop over imiter are right, and so is constant_framerate=False, which
# is said to be slower. H.264 in AVI begins one frame late.
# B-frames, for which the documentation warns, are not in the videos.
# Seen, 60 frames at 25 a second, frames for index 0, 10, 20, 30, 40, 50. From 0 s on in MP4: the
# same numbers. From 2 s on in MP4, Matroska, MPEG-TS: 0 each. From 0.4 s on in MP4, Matroska:
# 0, 0, 10, 20, 30, 40; in MPEG-TS: 0, 0, 12, 24, 36, 48. AVI: 0, 9, 19, 29, 39, 49.
# constant_framerate=False: right in all.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    imageio==2.38.1 av==18.1.0 numpy==2.4.6 pillow==13.0.0
"$place/venv/bin/python" - "$place" 2> "$place/stderr" <<'PY' ||
import fractions
import sys

import av
import imageio.v3 as iio
import numpy as np

COUNT = 60
INDICES = list(range(0, COUNT, 10))


def write(file, late):
    """A video of greys, 25 a second, without B-frames, that begins late frames after 0."""
    with av.open(file, 'w') as container:
        stream = container.add_stream('libx264', rate=25, options=dict(bf='0', g='12'))
        stream.width = stream.height = 64
        stream.pix_fmt = 'yuv420p'
        for number in range(COUNT):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 4 * number, np.uint8))
            frame.pts, frame.time_base = late + number, fractions.Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def number(picture):
    """Which frame of the video it is, by its grey."""
    return round(picture.mean() / 4)


def read(kind, late):
    """The frames that are read for INDICES."""
    file = f'{sys.argv[1]}/{late}.{kind}'
    write(file, late)
    assert [number(frame) for frame in iio.imiter(file, plugin='pyav')] == list(range(COUNT))
    default, slow = [
        [number(iio.imread(file, plugin='pyav', index=index, **options)) for index in INDICES]
        for options in ({}, dict(constant_framerate=False))]
    assert slow == INDICES, slow
    return default


found = {
    (kind, late): read(kind, late)
    for kind, late in [('mp4', 0), ('avi', 0)] + [
        (kind, late) for kind in ('mp4', 'mkv', 'ts') for late in (10, 50)]}
print('index', INDICES)
print(*found.items(), sep='\n')
expected = {
    (kind, late): [max(index - late, 0) for index in INDICES] for kind, late in found}
expected['avi', 0] = [0, 9, 19, 29, 39, 49]
expected['ts', 10] = [0, 0, 12, 24, 36, 48]
assert found == expected, found
PY
    { tail -n 3 "$place/stderr"; exit 1; }
