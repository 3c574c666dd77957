"""What a device pays for: modules that are imported, memory at its peak, processors kept busy."""
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tiny import build, tracker

from mmct.api import fuse_for_inference
from mmct.deploy import export_tracker
from mmct.runtime import Tracker

ROOT = Path(__file__).parents[2]
# Imports onnxruntime itself, whose own modules and memory are no matter of this package.
CODE = """
import json, resource, sys
import numpy, cv2, onnxruntime
frame = numpy.zeros((240, 320, 3), numpy.uint8)
before, start = set(sys.modules), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from mmct.runtime import Tracker
tracker = Tracker(sys.argv[1], threads=1)
tracker.init(frame, (100, 80, 40, 30))
for _ in range(5):
    tracker.update(frame)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([sorted(set(sys.modules) - before), (peak - start) / 1024]))
"""
OWN = {'mmct', 'mmct.compat', 'mmct.former', 'mmct.runtime', 'mmct.runtime.backends',
       'mmct.runtime.backends.onnxruntime', 'mmct.runtime.conventions', 'mmct.runtime.crop_store',
       'mmct.runtime.geometry', 'mmct.runtime.network', 'mmct.runtime.templates',
       'mmct.runtime.tracker', 'mmct.utils', 'mmct.utils.backends', 'mmct.utils.checks'}
# Slow to import, or large: OpenSSL comes with hashlib, and that with tempfile.
HEAVY = {'hashlib', '_hashlib', 'tempfile', 'random', 'pkgutil', 'dataclasses', 'inspect',
         'importlib.resources', 'lzma', 'bz2', 'shutil', 'subprocess', 'multiprocessing',
         'concurrent.futures', 'torch', 'mmengine', 'openvino', 'onnx', 'scipy', 'matplotlib',
         'rich'}


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    pytest.importorskip('onnxruntime')
    path = tmp_path_factory.mktemp('files') / 'tracker.onnx'
    export_tracker(fuse_for_inference(build(tracker())), path)
    return path


def test_modules_and_memory_of_a_device(path):
    pytest.importorskip('resource')
    done = subprocess.run([sys.executable, '-S', '-c', f'import sys; sys.path[:0] = '
                           f'{[str(ROOT), *(own for own in sys.path if own)]!r}\n{CODE}', path],
                          capture_output=True, text=True, check=True)
    modules, megabytes = json.loads(done.stdout)
    assert {name for name in modules if name.partition('.')[0] == 'mmct'} == OWN
    assert not HEAVY & set(modules)
    assert megabytes < 40  # about 20, most of it ONNX Runtime's for two networks


def test_threads_rest_until_the_next_frame(path):
    import onnxruntime

    if tuple(map(int, onnxruntime.__version__.split('.')[:2])) < (1, 26):
        pytest.skip('this ONNX Runtime is not known to be told how long its threads wait')
    frame, busy = np.zeros((240, 320, 3), np.uint8), []
    follower = Tracker(path, threads=2)
    follower.init(frame, (100, 80, 40, 30))
    for _ in range(7):
        follower.update(frame)
        start = time.process_time()
        time.sleep(0.05)
        busy.append(time.process_time() - start)
    assert statistics.median(busy) < 0.006  # seconds; left to itself, 0.02
