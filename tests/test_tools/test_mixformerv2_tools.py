"""MixFormerV2 on the command line: trained, resumed, tested, exported, looked at, and refused."""
import cv2
import pytest
import torch
from mmengine.config import Config
from tiny import build, save_teacher, tracker
from tracker_tools import (
    DATA,
    LENGTH,
    CompressionTests,
    encoded_anew,
    state_of,
    write_config,
    write_files,
)

from mmct import load_tracker
from mmct.checkpoint import save_tracker
from mmct.deploy import export_tracker
from mmct.models.layers import run_layers

INTERVAL = 4
OWN = DATA + f"""
head = dict(in_channels=16, bins=12)
# Whatever the score of an untrained head, some frame of an interval is the best.
tracking = dict(templates=dict(interval={INTERVAL}, threshold=0.))
"""
COMPRESSION = OWN + """
model = dict(
    teacher=dict(backbone=shape, head=head, test_cfg=tracking),
    student=dict(backbone=shape, head=head, test_cfg=tracking),
    teacher_checkpoint={teacher!r})
"""
SCORE = OWN + """
model = dict(backbone=shape, head=dict(loss=dict(type='ScoreLoss'), **head), test_cfg=tracking,
             frozen=['backbone', 'head.box_head'])
train_dataloader['dataset']['sampling'] = dict(type='trident')
load_from = {start!r}
"""


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
        hidden = inner(run_layers(
            model.backbone.layers, model.backbone.join(encoded, search)).group('prediction')[0])
        places = torch.tensor([4.5, 7.5, 4.5, 7.5])
        wanted = -(torch.arange(12) - places[:, None]).square()
        bins.weight.copy_((torch.linalg.pinv(hidden) @ wanted).T)
        bins.bias.zero_()


@pytest.fixture(scope='module')
def files(tmp_path_factory, new_videos):
    files = write_files(tmp_path_factory.mktemp('mixformerv2'), new_videos, COMPRESSION,
                        'ct_mixformerv2_tiny_2l.py')
    model = build(altered(files.config), seed=1)
    aim_at_the_middle(model)
    save_tracker(model.state_dict(), files.teacher, student=False)
    return files


class TestCompression(CompressionTests):
    losses = ('loss_track_ciou', 'loss_track_l1', 'loss_guidance_ciou', 'loss_guidance_l1')

    def check_templates(self, templates):
        """The online template is another in each interval, and never the first."""
        encoded = encoded_anew(templates)
        assert len(encoded) == 1 + (LENGTH - 1) // INTERVAL
        assert all((crops[0] == encoded[0][0]).all() for crops in encoded)
        assert len({crops[1].tobytes() for crops in encoded}) == len(encoded)


# Training

def test_what_is_trained(files, trained):
    """All but the tables and the score head, from the teacher's weights on."""
    first, last = (state_of(trained / f'epoch_{i}.pth') for i in (1, 2))
    teacher = state_of(files.teacher)
    stayed = {name for name in last if name.startswith('student.')
              and torch.equal(first[name], last[name])}
    assert stayed == {f'student.{name}' for name in teacher
                      if 'score_head' in name or name.endswith(('pos_embed_t', 'pos_embed_s'))}
    assert all(torch.equal(last[name], teacher[name.removeprefix('student.')])
               for name in stayed)


def test_training_of_the_score_alone(files, tool, tmp_path):
    """From a file without score head: the rest stays as it is."""
    start = tmp_path / 'start.pth'
    save_teacher(start, altered(files.config, with_score=False))
    config = tmp_path / 'score.py'
    write_config(config, SCORE, 'mixformerv2_tiny.py', files.videos, start=str(start))
    done = tool('train.py', config, '--work-dir', tmp_path / 'work')
    assert (done.status, done.err) == (0, '')
    before, after = map(state_of, (start, tmp_path / 'work/epoch_2.pth'))
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
                '--cfg-options', 'train_cfg.max_epochs=1',
                'default_hooks.batch_picture.interval=0')
    assert (done.status, done.err) == (0, '')
    state = state_of(tmp_path / 'work/epoch_1.pth')
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
     "the student's head has 10, the teacher's 12; make head.bins agree, or leave out edge_kl, "),
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
