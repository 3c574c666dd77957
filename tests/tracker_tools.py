"""What the tests of MixFormerV2, ODTrack and SUTrack on the command line share: a narrow
compression on small videos, and what each has to go through."""
import json
import os
import re
import signal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from commands import ROOT
from tiny import same_weights

from mmct import load_tracker
from mmct.checkpoint import read_checkpoint
from mmct.deploy import export_tracker
from mmct.models.distillers import ReplacementDistiller
from mmct.runtime import Tracker
from mmct.runtime.frames import Frames

LENGTH, BOX = 20, (20., 15., 12., 10.)
# The tiny one narrowed further, on small videos.
DATA = """
_base_ = {base!r}
shape = dict(embed_dims=16, num_heads=2, template_size=32, search_size={search})
crop = dict(
    type='CropPair', size=[32, {search}], factor=[2, 4], center_jitter=[0, {jitter}],
    scale_jitter=[0, 0.5], {crop})
videos = dict(type='LaSOTDataset', data_root={data!r},
              data_prefix=dict(img_path='LaSOTBenchmark'))
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(pairs_per_epoch=6,
                 pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')],
                 datasets=[dict(ann_file='annotations/lasot_train_infos.txt', **videos)]))
val_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(pairs_per_epoch=2, pipeline=[*_base_.joint, crop, dict(type='PackPair')],
                 datasets=[dict(ann_file='annotations/lasot_val_infos.txt', **videos)]))
test_dataloader = dict(dataset=dict(data_root={data!r}))
train_cfg = dict(max_epochs=2, val_interval=1)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1, max_keep_ckpts=9))
"""


def write_config(file, text, base, data, search=64, jitter=3, crop='', **places) -> None:
    """Write :data:`DATA`, or a text that begins with it, with values for its places."""
    file.write_text(text.format(base=str(ROOT / 'configs/demo' / base), data=str(data),
                                search=search, jitter=jitter, crop=crop, **places))


class Files(NamedTuple):
    """A compression: its config, its videos, and the teacher's checkpoint."""
    config: Path
    videos: Path
    teacher: Path

    @property
    def frames(self):
        return self.videos / 'LaSOTBenchmark/cat/cat-1/img'


def write_files(folder, new_videos, text, base, teacher='teacher.pth', **places) -> Files:
    """Two videos and a config; the teacher's checkpoint is yet to be written."""
    data = new_videos(folder / 'data')
    for i in range(2):
        data.add(f'cat-{i + 1}', LENGTH)
    files = Files(folder / 'config.py', data.root, folder / teacher)
    write_config(files.config, text, base, data.root, teacher=str(files.teacher), **places)
    return files


def state_of(file) -> dict:
    """Weights in a checkpoint of mmct."""
    return read_checkpoint(file)['state_dict']


def given_to(network) -> list[tuple]:
    """Templates and boxes that a network is asked to encode from now on."""
    given, encode = [], network.encode

    def noted(*templates):
        given.append(templates)
        return encode(*templates)

    network.encode = noted
    return given


def track(follower, frames):
    """Boxes (N, 4) and scores (N,) of all frames but the first, and the templates of each."""
    given = given_to(follower.network)
    follower.init(frames[0], BOX)
    templates, found = [], []
    for frame in frames[1:]:
        templates.append(given[-1])
        found.append(follower.update(frame))
    boxes, scores = map(np.array, zip(*found, strict=True))
    return boxes, scores, templates


def run_test(tool, config, weights, folder) -> None:
    """Test a tracker; its boxes and metrics go into a folder."""
    done = tool('test.py', config, weights, '--work-dir', folder / 'work', '--results',
                folder / 'boxes', '--json', folder / 'metrics.json')
    assert (done.status, done.err) == (0, '')


class CompressionTests:
    """Tests of a module with the fixture ``files``.

    Attributes:
        losses: what is logged, and larger than zero.
        in_one_size: the box keeps its size in all frames.
        rounded: a released file holds more than the weights, which give the same boxes only within
            rounding.
    """
    losses: tuple
    in_one_size = False
    rounded = False

    def check_templates(self, templates):
        """See that these were what frame after frame was searched with."""
        raise NotImplementedError

    def test_told_to_end_in_the_midst_and_resumed(self, files, trained, tool, tmp_path,
                                                  monkeypatch):
        loss = ReplacementDistiller.loss

        def loss_and_signal(self, *args, **kwargs):
            if self.iteration == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return loss(self, *args, **kwargs)

        args = ('train.py', files.config, '--work-dir', tmp_path, '--cfg-options',
                'default_hooks.batch_picture.interval=0')  # as drawing takes longest
        with monkeypatch.context() as patch:
            patch.setattr(ReplacementDistiller, 'loss', loss_and_signal)
            done = tool(*args)
        assert (done.status, done.err) == (143, '')
        assert f'saved {tmp_path}/interrupted.pth after 4 iterations' in done.out
        done = tool(*args[:-2], '--resume', *args[-2:])
        assert (done.status, done.err) == (0, '')
        whole, resumed = (state_of(folder / 'epoch_2.pth') for folder in (trained, tmp_path))
        assert whole['iteration'] == 6
        assert same_weights(whole, resumed)

    def test_what_is_logged(self, trained):
        file, = trained.glob('*/vis_data/scalars.json')
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        train = [line for line in lines if 'loss' in line]
        assert len(train) == 6
        for line in train:
            assert all(line[name] > 0 for name in (*self.losses, 'loss_mimic', 'grad_norm'))
            terms = sum(value for name, value in line.items() if name.startswith('loss_'))
            assert line['loss'] == pytest.approx(terms, rel=1e-3)
        assert sum('pair/iou' in line for line in lines) == 2
        assert list(trained.glob('*/vis_data/vis_image/train_batch_0.png'))

    def test_every_kind_of_checkpoint_gives_the_same_boxes(self, files, trained, student, tested,
                                                           tool, tmp_path):
        released = tmp_path / 'released.pth.tar'
        done = tool('convert_weights.py', student, released, '--to', 'released',
                    *(['--released', files.teacher] if self.rounded else []))
        assert (done.status, done.err) == (0, '')
        run_test(tool, files.config, trained / 'epoch_2.pth', tmp_path / 'whole')
        run_test(tool, files.config, released, tmp_path / 'released')
        found = [(json.loads((folder / 'metrics.json').read_text()),
                  (folder / 'boxes/cat-2.txt').read_text())
                 for folder in (tmp_path / 'whole', tested, tmp_path / 'released')]
        assert found[0] == found[1]
        if self.rounded:
            boxes = [np.loadtxt(text.splitlines(), delimiter=',') for _, text in found[1:]]
            np.testing.assert_allclose(*boxes, rtol=0, atol=0.01)
        else:
            assert found[1] == found[2]
        assert found[0][0]['sot/failed_sequences'] == 0
        assert len(found[0][1].splitlines()) == LENGTH

    @pytest.mark.parametrize('name', ['student.onnx', 'student.xml'])
    def test_exported_student(self, files, student, tested, followed, tool, tmp_path, name):
        pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
        pytest.importorskip('openvino', reason='the extra deploy is not installed')
        file, other = tmp_path / name, name.replace('student', 'student.template')
        done = tool('export.py', files.config, student, file)
        assert done.status == 0, done.err
        assert f'{name} and {other}, fp32; largest error against PyTorch' in done.out
        frames = list(Frames(files.frames))
        expected, expected_scores, templates = followed
        self.check_templates(templates)
        # There is something to compare.
        assert (expected[:, :2 if self.in_one_size else 4].std(axis=0) > 0.1).all()
        boxes, scores, own = track(Tracker(file), frames)
        np.testing.assert_allclose(boxes, expected, rtol=0, atol=0.01)
        np.testing.assert_allclose(scores, expected_scores, rtol=0, atol=1e-4)
        self.check_templates(own)
        run_test(tool, files.config, file, tmp_path)
        found = [[np.loadtxt(folder / f'boxes/cat-{k}.txt', delimiter=',') for k in (1, 2)]
                 for folder in (tested, tmp_path)]
        np.testing.assert_allclose(*found, rtol=0, atol=0.01)
        np.testing.assert_allclose(found[0][0][1:], expected, rtol=0, atol=0.01)

    @pytest.mark.parametrize('backend', ['torch', 'onnxruntime'])
    def test_video(self, files, student, followed, tool, tmp_path, backend):
        model = files.config, '--checkpoint', student
        if backend == 'onnxruntime':
            pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
            model = (tmp_path / 'student.onnx', )
            export_tracker(load_tracker(files.config, student), model[0])
        done = tool('demo_video.py', files.frames, *model, '--box', '20,15,12,10', '--out',
                    tmp_path / 'out.avi', '--boxes', tmp_path / 'boxes.txt')
        assert done.status == 0, done.err
        assert f'{LENGTH} frames, ' in done.out
        boxes = np.loadtxt(tmp_path / 'boxes.txt', delimiter=',')
        assert boxes[0].tolist() == list(BOX)
        np.testing.assert_allclose(boxes[1:], followed[0], rtol=0, atol=0.01)
        assert len(list(Frames(tmp_path / 'out.avi'))) == LENGTH

    @pytest.mark.parametrize('metric', ['cosine', 'start'])
    def test_division(self, files, tool, tmp_path, metric):
        done = tool('analyze_stages.py', files.config, files.teacher, '--metric', metric,
                    '--stages', 2, '--samples', 4, '--batch-size', 2, '--pairs', 'train', '--out',
                    tmp_path)
        assert (done.status, done.err) == (0, '')
        assert [path.name for path in tmp_path.iterdir()] == [
            'stages_2.png' if metric == 'cosine' else 'stages_2_start.png']
        division = json.loads(re.search(r'backbone=dict\(division=(\[.*?\])', done.out)[1])
        assert (len(division), sum(division)) == (2, 4)


def encoded_anew(templates: list) -> list:
    """Crops of the templates of all frames, each as long as it is used once."""
    changed = [own for own, before in zip(templates, [None, *templates]) if own is not before]
    return [crops for crops, _ in changed]
