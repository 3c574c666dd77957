#!/usr/bin/env bash
# mmcv 2.2.0 (as mmcv-lite): frames are lost between a video and a folder, and in a loop.
#
# VideoReader.cvt2frames(start=0), the default, begins not at frame 0 but where the reader stands:
# after a look at the first frame every picture is one frame late and the last one is missing,
# after a whole loop there is none. frames2video(start=1), for pictures numbered from 1 as GOT-10k's
# are and as cvt2frames(file_start=1) makes them, takes the number of files as the end and leaves
# the last frame out. A VideoReader, said to be used like a list, is moved by video[i]: a loop over
# it goes on behind the frame that was looked at. No word of any.
# Seen, 10 frames. cvt2frames: 0 to 9; after video[0] 1 to 9; after a loop none. Back with start=1:
# 0 to 8. A loop that looks at the frame behind the current one: 0, 2, 4, 6, 8.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    mmcv-lite==2.2.0 mmengine==0.10.7 numpy==2.3.5 opencv-python-headless==5.0.0.93 \
    addict==2.4.0 yapf==0.43.0 PyYAML==6.0.4 packaging==26.4 termcolor==3.3.0 rich==15.0.0 \
    platformdirs==4.14.9 pillow==13.0.0
cd "$place"
venv/bin/python - <<'PY'
import pathlib

import cv2
import mmcv
import numpy as np

COUNT = 10
writer = cv2.VideoWriter('video.avi', cv2.VideoWriter_fourcc(*'MJPG'), 25, (64, 48))
for number in range(COUNT):
    writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
writer.release()


def number(frame):
    """Which frame of the video it is, by its grey."""
    return round(frame.mean() / 20)


def frames(folder, before=None, **options):
    """The frames that cvt2frames writes to a folder, after something else with the reader."""
    video = mmcv.VideoReader('video.avi')
    if before:
        before(video)
    video.cvt2frames(folder, show_progress=False, **options)
    return [number(cv2.imread(str(file))) for file in sorted(pathlib.Path(folder).iterdir())]


every = list(range(COUNT))
found = dict(
    fresh=frames('fresh'), looked=frames('looked', lambda video: video[0]),
    looped=frames('looped', list), one=frames('one', file_start=1))
mmcv.frames2video('one', 'back.avi', start=1, fourcc='MJPG', show_progress=False)
found['back'] = [number(frame) for frame in mmcv.VideoReader('back.avi')]
video = mmcv.VideoReader('video.avi')
found['ahead'] = []
for frame in video:
    found['ahead'].append(number(frame))
    video[found['ahead'][-1] + 1]
print(*found.items(), sep='\n')
assert found == dict(
    fresh=every, looked=every[1:], looped=[], one=every, back=every[:-1], ahead=every[::2]), found
PY
