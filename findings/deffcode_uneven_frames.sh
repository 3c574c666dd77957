#!/usr/bin/env bash
# deffcode 0.2.8: of a video whose frames come at uneven times, some are repeated, the last are lost.
#
# FFdecoder has FFmpeg write raw frames, at the video's nominal rate if not told otherwise. So a
# pause between two frames, as telephones, screen recorders and motion-triggered cameras leave, is
# filled with repetitions. It stops after as many frames as duration times mean rate make, which is
# the true number: the end is cut by as much as was filled in. Boxes by frame number lie on other
# pictures. No word, and the number of frames is right. OpenCV reads each frame once, and so does
# FFdecoder with -fps_mode passthrough.
# Seen, 40 frames at 25 a second, 0.8 s without any in the middle: 40 frames, of which the 20th is
# there 21 times, and the second half not at all; with -fps_mode passthrough all 40 once.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    deffcode==0.2.8 imageio-ffmpeg==0.8.1 numpy==2.3.5 opencv-python-headless==4.10.0.84
"$place/venv/bin/python" - "$place" 2> "$place/stderr" <<'PY' || { tail -n 3 "$place/stderr"; exit 1; }
import subprocess
import sys

import cv2
import numpy as np
from deffcode import FFdecoder
from imageio_ffmpeg import get_ffmpeg_exe

COUNT, STEP = 40, 5
video = f'{sys.argv[1]}/video.mp4'
frames = np.arange(COUNT, dtype=np.uint8)[:, None, None, None] * STEP + 20
subprocess.run(
    [get_ffmpeg_exe(), '-loglevel', 'error', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', '64x48',
     '-r', '25', '-i', '-', '-vf', "setpts='if(gte(N,20),N+20,N)/25/TB'", '-fps_mode', 'vfr',
     '-c:v', 'libx264', '-crf', '1', '-pix_fmt', 'yuv420p', video],
    input=np.broadcast_to(frames, (COUNT, 48, 64, 3)).tobytes(), check=True)


def number(frame):
    return round((float(frame.mean()) - 20) / STEP)


def read(**options):
    decoder = FFdecoder(video, custom_ffmpeg=get_ffmpeg_exe(), **options).formulate()
    numbers = [number(frame) for frame in decoder.generateFrame()]
    decoder.terminate()
    return numbers


capture, opencv = cv2.VideoCapture(video), []
while (one := capture.read())[0]:
    opencv.append(number(one[1]))
filled = read()
print('OpenCV', opencv == list(range(COUNT)), 'deffcode', filled)
assert opencv == list(range(COUNT))
assert filled == [*range(20), *[19] * 20]
through = read(**{'-fps_mode': 'passthrough'})
print('passthrough', through == list(range(COUNT)))
assert through == list(range(COUNT))
PY
