#!/usr/bin/env bash
# deep-sort-realtime 1.3.2: a box of no width gives all detections behind it another one's embedding.
#
# update_tracks() drops detections without width or height, which clipping at the frame's edge makes
# of targets that leave it, but not their entries in embeds, others and instance_masks. So each later
# detection gets what belongs to the one before, and targets are told apart by the looks of others.
# No word. Without the empty box in the lists all is well.
# Seen, two targets that stand still and are hidden for four frames, of tracks 1 and 2: detected anew
# they are 1 and 2 again; behind an empty box they become new tracks, 3 with what was given for the
# empty box and 4, the right one, with what was given for the left one.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    deep-sort-realtime==1.3.2 numpy==2.4.6 scipy==1.17.1 opencv-python-headless==5.0.0.93
"$place/venv/bin/python" - 2> "$place/stderr" <<'PY' || { tail -n 3 "$place/stderr"; exit 1; }
import numpy as np
from deep_sort_realtime.deepsort_tracker import DeepSort

LOOKS = dict(zip(('left', 'right', 'empty'), np.eye(3)))
STAND = {'left': [100., 100., 40., 80.], 'right': [160., 100., 40., 80.]}
FRAMES, HIDDEN = 16, range(8, 12)


def follow(first):
    """{track: class and what was given beside it} in the end, with boxes before the targets' from
    the frame on in which they are back."""
    tracker = DeepSort(embedder=None)
    for frame in range(FRAMES):
        boxes = {} if frame in HIDDEN else STAND
        if frame > max(HIDDEN):
            boxes = {**first, **STAND}
        tracks = tracker.update_tracks(
            [(box, 0.9, name) for name, box in boxes.items()],
            embeds=[LOOKS[name] for name in boxes], others=list(boxes))
    return {track.track_id: (track.det_class, track.others) for track in tracks
            if track.is_confirmed() and track.time_since_update == 0}


alone = follow({})
behind = follow({'empty': [0., 100., 0., 80.]})
print('alone', alone)
print('behind an empty box', behind)
assert alone == {'1': ('left', 'left'), '2': ('right', 'right')}
assert behind == {'3': ('left', 'empty'), '4': ('right', 'left')}
PY
