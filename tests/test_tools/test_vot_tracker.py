"""tools/vot_tracker.py in the VOT toolkit's own hands."""
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from commands import ROOT, run_tool
from tiny import save_teacher, tracker
from videos import write_video

from mmct.runtime import Tracker
from mmct.runtime.frames import Frames


def test_without_the_toolkit(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'trax', None)
    done = run_tool('vot_tracker.py', tmp_path / 'x.onnx')
    assert (done.status, done.err) == (2, (
        "error: trax is needed for this and not installed; run pip install -e '.[vot]' in the "
        'folder of mmct\n'))


@pytest.fixture
def workspace(tmp_path):
    """A workspace of the toolkit, with a sequence of fifteen frames and our tracker."""
    pytest.importorskip('vot', reason='the extra vot is not installed')
    pytest.importorskip('trax', reason='the extra vot is not installed')
    write_video(tmp_path / 'video', 15, 0)
    sequence = tmp_path / 'work/sequences/square'
    sequence.mkdir(parents=True)
    shutil.move(tmp_path / 'video/img', sequence / 'color')
    shutil.move(tmp_path / 'video/groundtruth.txt', sequence)
    (sequence / 'sequence').write_text(
        'name=square\nfps=30\nformat=default\nchannel.default=color\n'
        'channels.color=color/%08d.jpg\nwidth=80\nheight=60\nlength=15\n')
    (tmp_path / 'work/sequences/list.txt').write_text('square\n')
    (tmp_path / 'work/stack.yaml').write_text(
        'title: own\nexperiments:\n  baseline:\n    type: unsupervised\n    repetitions: 1\n')
    (tmp_path / 'work/config.yaml').write_text('stack: ./stack.yaml\nregistry:\n- ./trackers.ini\n')
    (tmp_path / 'config.py').write_text(f'model = {tracker()!r}\n')
    save_teacher(tmp_path / 'weights.pth')
    return tmp_path / 'work'


def evaluate(workspace, weights):
    """What the toolkit says of a run of our tracker."""
    folder = workspace.parent
    (workspace / 'trackers.ini').write_text(
        '[ours]\nlabel = ours\nprotocol = trax\ntimeout = 300\n'
        f'command = {sys.executable} {ROOT}/tools/vot_tracker.py {folder}/config.py '
        f'--checkpoint {folder}/{weights} --threads 1\n')
    done = subprocess.run(
        [sys.executable, '-m', 'vot', 'evaluate', '--workspace', workspace, 'ours'],
        capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, 'PYTHONPATH': str(ROOT)})
    return done.stdout + done.stderr


def test_the_toolkit_gets_the_boxes_of_a_tracker(workspace):
    said = evaluate(workspace, 'weights.pth')
    result = workspace / 'results/ours/baseline/square/square_001.bin'
    assert result.is_file(), said
    from vot.region.io import read_trajectory
    found = [(own.x, own.y, own.width, own.height) for own in read_trajectory(str(result))[1:]]
    own = Tracker(workspace.parent / 'config.py', workspace.parent / 'weights.pth', threads=1)
    start, *frames = Frames(workspace / 'sequences/square/color')
    box = np.loadtxt(workspace / 'sequences/square/groundtruth.txt', delimiter=',')[0]
    own.init(start, box)
    expected = [own.update(frame)[0] for frame in frames]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-4)


def test_masks_are_the_boxes_around_them(tmp_path):
    """TraX itself converts them, in the toolkit's process; the toolkit's own conversion is not."""
    trax = pytest.importorskip('trax', reason='the extra vot is not installed')
    from trax.client import Client

    (tmp_path / 'config.py').write_text(f'model = {tracker()!r}\n')
    save_teacher(tmp_path / 'weights.pth')
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((60, 80, 3), 90, np.uint8))
    image = {'color': trax.FileImage.create(str(tmp_path / 'a.png'))}
    ours = subprocess.Popen(
        [sys.executable, ROOT / 'tools/vot_tracker.py', tmp_path / 'config.py', '--checkpoint',
         tmp_path / 'weights.pth', '--threads', '1'], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, bufsize=0,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), *sys.path])})
    client = Client((ours.stdin.fileno(), ours.stdout.fileno()), log=lambda *_: None)
    mask = np.zeros((20, 40), np.uint8)
    mask[3:8, 5:15] = 1
    polygon = [(5.5, 3.), (15., 4.), (14., 9.)]
    for region, box in ((trax.Mask.create(mask), (5, 3, 10, 5)),
                        (trax.Mask.create(mask, 7, 11), (12, 14, 10, 5)),
                        (trax.Polygon.create(polygon), (5.5, 3, 9.5, 6))):
        (found, _), = client.initialize(image, [(region, {})], {})[0]
        assert found.bounds() == box
    client.quit()
    assert ours.wait(60) == 0


def test_the_toolkit_gets_the_reason(workspace):
    said = evaluate(workspace, 'none.pth')
    assert f'checkpoint {workspace.parent}/none.pth does not exist' in said
