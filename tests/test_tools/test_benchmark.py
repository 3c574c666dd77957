import copy
import json
import re
import signal

import cv2
import numpy as np
import pytest
import torch
from benchmarks.full_form import FullForm
from benchmarks.machine import RowError, Worker
from benchmarks.published_step import PublishedStep
from benchmarks.tracking import kind, measure, prepare
from benchmarks.training import CONTESTANTS, Step, noise, patterns
from commands import ROOT, run_process, run_tool
from measured import die, pid, raise_two_lines
from mmengine.config import Config
from mmtrack.registry import MODELS
from tiny import build, pair_batch, search_map, tracker
from torch import nn
from toy import ToyTracker, toy_teacher

from mmct.api import fuse_for_inference
from mmct.checkpoint import save_tracker
from mmct.deploy import calibration
from mmct.deploy.export import run
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker

CONFIG = ROOT / 'configs' / 'demo' / 'ct_ostrack_tiny_4l.py'


def test_rows_of_one_run(tmp_path):
    pytest.importorskip('openvino', reason='the extra deploy is not installed')
    out = tmp_path / 'rows.json'
    frame = np.zeros((60, 80, 3), np.uint8)
    for i in range(5):
        cv2.imwrite(str(tmp_path / f'{i}.jpg'), frame)
    done = run_tool('benchmark.py', CONFIG, '--rows', 'openvino:bf16', '--steps', 5, '--threads', 1,
                    '--json', out, '--targets', 1, 3, '--video', tmp_path, '--box', '30,20,20,20',
                    '--peak')
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
        assert row['first_frame_ms'] > 0
        assert row['peak_memory_mb'] > 0.5
        assert row['many_ms'].keys() == {'1', '3'}
        assert min(row['many_ms'].values()) > 0
        assert row['video_ms'] > 0
        # Up to a million million multiply-accumulates a second.
        assert (row['demand_ms'] or 0) > row['macs'] / 1e12 or row['backend'] != 'openvino'
        assert row['demand_ms'] is None or row['backend'] == 'openvino'
    assert 'PublishedStep' not in done.out
    assert len(re.findall(r'\| (?:teacher|student) ', done.out)) == 4
    assert all(name in done.out for name in ('to published', '3 targets/s', 'video FPS',
                                               'of demand'))
    # Each is there before the table.
    assert re.findall('(?m)^ct_ostrack_tiny_4l: (?:teacher|student), .*FPS \\[(.) of 4 rows in',
                      done.out) == list('1234')
    assert '1 thread\ntracking: medians of 5 steps, frames of 1280x720' in done.out
    assert content['failed'] == {}


def test_the_rest_of_an_int8_file_in_bf16(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr('benchmarks.tracking.open_network',
                        lambda path, **options: opened.append((path.name, options['precision'])))
    kinds = [kind(f'openvino:{name}') for name in ('fp32', 'bf16', 'int8', 'int8+bf16')]
    for one in prepare(Config({'model': tracker()}), 'small', None, tmp_path, kinds):
        one.open(1)
    assert opened == [('small.tracker.fp32.xml', None), ('small.tracker.fp32.xml', 'bf16'),
                      ('small.tracker.int8.xml', None), ('small.tracker.int8.xml', 'bf16')]


def test_products_are_in_the_precision_of_the_row(monkeypatch):
    pytest.importorskip('nncf', reason='the extra deploy is not installed')
    from benchmarks import peak
    models, compiled = [], []

    class Core(peak.ov.Core):

        def compile_model(self, model, *args, **options):
            if args:  # NNCF gives names
                models.append([op.get_type_name() for op in model.get_ops()])
                compiled.append(args[1]['INFERENCE_PRECISION_HINT'])
            return super().compile_model(model, *args, **options)

    monkeypatch.setattr(peak.ov, 'Core', Core)
    monkeypatch.setattr(peak, 'TOKENS', 32)
    monkeypatch.setattr(peak, 'WIDTH', 64)
    names = ['fp32', 'bf16', 'int8', 'int8+bf16']
    assert all(peak.peak_rate(name, 1) > 0 for name in names)
    assert compiled == ['f32', 'bf16', 'f32', 'f32']
    assert ['FakeQuantize' in own for own in models] == [False, False, True, True]


def test_unknown_rows_and_configs(tmp_path):
    done = run_tool('benchmark.py', CONFIG, '--rows', 'onnxruntime:bf16')
    assert done.status == 2
    assert done.err.startswith(
        "error: 'onnxruntime:bf16' is not one of published:fp32 full:fp32 torch:fp32 ")
    done = run_tool('benchmark.py', CONFIG, '--video', tmp_path)
    assert done.err.startswith('error: --video needs the box of a target in its first frame')
    done = run_tool('benchmark.py', tmp_path / 'none.py')
    assert done.err == f'error: config {tmp_path / "none.py"} does not exist\n'


@pytest.mark.parametrize('flag', ['--threads', '--steps', '--batch-size', '--targets'])
def test_counts_start_at_one(flag):
    done = run_tool('benchmark.py', CONFIG, flag, '-1')
    assert done.status == 2
    assert done.err.endswith(
        f"error: argument {flag}: expected a whole number from 1 on, got '-1'\n")


def test_devices_that_are_not_there():
    done = run_tool('benchmark.py', CONFIG, '--device', 'tpu')
    assert done.err == 'error: --device tpu is not cpu, cuda or cuda:N\n'
    if not torch.cuda.is_available():
        done = run_tool('benchmark.py', CONFIG, '--device', 'cuda')
        assert done.status == 2
        assert done.err.startswith('error: --device cuda: PyTorch ')
        assert 'finds 0 GPUs' in done.err


def test_what_is_measured_outlives_a_stop(tmp_path, monkeypatch):
    class StoppedWorker(Worker):
        def run(self, *args):
            for row in super().run(*args):
                yield row
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr('benchmarks.machine.Worker', StoppedWorker)
    out = tmp_path / 'rows.json'
    done = run_tool('benchmark.py', CONFIG, '--rows', 'torch:fp32', '--steps', 1, '--threads', 1,
                    '--json', out, '--train', '--batch-size', 1)
    assert done.status == 143
    first, rest = done.out.split('\n', 1)
    assert first.startswith('training, published, p=0.5: ')
    assert rest.startswith('stopped\n')
    assert '| published' in rest
    assert [row['name'] for row in json.loads(out.read_text())['rows']] == ['published']


def test_a_row_that_fails_stops_no_other(in_one_process, tmp_path):
    (tmp_path / 'config.py').write_text(
        f"_base_ = {str(CONFIG)!r}\nmodel = dict(guidance_loss=dict(type='NoSuchLoss'))\n")
    done = run_tool('benchmark.py', tmp_path / 'config.py', '--train', '--steps', 1,
                    '--batch-size', 1, '--threads', 1)
    assert done.status == 0
    failed = re.findall('(?m)^training, (.+): failed, KeyError: .*NoSuchLoss', done.out)
    assert failed == ['published', 'mmct', 'mmct, teacher bf16', 'mmct, bf16']
    assert '| student alone, bf16 |' in done.out


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_processes_of_measurements(device):
    """On a GPU, one for as long as nothing fails; without a GPU here, what is measured in it is
    not."""
    with Worker(device) as worker:
        pids = [next(worker.run(pid)) for _ in range(2)]
        pids = [*worker.run(pid), *worker.run(pid)]
        assert (pids[0] == pids[1]) == (device == 'cuda')
        rows = worker.run(raise_two_lines)
        failed = next(rows)
        with pytest.raises(RowError, match='^ValueError: first$'):
            next(rows)
        with pytest.raises(RowError, match='^its process ended with status 7$'):
            list(worker.run(die))
        assert failed != [*worker.run(pid)][0]


def test_the_published_step_finds_the_same_boxes():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, 120, 160, 3), dtype=np.uint8)
    networks = [PublishedStep(build(tracker())), TorchNetwork(fuse_for_inference(build(tracker())))]
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


@pytest.mark.parametrize('network', [FullForm, PublishedStep])
def test_the_full_form_of_a_tracker_of_another_kind(network):
    """Two templates, memory, and several targets, as the network that keeps what it encoded."""
    model = build(toy_teacher()).eval()
    reference = TorchNetwork(copy.deepcopy(model))
    samples = calibration.noise(model.info, 3)
    found, expected = (run(own, samples) for own in (network(model), reference))
    assert found.keys() == expected.keys() == {'box', 'score', 'next_memory'}
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-5)


@MODELS.register_module()
class RefiningToyTracker(ToyTracker):
    """Templates go through more layers than the search crop."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.refine = nn.Sequential(nn.Linear(16, 2000), nn.Linear(2000, 16))

    def embed(self, templates, template_boxes, search, memory):
        encoded = self.encode(templates, template_boxes)['template_tokens']
        return self.backbone.join(encoded, search, memory)

    def encode(self, templates, template_boxes):
        return {'template_tokens': self.refine(self.backbone.encode(templates))}


def test_the_full_form_is_a_row_if_encoding_saves_much(tmp_path):
    kinds = [('published', 'fp32'), ('torch', 'fp32')]
    config = Config({'model': {**toy_teacher(), 'type': 'RefiningToyTracker'}})
    contestants = prepare(config, 'toy', None, tmp_path, kinds)
    assert [own.backend for own in contestants] == ['published', 'full', 'torch']
    macs = contestants[0].cost.macs
    templates, patches = 8, 16 * (8 * 8 * 3)
    assert macs.encode == templates * (patches + 2 * 16 * 2000)
    assert macs.step + macs.encode == macs.full
    rows = {own.backend: next(measure(own, 1, 1)) for own in contestants}
    assert rows['published'].macs == rows['full'].macs == macs.full
    assert rows['published'].encode_macs == rows['full'].encode_macs == 0
    assert (rows['torch'].macs, rows['torch'].encode_macs) == (macs.step, macs.encode)
    # Where it saves little, only for those who ask.
    for asked in ([], [('full', 'fp32')]):
        contestants = prepare(Config({'model': tracker()}), 'small', None, tmp_path, kinds + asked)
        assert [own.backend for own in contestants].count('full') == len(asked)


def test_attention_written_out_is_the_fused_one():
    plain, fused = build(tracker()).eval(), build(tracker()).eval()
    PublishedStep(plain)
    batch = pair_batch()
    torch.testing.assert_close(search_map(plain.backbone, batch), search_map(fused.backbone, batch))


@pytest.mark.slow
def test_training_rows(tmp_path):
    out = tmp_path / 'rows.json'
    done = run_process('benchmark.py', CONFIG, '--train', '--steps', 2, '--batch-size', 2,
                       '--threads', 1, '--json', out)
    assert done.status == 0, done.err
    rows = {(row['name'], row['prob']): row for row in json.loads(out.read_text())['rows']}
    assert len(rows) == 4 * 3 + 2
    alone = rows['student alone', None]
    for prob in (0.5, 0.75, 1.):
        assert rows['mmct', prob]['macs'] == rows['published', prob]['macs'] > alone['macs']
    assert rows['published', 1.]['peak_memory_mb'] > 2 * 4 * 0.85e6 / 2**20  # two teachers
    assert 'of demand' in done.out


@pytest.mark.parametrize('gates', [[True] * 4, [False, True, False, False]])
def test_the_published_training_step_computes_the_same(tmp_path, gates):
    config = Config.fromfile(CONFIG)
    teacher = tmp_path / 'teacher.pth'
    save_tracker(build(config.model.teacher).state_dict(), teacher, student=False)
    model, batch = config.model.to_dict(), noise(config, 2)
    steps = {way.name: Step(way, model, teacher) for way in CONTESTANTS}
    first = {name: step.run(batch, gates) for name, step in steps.items()}
    assert first['mmct'] == pytest.approx(first['published'], rel=1e-4)
    assert first['mmct, teacher bf16'] == pytest.approx(first['mmct'], rel=0.02)
    assert first['mmct, bf16'] == pytest.approx(first['mmct'], rel=0.05)
    second = {name: step.run(batch, gates) for name, step in steps.items()}
    assert second['mmct'] == pytest.approx(second['published'], rel=1e-4)
    assert second['mmct'] != first['mmct']
    # At p = 1 the teacher's own pass is all that is added: three times the student's layers.
    macs = {name: step.count_macs(batch, gates) for name, step in steps.items()}
    assert macs['mmct'] == macs['published'] == macs['mmct, bf16']
    if all(gates):
        assert 1.5 < macs['mmct'] / macs['student alone'] < 2


def test_patterns_have_the_share_of_p():
    for prob, steps, total in ((0.5, 3, 6), (0.775, 10, 31), (1., 2, 8), (0.01, 4, 4)):
        drawn = patterns(prob, 4, steps)
        assert len(drawn) == steps
        assert sum(map(sum, drawn)) == total
        assert all(map(any, drawn))


def test_training_rows_need_a_compression():
    done = run_tool('benchmark.py', ROOT / 'configs/demo/ostrack_tiny.py', '--train')
    assert done.status == 2
    assert '--train needs the config of a compression; model.type is OSTrack' in done.err


def test_data_rows(tmp_path):
    out = tmp_path / 'rows.json'
    done = run_tool('benchmark.py', CONFIG, '--data', '--steps', 10, '--json', out)
    assert done.status == 0, done.err
    stock, ours = json.loads(out.read_text())['rows']
    assert stock['name'] == "MMTracking's Stark"
    for row in (stock, ours):
        assert row['ms'] > 1
        assert 0 < row['decoding'] < 1
    assert "MMTracking's reads three frames" in done.out
