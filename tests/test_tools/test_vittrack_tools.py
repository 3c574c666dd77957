"""VitTrack on the command line."""
import pytest
from commands import ROOT, run_tool
from tiny import MODELS, tracker
from vittrack_files import SHAPE, write

from mmct.checkpoint import load_weights, tracker_weights

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
