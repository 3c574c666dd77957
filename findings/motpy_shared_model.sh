#!/usr/bin/env bash
# motpy 0.0.10: MultiObjectTracker(dt=...) also changes dt of those that were made before it.
#
# The model of motion is one dict in the module. Each MultiObjectTracker writes its dt into it and
# keeps it, not a copy, and builds the Kalman filter of a target from it when the target appears.
# So two cameras of different frame rates in one process have the rate of the one made last, from
# their next target on; both presets by name are shared likewise. No word. A copied spec helps.
# Seen, a target of 100 pixels a second, 25 frames a second, hidden in frames 14 to 19, predicted
# (left side, truth 176): 177.29 by a tracker alone, 161.68 if one of dt=1 was made beside it, never
# used; 177.29 if both had copies of the spec.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    motpy==0.0.10 filterpy==2.0.0 numpy==2.4.6 scipy==1.17.1
"$place/venv/bin/python" - 2> "$place/stderr" <<'PY' || { tail -n 3 "$place/stderr"; exit 1; }
import numpy as np
from motpy import Detection, ModelPreset, MultiObjectTracker

FRAMES, HIDDEN = 20, range(14, 20)


def follow(tracker):
    """Left side of the target as the tracker has it in the last frame."""
    rng = np.random.default_rng(0)
    for frame in range(FRAMES):
        box = np.array([100, 50, 140, 90]) + [4 * frame, 0, 4 * frame, 0] + rng.normal(0, 1, 4)
        track, = tracker.step([] if frame in HIDDEN else [Detection(box)])
    return round(float(track.box[0]), 2)


def own():
    return dict(ModelPreset.constant_velocity_and_static_box_size_2d.value)


alone = follow(MultiObjectTracker(dt=1 / 25))
first, second = (MultiObjectTracker(dt=dt) for dt in (1 / 25, 1))
beside = follow(first)
first, second = (MultiObjectTracker(dt=dt, model_spec=own()) for dt in (1 / 25, 1))
copied = follow(first)
print('alone', alone, 'beside another', beside, 'with copies', copied, 'truth', 100 + 4 * 19)
assert (alone, beside, copied) == (177.29, 161.68, 177.29)
PY
