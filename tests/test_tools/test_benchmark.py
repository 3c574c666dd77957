import json
import re

import numpy as np
import pytest
import torch
from commands import ROOT, run_process, run_tool
from tiny import build, pair_batch, tracker

from mmct.api import ready
from mmct.evaluation.published_step import PublishedStep
from mmct.runtime import Tracker
from mmct.runtime.backends.pytorch import TorchNetwork

CONFIG = ROOT / 'configs' / 'demo' / 'ct_ostrack_tiny_4l.py'


def test_rows_of_one_run(tmp_path):
    pytest.importorskip('openvino', reason='the extra deploy is not installed')
    out = tmp_path / 'rows.json'
    done = run_process('benchmark.py', CONFIG, '--rows', 'openvino:bf16', '--steps', 5,
                    '--threads', 1, '--json', out)
    assert done.status == 0, done.err
    content = json.loads(out.read_text())
    rows = {(r['role'], r['backend'], r['precision']): r for r in content['rows']}
    assert set(rows) == {(role, *kind) for role in ('teacher', 'student') for kind in (
        ('published', 'fp32'), ('openvino', 'bf16'))}
    for row in rows.values():
        parts = sum(row[f'{part}_ms'] for part in ('crop', 'network', 'decode'))
        assert 0.5 < parts / row['update_ms'] < 2
        assert row['update_10_90_ms'][0] <= row['update_ms'] <= row['update_10_90_ms'][1]
        assert row['fps'] == pytest.approx(1e3 / row['update_ms'])
        assert row['macs'] > 3e7
        assert row['peak_memory_mb'] > 0.5
    assert 'PublishedStep' not in done.out
    assert len(re.findall(r'\| (?:teacher|student) ', done.out)) == 4
    assert 'to published' in done.out
    assert '1 threads, medians of 5 steps in turns, frames of 1280x720' in done.out


def test_unknown_rows_and_configs(tmp_path):
    done = run_tool('benchmark.py', CONFIG, '--rows', 'onnxruntime:bf16')
    assert done.status == 2
    assert "'onnxruntime:bf16' is none of published:fp32 torch:fp32" in done.err
    done = run_tool('benchmark.py', tmp_path / 'none.py')
    assert done.err == f'error: config {tmp_path / "none.py"} does not exist\n'


def test_the_published_step_finds_the_same_boxes():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, 120, 160, 3), dtype=np.uint8)
    networks = [PublishedStep(build(tracker())), TorchNetwork(ready(build(tracker())))]
    followers = [Tracker(network) for network in networks]
    for follower in followers:
        follower.init(frames[0], (50, 40, 30, 20))
    for frame in frames[1:]:
        (box, score), (expected, expected_score) = (f.update(frame) for f in followers)
        assert box == pytest.approx(expected, abs=0.01)
        assert score == pytest.approx(expected_score, abs=1e-4)
    # It keeps what it multiplied out.
    layer = networks[0].tracker.backbone.layers[0]
    assert layer.attn.map.shape == (1, 2, 20, 20)
    torch.testing.assert_close(layer.attn.map.sum(-1), torch.ones(1, 2, 20))


def test_attention_written_out_is_the_fused_one():
    plain, fused = build(tracker()).eval(), build(tracker()).eval()
    PublishedStep(plain)
    batch = pair_batch()
    torch.testing.assert_close(plain.backbone(*batch[:2]), fused.backbone(*batch[:2]))
