#!/usr/bin/env bash
# stonesoup 1.9.1: OSPA is not the least distance unless p is 1, and switches weigh in GOSPA by 2.
#
# OSPA is by its docstring the least mean, over all assignments, of the distances to the power of p.
# OSPAMetric takes the assignment with the least sum of the distances as they are, and raises these
# to the power of p afterwards; for p = inf it takes the greatest of them. So tracks are given a
# greater distance than they have, with p = 2 as with all but 1. GOSPAMetric raises them first and
# is right. But it adds its term for switches, itself a p-th root, by the root of the sum of squares
# whatever p is, where localisation, missed and false targets are sums of powers of p.
# Seen, targets at (0, 0) and (3, 0), tracks at (3, 0) and (6, 1), c = 10. OSPA and the least: p = 1
# 3.041, 3.041; p = 2 4.301, 3.082; p = inf 6.083, 3.162. GOSPA with p = 2: 4.359, sqrt(2) * 3.082.
# Then the tracks change their targets, penalty 1, a switching term of 2^(1/p). GOSPA before, after,
# with sums of powers of p: p = 1 6.083, 6.403, 8.083; p = 2 4.359, 4.583, 4.583; p = 3 3.885,
# 4.084, 3.928.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    stonesoup==1.9.1 numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2 contourpy==1.3.3 \
    cycler==0.12.1 kiwisolver==1.5.1 packaging==26.2 pillow==12.3.0 pyparsing==3.3.2 \
    python-dateutil==2.9.0.post0 six==1.17.0
"$place/venv/bin/python" - <<'PY'
from datetime import datetime, timedelta
from itertools import permutations

import numpy as np
from stonesoup.metricgenerator.manager import MultiManager
from stonesoup.metricgenerator.ospametric import GOSPAMetric, OSPAMetric
from stonesoup.types.groundtruth import GroundTruthPath
from stonesoup.types.state import State
from stonesoup.types.track import Track

targets, places = np.float64([[0, 0], [3, 0]]), np.float64([[3, 0], [6, 1]])
times = [datetime(2026, 1, 1) + timedelta(seconds=second) for second in range(2)]
data = dict(
    targets={
        GroundTruthPath([State(point, timestamp=time) for time in times]) for point in targets},
    tracks={  # of which the second state is the other's place
        Track([State(point, timestamp=time) for time, point in zip(times, order)])
        for order in (places, places[::-1])})


def values(metric, **options):
    """The values of a metric at both times."""
    manager = MultiManager(
        [metric(c=10, truths_key='targets', tracks_key='tracks', generator_name='m', **options)])
    manager.add_data(data)
    [result] = manager.generate_metrics()['m'].values()
    return [one.value for one in result.value]


def least(p):
    distances = [
        np.linalg.norm(targets - np.stack(order), axis=1) for order in permutations(places)]
    means = [np.mean(one**p) ** (1 / p) if p < np.inf else one.max() for one in distances]
    return min(means)


ospa = {p: (values(OSPAMetric, p=p)[0], least(p)) for p in (1, 2, np.inf)}
gospa = {}
for p in (1, 2, 3):
    before, after = values(GOSPAMetric, p=p, switching_penalty=1)
    distance, switching = before['distance'], after['switching']
    np.testing.assert_allclose(distance, least(p) * 2 ** (1 / p))
    np.testing.assert_allclose(switching, 2 ** (1 / p))
    gospa[p] = distance, after['distance'], (distance**p + switching**p) ** (1 / p)
for name, rows in dict(OSPA=ospa, GOSPA=gospa).items():
    print(name, {p: np.round(row, 3).tolist() for p, row in rows.items()})
np.testing.assert_allclose(
    list(ospa.values()), [[3.041, 3.041], [4.301, 3.082], [6.083, 3.162]], atol=1e-3)
np.testing.assert_allclose(
    list(gospa.values()),
    [[6.083, 6.403, 8.083], [4.359, 4.583, 4.583], [3.885, 4.084, 3.928]], atol=1e-3)
PY
