"""VitTrack on the command line."""
import json

import cv2
import numpy as np
import pytest
from commands import ROOT, run_tool
from disc import BOX, moving_disc
from tiny import MODELS, tracker
from vittrack.conversion import convert_vittrack
from vittrack_files import SHAPE, write

from mmct import load_tracker
from mmct.checkpoint import load_weights, tracker_weights
from mmct.deploy import export_tracker
from mmct.deploy.quantize import SENSITIVE
from mmct.runtime import Tracker, update_many

CONFIG = ROOT / 'configs/vittrack.py'
DATA = """
_base_ = {base!r}
crop = dict(type='CropPair', size=[32, 64], factor=[2, 4], center_jitter=[0, 3],
            scale_jitter=[0, 0.25])
val_dataloader = dict(dataset=dict(
    pairs_per_epoch=12,
    datasets=[dict(type='LaSOTDataset', data_root={root!r},
                   ann_file='annotations/lasot_val_infos.txt',
                   data_prefix=dict(img_path='LaSOTBenchmark'))],
    pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
"""


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp('released') / 'tiny.onnx')


# tools/convert_weights.py

def test_conversion(file, videos, tmp_path):
    for i in range(2):
        videos.add(f'cat-{i + 1}')
    config, out = tmp_path / 'config.py', tmp_path / 'out.pth'
    config.write_text(DATA.format(base=str(ROOT / 'configs/demo/ostrack_tiny.py'),
                                  root=str(videos.root)))
    done = run_tool('convert_weights.py', file, out, '--calibration', config, '--samples', 8)
    assert (done.status, done.err) == (0, '')
    assert done.out.endswith(f'{file}: VitTrack, written to {out}; statistics of batch norm '
                             'measured on 8 pairs\n')
    model = MODELS.build(tracker(**SHAPE))
    load_weights(model, out)
    assert model.train().head.score[0].bn.running_var.std() > 0


def test_conversion_without_calibration(file, tmp_path):
    out = tmp_path / 'out.pth'
    done = run_tool('convert_weights.py', file, out)
    assert (done.status, done.out) == (
        0, f'{file}: VitTrack, written to {out}; batch norm has identity statistics: fit for '
        'inference, not for training (--calibration)\n')
    assert 'backbone.patch_embed.layers.3.bn.weight' in tracker_weights(out)


@pytest.mark.parametrize(('args', 'message'), [
    (['--to', 'released'], 'is a released VitTrack; --to released is for checkpoints'),
    (['--calibration', 'none.py'], 'config none.py does not exist'),
    (['--calibration', 'configs/vittrack.py', '--samples', 0], '--samples=0 must be in [1, inf)')])
def test_conversion_that_makes_no_sense(file, tmp_path, args, message):
    done = run_tool('convert_weights.py', file, tmp_path / 'out.pth', *args)
    assert done.status == 2
    assert done.err.count('\n') == 1
    assert message in done.err
    assert not (tmp_path / 'out.pth').exists()


def test_calibration_is_for_vittrack(tmp_path):
    done = run_tool('convert_weights.py', ROOT / 'configs/demo/ostrack_tiny.pth',
                    tmp_path / 'out.pth', '--calibration', 'configs/vittrack.py')
    assert done.status == 2
    assert '--calibration is for a VitTrack (.onnx)' in done.err


# tools/export.py and tools/benchmark.py

@pytest.fixture(scope='module')
def converted(file, tmp_path_factory):
    """Config and checkpoint of a small VitTrack."""
    folder = tmp_path_factory.mktemp('converted')
    (folder / 'config.py').write_text(
        f'custom_imports = dict(imports=["mmct"])\nmodel = {tracker(**SHAPE)}\n')
    convert_vittrack(file, folder / 'tiny.pth')
    return folder / 'config.py', folder / 'tiny.pth'


@pytest.mark.parametrize('args', [
    ('demo_video.py', 'video.mp4', CONFIG, '--box', '1,1,9,9', '--checkpoint'),
    ('export.py', CONFIG, 'out.onnx'), ('demo_video.py', '--box', '1,1,9,9', 'video.mp4')])
def test_the_released_file_has_to_be_converted(file, tmp_path, args):
    cv2.imwrite(str(tmp_path / '0.png'), np.zeros((60, 80, 3), np.uint8))
    tool, *args = args
    args = [tmp_path if arg == 'video.mp4' else arg for arg in args]
    args.insert(1 if tool == 'export.py' else len(args), file)
    done = run_tool(tool, *args)
    assert done.status == 2
    assert 'tools/convert_weights.py FILE weights/vittrack.pth' in done.err.splitlines()[-1]


@pytest.mark.parametrize('suffix', ['.onnx', '.xml'])
def test_export(converted, tmp_path, suffix):
    pytest.importorskip('openvino', reason='the extra deploy is not installed')
    out = tmp_path / f'tiny{suffix}'
    done = run_tool('export.py', *converted, out)
    assert done.status == 0, done.err
    frames = moving_disc(5)
    boxes = [BOX, (20., 30., 30., 18.), (90., 60., 12., 30.)]
    first, reference = Tracker(out), [Tracker(*converted) for _ in boxes]
    together = [first, *(Tracker(first.network) for _ in boxes[1:])]
    for one, other, box in zip(together, reference, boxes):
        one.init(frames[0], box)
        other.init(frames[0], box)
    for frame in frames[1:]:
        found = update_many(together, frame)
        for (box, score), other in zip(found, reference):
            expected, expected_score = other.update(frame)
            assert box == pytest.approx(expected, abs=0.01)
            assert score == pytest.approx(expected_score, abs=1e-4)


def test_int8_leaves_the_stem_as_it_is(converted, tmp_path):
    onnx = pytest.importorskip('onnx')
    export_tracker(load_tracker(*converted), tmp_path / 'tiny.onnx')
    names = [node.name for node in onnx.load(tmp_path / 'tiny.onnx').graph.node
             if node.op_type == 'Conv']
    left = [name for name in names if SENSITIVE.search(name)]
    assert len(names) == 4 + 3 * 5
    assert len(left) == 4 + 3


def test_peers_in_a_benchmark(in_one_process, tmp_path):
    out, shape = tmp_path / 'rows.json', {'template_size': 128, 'search_size': 256}
    peer = write(tmp_path / 'released.onnx', **shape)
    (tmp_path / 'config.py').write_text(
        f'custom_imports = dict(imports=["mmct"])\nmodel = {tracker(**SHAPE, **shape)}\n')
    done = run_tool('benchmark.py', tmp_path / 'config.py', '--peer', peer, '--rows',
                    'onnxruntime:fp32', '--steps', 2, '--threads', 1, '--targets', 2, '--json', out)
    assert done.status == 0, done.err
    rows = {(row['role'], row['backend']): row for row in json.loads(out.read_text())['rows']}
    assert rows.keys() == {('tracker', 'published'), ('tracker', 'onnxruntime'),
                           ('VitTrack file', 'onnxruntime'), ('VitTrack file', 'TrackerVit')}
    assert all(row['update_ms'] > 0 for row in rows.values())
    assert rows['tracker', 'published']['macs'] == rows['VitTrack file', 'TrackerVit']['macs']
    assert rows['VitTrack file', 'onnxruntime']['many_ms'].keys() == {'2'}
    assert rows['VitTrack file', 'TrackerVit']['many_ms'] == {}
    assert 'to the file' in done.out
    assert f'TrackerVit is that of OpenCV {cv2.__version__}' in done.out


def test_a_peer_that_is_none(tmp_path):
    done = run_tool('benchmark.py', ROOT / 'configs/vittrack.py', '--rows', 'torch:fp32', '--peer',
                    tmp_path / 'none.onnx')
    assert done.status == 2
    assert done.err.endswith(f'error: {tmp_path / "none.onnx"} does not exist\n')
