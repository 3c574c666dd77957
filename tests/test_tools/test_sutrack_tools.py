"""SUTrack on the command line: trained, resumed, tested, exported, looked at, and refused."""
import json

import pytest
import torch
from clip_part import with_clip
from mmengine.config import Config
from tiny import build, save_teacher
from tracker_tools import DATA, LENGTH, CompressionTests, encoded_anew, state_of, write_files

from mmct import load_tracker
from mmct.checkpoint import read_checkpoint, save_checkpoint
from mmct.deploy import export_tracker
from mmct.runtime import Tracker

INTERVAL = 4
CONFIG = DATA + f"""
head = dict(in_channels=16, channels=16)
# Whatever the score of an untrained head, an interval ends with a new template.
tracking = dict(templates=dict(interval={INTERVAL}, threshold=0.))
""" + """
model = dict(
    teacher=dict(backbone=shape, head=head, test_cfg=tracking),
    student=dict(backbone=shape, head=head, test_cfg=tracking),
    teacher_checkpoint={teacher!r})
"""


def altered(config, role='teacher', head=(), **backbone) -> dict:
    """The teacher or the student of a config, with other settings."""
    found = Config.fromfile(config).model[role].to_dict()
    found['backbone'].update(backbone)
    found['head'].update(head)
    return found


def stay_in_the_middle(model) -> None:
    """Make that the box is about the middle quarter of the search crop, so that the target keeps
    its size and stays in the frame."""
    with torch.no_grad():
        for branch, bias in ((model.head.score, 0.), (model.head.offset, 0.5),
                             (model.head.size, -1.0986)):
            branch[4].weight *= 0.05
            branch[4].bias.fill_(bias)


@pytest.fixture(scope='module')
def files(tmp_path_factory, new_videos):
    # Of 5 × 5 cells one is in the middle. The teacher's file is a released one.
    files = write_files(tmp_path_factory.mktemp('sutrack'), new_videos, CONFIG,
                        'ct_sutrack_tiny_2l.py', 'teacher.pth.tar', search=80, jitter=3.5,
                        crop='keep_padding=True, stretched=True')
    model = build(altered(files.config), seed=1)
    stay_in_the_middle(model)
    save_checkpoint({'net': with_clip(model)}, files.teacher)
    return files


class TestCompression(CompressionTests):
    losses = ('loss_track_focal', 'loss_track_giou', 'loss_track_l1', 'loss_track_task',
              'loss_guidance_giou', 'loss_guidance_l1')
    in_one_size = rounded = True

    def check_templates(self, templates):
        """A new one at the end of each interval; the first stays."""
        encoded = encoded_anew(templates)
        assert len(encoded) == 1 + (LENGTH - 1) // INTERVAL
        assert all((crops[0] == encoded[0][0]).all() for crops in encoded)
        assert len({crops[1].tobytes() for crops in encoded}) == len(encoded)


# Training

def test_what_is_trained(files, trained, tool, tmp_path):
    """All but the text feature, from the teacher's weights on."""
    first, last = (state_of(trained / f'epoch_{i}.pth') for i in (1, 2))
    converted = tmp_path / 'teacher.pth'
    assert tool('convert_weights.py', files.teacher, converted).status == 0
    teacher = state_of(converted)
    stayed = {name for name in last if name.startswith('student.')
              and torch.equal(first[name], last[name])}
    assert stayed == {'student.backbone.text.feature'}
    assert torch.equal(last['student.backbone.text.feature'], teacher['backbone.text.feature'])
    assert teacher['backbone.text.feature'].any()


def test_a_tracker_alone_without_task(files, tool, tmp_path):
    """From the released file, of which the task head is left over."""
    config = tmp_path / 'tracker.py'
    text = files.config.read_text().replace('ct_sutrack_tiny_2l.py', 'sutrack_tiny.py')
    text = text[:text.index('model = dict(')] + """
model = dict(backbone=shape, head=dict(with_task=False, **head), test_cfg=tracking)
"""
    config.write_text(f'{text}load_from = {str(files.teacher)!r}\n')
    done = tool('train.py', config, '--work-dir', tmp_path / 'work')
    assert done.status == 0, done.err
    state = state_of(tmp_path / 'work/epoch_2.pth')
    assert not [name for name in state if 'task' in name]
    before = build(altered(files.config), seed=1).state_dict()
    moved = (state['backbone.coarse.0.fc1.weight'] - before['backbone.coarse.0.fc1.weight']).abs()
    assert 0 < moved.max() < 0.01


# Exported files

def test_a_file_holds_the_settings_it_was_exported_with(files, student, tmp_path, refuse):
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    file = tmp_path / 'student.onnx'
    export_tracker(load_tracker(files.config, student), file)
    info = Tracker(file).network.info
    assert (info.stretched_boxes, info.score, info.head) == (True, 'windowed', 'center')
    line = refuse('test.py', file, changes=['model.student.test_cfg.templates.interval=9'])
    own, others = (f'RecentConfident(copies=2, interval={interval}, threshold=0.0)'
                   for interval in (INTERVAL, 9))
    assert line == (f'error: the file is not of the tracker of this config: template '
                    f'policy {own}, not {others}')


@pytest.mark.parametrize('suffix', ['.onnx', '.xml'])
def test_fewer_bits(files, student, tool, tmp_path, suffix):
    pytest.importorskip('nncf', reason='the extra deploy is not installed')
    # An untrained head's scores are nearly alike, and int8 has another cell win. Of scores that are
    # all alike the first wins in any precision, and the boxes there are compared.
    state = state_of(student)
    state['head.score.4.weight'].zero_()
    flat = tmp_path / 'flat.pth'
    save_checkpoint({'state_dict': state}, flat)
    for precision in ('fp16', 'int8'):
        file = tmp_path / f'{precision}{suffix}'
        done = tool('export.py', files.config, flat, file, '--precision', precision,
                    *(['--samples', 2] if precision == 'int8' else []))
        assert done.status == 0, done.err
        assert Tracker(file).network.info.precision == precision


# A look at it

def test_division_by_groups(files, tool, tmp_path):
    done = tool('analyze_stages.py', files.config, files.teacher, '--stages', 2, '--samples', 2,
                '--batch-size', 2, '--groups', 'template', 'search', '--out', tmp_path)
    assert (done.status, done.err) == (0, '')


def test_search_of_a_student(files, tool, tmp_path):
    """What it writes can be trained, here with smaller crops and narrower than the teacher."""
    done = tool('search_student.py', files.config, '--budget-ms', 1e6, '--layers', 2,
                '--width', 8, '--mlp-ratio', 1, '--search-size', 48, 80, '--steps', 1,
                '--threads', torch.get_num_threads(), '--out', tmp_path)
    assert done.status == 0, done.err
    assert '2 of 2 students take at most 1e+06 ms' in done.out
    assert sorted(path.name for path in tmp_path.glob('*.py')) == [
        'ct_2l_w8_mlp1_48.py', 'ct_2l_w8_mlp1_80.py']
    done = tool('train.py', tmp_path / 'ct_2l_w8_mlp1_48.py', '--work-dir', tmp_path / 'work',
                '--cfg-options', 'train_cfg.max_epochs=1',
                'default_hooks.batch_picture.interval=0')
    assert (done.status, done.err) == (0, '')
    state = state_of(tmp_path / 'work/epoch_1.pth')
    assert state['student.backbone.pos_embed'].shape == (1, 10, 8)
    assert state['student.backbone.layers.1.mlp.gate.weight'].shape == (8, 8)
    assert state['student.backbone.coarse.0.fc1.weight'].shape == (6, 2, 1, 1)


def test_benchmark(files, student, tool, in_one_process, tmp_path):
    pytest.importorskip('openvino', reason='the extra deploy is not installed')
    done = tool('benchmark.py', files.config, student, '--rows', 'full:fp32', 'torch:fp32',
                'openvino:fp32', '--steps', 2, '--threads', torch.get_num_threads(), '--json',
                tmp_path / 'rows.json')
    assert done.status == 0, done.err
    rows = {(row['role'], row['backend']): row
            for row in json.loads((tmp_path / 'rows.json').read_text())['rows']}
    assert len(rows) == 8
    for role in ('teacher', 'student'):
        cached, full = rows[role, 'torch'], rows[role, 'full']
        # Templates are cached after the coarse part, which is all that encoding them takes.
        assert cached['encode_macs'] > 0
        assert cached['macs'] + cached['encode_macs'] <= full['macs']
    assert rows['student', 'torch']['macs'] < rows['teacher', 'torch']['macs']


# What does not fit

@pytest.mark.parametrize(('change', 'message'), [
    ({'depth': 6}, 'layers: 6, the teacher of the config: 4'),
    ({'embed_dims': 32, 'head': {'in_channels': 32}},
     'embed_dims: 32, the teacher of the config: 16'),
    ({'template_size': 48, 'search_size': 64},
     'tokens of a search crop and a template (search_size, template_size): 25, the teacher of the '
     'config: 29'),
    ({'mlp_ratio': 2}, 'hidden width of MLPs (mlp_ratio): 32, the teacher of the config: 48'),
    ({'text_dims': 8}, 'text_dims: 8, the teacher of the config: 16'),
    ({'coarse_depths': [2, 1]},
     'convolutional blocks and merges (coarse_depths): 5, the teacher of the config: 4'),
    ({'head': {'channels': 32}}, 'shape of head.'),
    ({'head': {'with_task': False}}, "no: ['head.task_head.0.bias', "),
])
def test_teachers_of_another_shape(files, tmp_path, refuse, change, message):
    file = save_teacher(tmp_path / 'other.pth', altered(files.config, **change))
    line = refuse('train.py', changes=[f'model.teacher_checkpoint={file}'])
    assert line.startswith(f'error: teacher checkpoint {file} has {message}')


def test_student_of_another_shape(files, refuse):
    line = refuse('test.py', files.teacher)
    assert f'{files.teacher} has layers: 4, the tracker of the config: 2' in line


def test_released_files_without_clip(files, tmp_path, refuse):
    content = read_checkpoint(files.teacher)
    for key in [key for key in content['net'] if key.startswith('text_encoder.clip.')]:
        del content['net'][key]
    file = tmp_path / 'stripped.pth.tar'
    torch.save(content, file)
    line = refuse('train.py', changes=[f'model.teacher_checkpoint={file}'])
    assert line == (
        f"error: {file} lacks text_encoder.clip.token_embedding.weight: SUTrack's text token is "
        'computed from the CLIP that released files hold; give the file as it was given out')


def test_released_files_in_half_precision(files, tool, tmp_path):
    content = read_checkpoint(files.teacher)
    file = tmp_path / 'half.pth.tar'
    torch.save({'net': {key: value.half() if value.is_floating_point() else value
                        for key, value in content['net'].items()}}, file)
    out = tmp_path / 'mmct.pth', tmp_path / 'whole.pth'
    for source, target in zip((file, files.teacher), out, strict=True):
        assert tool('convert_weights.py', source, target).status == 0
    half, whole = (state_of(target) for target in out)
    assert half.keys() == whole.keys()
    assert all(value.dtype in (torch.float32, torch.int64) for value in half.values())
    for key, value in whole.items():
        torch.testing.assert_close(half[key], value, rtol=2e-3, atol=2e-3)


def test_back_to_released_needs_the_released_file(files, student, tool, tmp_path):
    out = tmp_path / 'released.pth.tar'
    done = tool('convert_weights.py', student, out, '--to', 'released')
    assert (done.status, done.err) == (
        2, f'error: released files of the kind of {student} hold more than mmct keeps '
        '(text_encoder.*); name the released file that it came from, --released FILE\n')
    other = tmp_path / 'other.pth.tar'
    save_checkpoint({'net': with_clip(build(altered(files.config)), seed=5)}, other)
    done = tool('convert_weights.py', student, out, '--to', 'released', '--released', other)
    assert (done.status, done.err) == (
        2, f'error: {student} did not come from {other}: its backbone.text.feature is another; '
        'name the released file that it came from, --released FILE\n')
    done = tool('convert_weights.py', student, out, '--released', other)
    assert (done.status, done.err) == (
        2, 'error: --released is for --to released; leave it out\n')
    assert not out.exists()


@pytest.mark.parametrize(('change', 'message'), [
    ('train_dataloader.dataset.pipeline.3.size=[48,64]',
     'template crops are (48, 48) pixels, the backbone takes template_size=32'),
    ('train_dataloader.dataset.pipeline.3.size=[32,48]',
     'search crops are (48, 48) pixels, the backbone takes search_size=80'),
    ('model.student.backbone.search_size=60', 'search_size=60 is not a positive multiple'),
    ('model.student.backbone.embed_dims=18 model.student.head.in_channels=18',
     'embed_dims=18 of a FastITPN must be a multiple of 4'),
    ('model.student.backbone.coarse_depths=[1]', 'coarse_depths=[1] must be a list of 2 values'),
    ('model.student.head.task=5', 'task=5 must be in [0, 5)'),
    ('train_dataloader.dataset.sampling.num_templates=0',
     'sampling.num_templates=0 must be in [1, 64], a whole number'),
    ('model.student.test_cfg.templates.interval=0',
     'template policy RecentConfident: interval=0 must be in [1, inf), a whole number'),
    ('model.mimic_loss.groups=[prediction]', "no token group 'prediction'; there are "
     "['cls', 'search', 'template', 'text']"),
])
def test_configs_that_do_not_fit(refuse, change, message):
    assert message in refuse('train.py', changes=change.split())
