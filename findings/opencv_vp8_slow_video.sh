#!/usr/bin/env bash
# opencv-python-headless 4.10.0.84 and 5.0.0.93: a VP8 video of few pixels a second holds no frame.
#
# OpenCV asks FFmpeg for 2 * width * height * fps bits a second. Below 500, that is below 250 pixels
# a second, libvpx is given 0 kbit/s and yields nothing. The writer is opened, takes every frame
# without a word and leaves a .webm that is a header alone, which cannot be opened: a time lapse of
# 320x240 with a picture in six minutes is lost. VP9 of the same frames is as it should be.
# Seen, frames read of 10 written, in both versions: VP8 0 for 64x48 at 0.05 fps and 320x240 at
# 1/360 fps, 10 for 64x48 at 0.1 fps, 128x96 at 0.05 fps, 320x240 at 0.1 fps; VP9 10 for each.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cat > "$place/slow.py" <<'PY'
import sys

import cv2
import numpy as np


def frames_read(fourcc, width, height, fps):
    """How many of 10 frames are read again from a video of them."""
    file = f'{sys.argv[1]}/{fourcc}-{width}-{fps:.6f}.webm'
    writer = cv2.VideoWriter(
        file, cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*fourcc), fps, (width, height))
    assert writer.isOpened()
    for grey in range(10):
        assert writer.write(np.full((height, width, 3), 20 * grey, np.uint8)) is not False
    writer.release()
    video = cv2.VideoCapture(file, cv2.CAP_FFMPEG)
    count = 0
    while video.read()[0]:
        count += 1
    return count


videos = [(64, 48, 0.1), (64, 48, 0.05), (128, 96, 0.05), (320, 240, 0.1), (320, 240, 1 / 360)]
found = {fourcc: [frames_read(fourcc, *video) for video in videos] for fourcc in ('VP80', 'VP90')}
print(cv2.__version__, found)
assert found == dict(VP80=[10, 0, 10, 10, 0], VP90=[10] * 5), found
PY
for version in 4.10.0.84 5.0.0.93; do
    python3 -m venv "$place/$version"
    "$place/$version/bin/pip" install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" numpy==2.2.6
    mkdir "$place/videos-$version"
    "$place/$version/bin/python" "$place/slow.py" "$place/videos-$version" 2> "$place/stderr" ||
        { tail -n 3 "$place/stderr"; exit 1; }
done
