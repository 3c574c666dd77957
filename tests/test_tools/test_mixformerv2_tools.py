"""MixFormerV2 on the command line: trained, resumed, tested, exported, looked at, and refused."""
import json
import os
import re
import signal
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch
from commands import ROOT
from mmengine.config import Config
from tiny import build, same_weights, save_teacher, tracker

from mmct import load_tracker
from mmct.checkpoint import save_tracker
from mmct.deploy import export_tracker
from mmct.models.distillers import ReplacementDistiller
from mmct.runtime import Tracker
from mmct.runtime.frames import Frames

INTERVAL, LENGTH, BOX = 4, 20, (20., 15., 12., 10.)
# The tiny one narrowed further, on small videos.
DATA = """
_base_ = {base!r}
shape = dict(embed_dims=16, num_heads=2, template_size=32, search_size=64)
head = dict(in_channels=16, bins=12)
# Whatever the score of an untrained head, some frame of an interval is the best.
tracking = dict(templates=dict(interval={interval}, threshold=0.))
crop = dict(
    type='CropPair', size=[32, 64], factor=[2, 4], center_jitter=[0, 3], scale_jitter=[0, 0.5])
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
COMPRESSION = DATA + """
model = dict(
    teacher=dict(backbone=shape, head=head, test_cfg=tracking),
    student=dict(backbone=shape, head=head, test_cfg=tracking),
    teacher_checkpoint={teacher!r})
"""
SCORE = DATA + """
model = dict(backbone=shape, head=dict(loss=dict(type='ScoreLoss'), **head), test_cfg=tracking,
             frozen=['backbone', 'head.box_head'])
train_dataloader['dataset']['sampling'] = dict(type='trident')
load_from = {start!r}
"""


def write_config(file, text, base, data, **places) -> None:
    file.write_text(text.format(base=str(ROOT / 'configs/demo' / base), data=str(data),
                                interval=INTERVAL, **places))


class Files(NamedTuple):
    """A compression: its config, its videos, and the teacher's checkpoint."""
    config: str
    videos: str
    teacher: str

    @property
    def frames(self):
        return self.videos / 'LaSOTBenchmark/cat/cat-1/img'


def altered(config, role='teacher', backbone=(), with_score=True, **head) -> dict:
    """The teacher or the student of a config, with other settings; ``head`` is of its head."""
    found = Config.fromfile(config).model[role].to_dict()
    found['backbone'].update(backbone)
    found['head'].update(head, with_score=with_score)
    if not with_score:
        found['test_cfg']['templates'] = {'type': 'Fixed', 'copies': 2}
        found['frozen'] = []
    return found


def aim_at_the_middle(model) -> None:
    """Make that the box is about the middle quarter of the search crop, so that the target keeps
    its size."""
    model.eval()
    with torch.no_grad():
        model.backbone.reg_tokens *= 10
        inner, bins = model.head.box_head[:3], model.head.box_head[3]
        search = torch.zeros(1, 3, 64, 64)
        encoded = model.encode(torch.zeros(1, 2, 3, 32, 32), None)
        hidden = inner(model.backbone.follow(encoded, search).group('prediction')[0])
        places = torch.tensor([4.5, 7.5, 4.5, 7.5])
        wanted = -(torch.arange(12) - places[:, None]).square()
        bins.weight.copy_((torch.linalg.pinv(hidden) @ wanted).T)
        bins.bias.zero_()


@pytest.fixture(scope='module')
def files(tmp_path_factory, new_videos):
    folder = tmp_path_factory.mktemp('mixformerv2')
    data = new_videos(folder / 'data')
    for i in range(2):
        data.add(f'cat-{i + 1}', LENGTH)
    config, teacher = folder / 'config.py', folder / 'teacher.pth'
    write_config(config, COMPRESSION, 'ct_mixformerv2_tiny_2l.py', data.root, teacher=str(teacher))
    model = build(altered(config), seed=1)
    aim_at_the_middle(model)
    save_tracker(model.state_dict(), teacher, student=False)
    return Files(config, data.root, teacher)


@pytest.fixture(scope='module')
def trained(files, tool, tmp_path_factory):
    """The work folder of a compression that ran to its end."""
    folder = tmp_path_factory.mktemp('whole')
    done = tool('train.py', files.config, '--work-dir', folder)
    assert (done.status, done.err) == (0, '')
    return folder


@pytest.fixture(scope='module')
def student(trained, tool):
    """The extracted student."""
    whole, file = trained / 'epoch_2.pth', trained / 'student.pth'
    done = tool('extract_student.py', whole, file)
    assert done == (0, f'student of {whole} written to {file}\n', '')
    return file


@pytest.fixture
def refuse(files, tool, tmp_path):
    """The one line with which a tool, told to work in a folder of its own, says what is wrong."""
    def refuse(name, *args, changes=()):
        done = tool(name, files.config, *args, '--work-dir', tmp_path / 'work', *(
            ['--cfg-options', *changes] if changes else ()))
        assert done.status == 2
        line, = done.err.splitlines()
        assert line.startswith('error: ')
        return line
    return refuse


def state_of(file) -> dict:
    return torch.load(file)


# Training

def test_told_to_end_in_the_midst_and_resumed(files, trained, tool, tmp_path, monkeypatch):
    loss = ReplacementDistiller.loss

    def loss_and_signal(self, *args, **kwargs):
        if self.iteration == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return loss(self, *args, **kwargs)

    args = 'train.py', files.config, '--work-dir', tmp_path
    with monkeypatch.context() as patch:
        patch.setattr(ReplacementDistiller, 'loss', loss_and_signal)
        done = tool(*args)
    assert (done.status, done.err) == (143, '')
    assert f'saved {tmp_path}/interrupted.pth after 4 iterations' in done.out
    done = tool(*args, '--resume')
    assert (done.status, done.err) == (0, '')
    whole, resumed = (state_of(folder / 'epoch_2.pth')['state_dict']
                      for folder in (trained, tmp_path))
    assert whole['iteration'] == 6
    assert same_weights(whole, resumed)


def test_what_is_trained(files, trained):
    """All but the tables and the score head, from the teacher's weights on."""
    first, last = (state_of(trained / f'epoch_{i}.pth')['state_dict'] for i in (1, 2))
    teacher = state_of(files.teacher)['state_dict']
    stayed = {name for name in last if name.startswith('student.')
              and torch.equal(first[name], last[name])}
    assert stayed == {f'student.{name}' for name in teacher
                      if 'score_head' in name or name.endswith(('pos_embed_t', 'pos_embed_s'))}
    assert all(torch.equal(last[name], teacher[name.removeprefix('student.')])
               for name in stayed)
    file, = trained.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    train = [line for line in lines if 'loss' in line]
    assert len(train) == 6
    for name in ('loss_track_ciou', 'loss_track_l1', 'loss_guidance_ciou', 'loss_guidance_l1',
                 'loss_mimic', 'grad_norm'):
        assert all(line[name] > 0 for line in train)
    assert sum('pair/iou' in line for line in lines) == 2
    assert list(trained.glob('*/vis_data/vis_image/train_batch_0.png'))


def test_every_kind_of_checkpoint_gives_the_same_boxes(files, trained, student, tool, tmp_path):
    released = tmp_path / 'released.pth.tar'
    assert tool('convert_weights.py', student, released, '--to', 'released').status == 0
    found = []
    for i, checkpoint in enumerate((trained / 'epoch_2.pth', student, released)):
        file = tmp_path / f'{i}.json'
        done = tool('test.py', files.config, checkpoint, '--work-dir', tmp_path / str(i),
                    '--results', tmp_path / f'boxes{i}', '--json', file)
        assert (done.status, done.err) == (0, '')
        found.append((json.loads(file.read_text()),
                      (tmp_path / f'boxes{i}/cat-2.txt').read_text()))
    assert found[0] == found[1] == found[2]
    assert found[0][0]['sot/failed_sequences'] == 0
    assert len(found[0][1].splitlines()) == LENGTH


def test_training_of_the_score_alone(files, tool, tmp_path):
    """From a file without score head: the rest stays as it is."""
    start = tmp_path / 'start.pth'
    save_teacher(start, altered(files.config, with_score=False))
    config = tmp_path / 'score.py'
    write_config(config, SCORE, 'mixformerv2_tiny.py', files.videos, start=str(start))
    done = tool('train.py', config, '--work-dir', tmp_path / 'work')
    assert (done.status, done.err) == (0, '')
    before, after = (state_of(file)['state_dict']
                     for file in (start, tmp_path / 'work/epoch_2.pth'))
    assert {name for name in after if name not in before} == {
        name for name in after if 'score_head' in name}
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_boxes_are_not_trained_where_there_is_no_target(files, tool, tmp_path):
    config = tmp_path / 'score.py'
    write_config(config, SCORE.replace("loss=dict(type='ScoreLoss'), ", ''),
                 'mixformerv2_tiny.py', files.videos, start=str(files.teacher))
    done = tool('train.py', config, '--work-dir', tmp_path / 'work')
    assert (done.status, done.err) == (
        2, 'error: boxes are trained on clips that all show the target, but these have labels; set '
        "sampling=dict(type='mixformer') of the data set, or head.loss=dict(type='ScoreLoss') to "
        'train a score\n')


# Exported files

def track(follower, frames):
    """Boxes (N, 4) and scores (N,) of all frames but the first, and how often templates were
    encoded."""
    network = follower.network
    encode, encoded = network.encode, []
    network.encode = lambda crops, boxes: encoded.append(crops) or encode(crops, boxes)
    try:
        follower.init(frames[0], BOX)
        boxes, scores = zip(*(follower.update(frame) for frame in frames[1:]))
    finally:
        network.encode = encode
    return np.array(boxes), np.array(scores), encoded


@pytest.mark.parametrize('name', ['student.onnx', 'student.xml'])
def test_exported_student(files, student, tool, tmp_path, name):
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    pytest.importorskip('openvino', reason='the extra deploy is not installed')
    file, other = tmp_path / name, name.replace('student', 'student.template')
    done = tool('export.py', files.config, student, file)
    assert done.status == 0, done.err
    assert f'{name} and {other}, fp32; largest error against PyTorch' in done.out
    frames = list(Frames(files.frames))
    expected, expected_scores, encoded = track(Tracker(files.config, student), frames)
    # The online template is another in each interval, and never the first.
    assert len(encoded) == 1 + (LENGTH - 1) // INTERVAL
    assert all((crops[0] == encoded[0][0]).all() for crops in encoded)
    assert len({crops[1].tobytes() for crops in encoded}) == len(encoded)
    # There is something to compare.
    assert (expected.std(axis=0) > 0.1).all()
    boxes, scores, own = track(Tracker(file), frames)
    np.testing.assert_allclose(boxes, expected, rtol=0, atol=0.01)
    np.testing.assert_allclose(scores, expected_scores, rtol=0, atol=1e-4)
    assert len(own) == len(encoded)
    found = []
    for i, weights in enumerate((student, file)):
        done = tool('test.py', files.config, weights, '--work-dir', tmp_path / f'work{i}',
                    '--results', tmp_path / f'boxes{i}')
        assert (done.status, done.err) == (0, '')
        found.append([np.loadtxt(tmp_path / f'boxes{i}' / f'cat-{k}.txt', delimiter=',')
                      for k in (1, 2)])
    np.testing.assert_allclose(*found, rtol=0, atol=0.01)
    np.testing.assert_allclose(found[0][0][1:], expected, rtol=0, atol=0.01)


def test_a_file_holds_the_settings_it_was_exported_with(files, student, tmp_path, refuse):
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    file = tmp_path / 'student.onnx'
    export_tracker(load_tracker(files.config, student), file)
    line = refuse('test.py', file, changes=['model.student.test_cfg.templates.interval=9'])
    own, others = (f'BestOfInterval(interval={interval}, threshold=0.0)'
                   for interval in (INTERVAL, 9))
    assert line == (f'error: the file is not of the tracker of this config: template '
                    f'policy {own}, not {others}')


def test_exported_file_of_an_ostrack(tmp_path, refuse):
    """Of the same crops, so that only its kind tells."""
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    file = tmp_path / 'ostrack.onnx'
    config = tmp_path / 'ostrack.py'
    config.write_text(f"custom_imports = dict(imports=['mmct'])\nmodel = {tracker()}\n")
    export_tracker(load_tracker(config, save_teacher(tmp_path / 'ostrack.pth')), file)
    line = refuse('test.py', file)
    assert 'error: the file is not of the tracker of this config: head center, not edge' in line


# A look at it

@pytest.mark.parametrize('backend', ['torch', 'onnxruntime'])
def test_video(files, student, tool, tmp_path, backend):
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
    expected = track(Tracker(files.config, student), list(Frames(files.frames)))[0]
    np.testing.assert_allclose(boxes[1:], expected, rtol=0, atol=0.01)
    assert len(list(Frames(tmp_path / 'out.avi'))) == LENGTH


def test_division_by_cosine(files, tool, tmp_path):
    done = tool('analyze_stages.py', files.config, files.teacher, '--metric', 'cosine', '--stages',
                2, '--samples', 4, '--batch-size', 2, '--pairs', 'train', '--out', tmp_path)
    assert (done.status, done.err) == (0, '')
    assert '4/4' in done.out
    assert [path.name for path in tmp_path.iterdir()] == ['stages_2.png']
    division = json.loads(re.search(r'\| suggested *\| (\[.*?\])', done.out)[1])
    assert (len(division), sum(division)) == (2, 4)


def test_search_of_a_student(files, tool, tmp_path):
    """What it writes can be trained, here with smaller crops and narrower than the teacher."""
    done = tool('search_student.py', files.config, '--budget-ms', 1e6, '--layers', 2,
                '--width', 8, '--mlp-ratio', 1, '--search-size', 32, 64, '--steps', 1,
                '--threads', torch.get_num_threads(), '--out', tmp_path)
    assert done.status == 0, done.err
    assert '2 of 2 students take at most 1e+06 ms' in done.out
    assert sorted(path.name for path in tmp_path.glob('*.py')) == [
        'ct_2l_w8_mlp1_32.py', 'ct_2l_w8_mlp1_64.py']
    assert cv2.imread(str(tmp_path / 'latency.png')).std() > 10
    done = tool('train.py', tmp_path / 'ct_2l_w8_mlp1_32.py', '--work-dir', tmp_path / 'work',
                '--cfg-options', 'train_cfg.max_epochs=1')
    assert (done.status, done.err) == (0, '')
    state = state_of(tmp_path / 'work/epoch_1.pth')['state_dict']
    assert state['student.backbone.pos_embed_s'].shape == (1, 4, 8)
    assert state['student.backbone.layers.1.mlp.fc1.weight'].shape == (8, 8)


# What does not fit

@pytest.mark.parametrize(('change', 'message'), [
    ({'backbone': {'depth': 6}}, 'layers: 6, the teacher of the config: 4'),
    ({'with_score': False}, "no: ['head.score_head.0.bias', "),
    ({'bins': 10}, 'bins of the head: 10, the teacher of the config: 12'),
    ({'backbone': {'template_size': 48}},
     'template tokens (template_size): 9, the teacher of the config: 4'),
    ({'backbone': {'search_size': 48}},
     'search tokens (search_size): 9, the teacher of the config: 16'),
])
def test_teachers_of_another_shape(files, tmp_path, refuse, change, message):
    file = save_teacher(tmp_path / 'other.pth', altered(files.config, **change))
    line = refuse('train.py', changes=[f'model.teacher_checkpoint={file}'])
    assert line.startswith(f'error: teacher checkpoint {file} has {message}')


def test_students_of_another_shape(files, tmp_path, refuse):
    line = refuse('test.py', files.teacher)
    assert f'{files.teacher} has layers: 4, the tracker of the config: 2' in line
    file = save_teacher(tmp_path / 'other.pth', altered(files.config, 'student', with_score=False))
    line = refuse('test.py', file)
    assert f"{file} has no: ['head.score_head.0.bias', " in line
    # Tracked by score, without any.
    line = refuse('test.py', file, changes=['model.student.head.with_score=False'])
    assert 'goes by the score, but the head has none; set head.with_score=True, or dict(' in line


@pytest.mark.parametrize(('change', 'message'), [
    ('train_dataloader.dataset.pipeline.3.size=[48,64]',
     'template crops are (48, 48) pixels, the backbone takes template_size=32'),
    ('train_dataloader.dataset.pipeline.3.size=[32,48]',
     'search crops are (48, 48) pixels, the backbone takes search_size=64'),
    ('model.student.backbone.search_size=60', 'search_size=60 is not a positive multiple'),
    ('model.student.head.bins=1', 'bins=1 must be in [2, 16384]'),
    ('train_dataloader.dataset.sampling.type=pair',
     "online ones, got 1; in training set sampling=dict(type='mixformer') of the data set"),
    ('train_dataloader.dataset.sampling.type=trident',
     "these have labels; set sampling=dict(type='mixformer') of the data set"),
    ('model.student.head.bins=10 model.guidance_loss.edge_kl=1.0',
     "the student's head has 10, the teacher's 12; make head.bins agree, or leave out edge_kl"),
    ('model.student.test_cfg.templates.type=Fixed',
     "template policy Fixed: Fixed.__init__() got an unexpected keyword argument 'interval'"),
    ('model.student.test_cfg.templates=Fixed', "template policy 'Fixed' must be a dict"),
])
def test_configs_that_do_not_fit(refuse, change, message):
    assert message in refuse('train.py', changes=change.split())


def test_a_single_template(files, student, tool, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(f"""
_base_ = {str(files.config)!r}
templates = dict(_delete_=True, type='Fixed')
model = dict(student=dict(test_cfg=dict(templates=templates)))
""")
    done = tool('test.py', config, student, '--work-dir', tmp_path / 'work')
    assert (done.status, done.err) == (
        2, "error: test_cfg.templates={'type': 'Fixed'} gives one template, a MixFormerV2 takes "
        'two or more; set copies=2\n')
