#!/usr/bin/env bash
# simdkalman 1.0.4: em(), which estimates the noise of a motion model from tracks, makes it greater.
#
# A step of expectation maximisation never makes the data less likely (Dempster et al., 1977). Its
# sum for the process noise takes off, twice, the covariance of each frame with the one before. em()
# takes that of the frame with the one behind, which is left at 0 for the last frame. So each step
# adds about 2 * variance / frames to the noise: for targets that move little, many times what they
# have. More steps make it worse, and the filter follows the detections' jitter. No word. With the
# covariances moved by one frame its process noise is that of pykalman 0.11.2.
# Seen, 20 walks with process noise 0.01 and measurement noise 1, begun at these: mean process noise
# after 1, 5 and 10 steps, and in how many tracks a step made the data less likely. 25 frames:
# simdkalman 0.0166, 0.0485, 0.0883 and 17, pykalman 0.01, 0.01, 0.0102 and 0. 100 frames:
# simdkalman 0.0116, 0.0182, 0.0265 and 19, pykalman 0.01 each and 0. Moved by a frame: below 1e-9
# from pykalman.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    simdkalman==1.0.4 pykalman==0.11.2 numpy==2.4.6 scipy==1.17.1 packaging==26.4 \
    scikit-base==0.13.1
"$place/venv/bin/python" - 2> "$place/stderr" <<'PY' || { tail -n 3 "$place/stderr"; exit 1; }
import numpy as np
import simdkalman
from pykalman import KalmanFilter

TRACKS, STEPS = 20, 10
FIT = ['transition_covariance', 'observation_covariance']
BEGUN = 0.01, 1.0


def model(process, measured):
    """A target that stays about where it is, by its noise in moving and in being measured."""
    return KalmanFilter(
        1, 1, process, measured, initial_state_mean=0, initial_state_covariance=1, em_vars=FIT)


def pykalman_step(noise, track):
    fitted = model(*noise).em(track, n_iter=1)
    return fitted.transition_covariance.item(), fitted.observation_covariance.item()


def simdkalman_step(noise, track):
    fitted = simdkalman.KalmanFilter(1, noise[0], 1, noise[1]).em(
        track[None], n_iter=1, initial_covariance=1)
    return fitted.process_noise.item(), fitted.observation_noise.item()


def moved(noise, track):
    """The process noise with the covariance of each frame taken for the frame behind."""
    kalman = simdkalman.KalmanFilter(1, noise[0], 1, noise[1])
    smoothed = kalman.compute(track[None], 0, [0], 1, gains=True)
    smoothed.pairwise_covariances = np.roll(smoothed.pairwise_covariances, 1, axis=1)
    return kalman.em_process_noise(smoothed).item()


def estimate(step, tracks):
    """Mean process noise after 1, 5 and 10 steps; how many tracks became less likely."""
    found, fallen = [], 0
    for track in tracks:
        noises = [BEGUN]
        for _ in range(STEPS):
            noises.append(step(noises[-1], track))
        likelihoods = [model(*noise).loglikelihood(track) for noise in noises]
        fallen += bool(min(np.diff(likelihoods)) < -1e-6)
        found.append([noises[index][0] for index in (1, 5, 10)])
    return [round(float(number), 4) for number in np.mean(found, 0)], fallen


seen = {25: ([0.0166, 0.0485, 0.0883], [0.01, 0.01, 0.0102]),
        100: ([0.0116, 0.0182, 0.0265], [0.01, 0.01, 0.01])}
for frames, means in seen.items():
    rng = np.random.default_rng(0)
    walks = np.cumsum(rng.normal(0, 0.1, (TRACKS, frames)), 1) + rng.normal(size=(TRACKS, frames))
    found = [estimate(step, walks) for step in (simdkalman_step, pykalman_step)]
    print(frames, 'simdkalman, pykalman', *found)
    np.testing.assert_allclose([pair[0] for pair in found], means, atol=2e-4)
    assert found[0][1] > 15 and found[1][1] == 0
    np.testing.assert_allclose(
        [moved(BEGUN, walk) for walk in walks],
        [pykalman_step(BEGUN, walk)[0] for walk in walks], atol=1e-9)
PY
