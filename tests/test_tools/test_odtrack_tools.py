"""ODTrack on the command line: trained, resumed, tested, exported, looked at, and refused."""
import json
import re

import cv2
import numpy as np
import pytest
import torch
from benchmarks.speed import step_times
from benchmarks.tracking import export, prepare
from benchmarks.training import CONTESTANTS, Step, noise
from mmengine.config import Config
from tiny import build, save_teacher, tracker
from tracker_tools import (
    BOX,
    DATA,
    LENGTH,
    CompressionTests,
    given_to,
    state_of,
    write_config,
    write_files,
)

from mmct import load_tracker
from mmct.checkpoint import save_tracker
from mmct.deploy import export_tracker
from mmct.runtime import Tracker, open_network, update_many
from mmct.runtime.frames import Frames
from mmct.runtime.templates import spread

COUNT = 3
OWN = DATA + """
head = dict(in_channels=16, channels=16)
"""
COMPRESSION = OWN + """
model = dict(
    teacher=dict(backbone=shape, head=head), student=dict(backbone=shape, head=head),
    teacher_checkpoint={teacher!r})
"""
ALONE = OWN + """
model = dict(backbone=dict(
    elimination=dict(layers=[1, 2], keep_ratio=[0.7, 0.7], template_range='GT_BOX'), **shape),
    head=head)
custom_hooks = [dict(type='IterationSeedHook'),
                dict(type='EliminationScheduleHook', keep_ratio=0.7, start=1, end=2)]
"""


def altered(config, role='teacher', **backbone) -> dict:
    """The teacher or the student of a config, with another backbone."""
    found = Config.fromfile(config).model[role].to_dict()
    found['backbone'].update(backbone)
    return found


@pytest.fixture(scope='module')
def files(tmp_path_factory, new_videos):
    files = write_files(tmp_path_factory.mktemp('odtrack'), new_videos, COMPRESSION,
                        'ct_odtrack_tiny_2l.py')
    model = build(altered(files.config), seed=1)
    with torch.no_grad():  # boxes about as large as targets are
        model.head.size[4].weight *= 0.1
        model.head.size[4].bias.fill_(-1.1)
    save_tracker(model.state_dict(), files.teacher, student=False)
    return files


class TestCompression(CompressionTests):
    losses = ('loss_track_focal', 'loss_track_giou', 'loss_track_l1', 'loss_guidance_giou',
              'loss_guidance_l1')

    def check_templates(self, templates):
        """1 … N + 1 of them."""
        counts = [len(crops) for crops, _ in templates]
        assert counts == [len(spread(frame, COUNT)) for frame in range(1, LENGTH)]
        assert set(counts) == {1, 2, 3, 4}


# Training

def test_what_is_trained(files, trained):
    """All of the student, from the teacher's weights on; two frames a clip."""
    first, last = (state_of(trained / f'epoch_{i}.pth') for i in (1, 2))
    teacher = state_of(files.teacher)
    tokens = [f'backbone.{name}' for name in ('cls_token', 'cls_pos_embed')]
    moved = {name for name in last if not torch.equal(first[name], last[name])}
    assert moved >= {f'student.{name}' for name in (
        *tokens, 'backbone.pos_embed_z', 'backbone.norm.weight', 'head.size.4.bias')}
    # The two only occur as a sum, and move alike from where the teacher's were.
    steps = [last[f'student.{name}'] - teacher[name] for name in tokens]
    torch.testing.assert_close(*steps, rtol=0.1, atol=1e-4)
    assert last['student.head.score.0.bn.num_batches_tracked'] == 2 * last['iteration']


def test_training_of_the_teacher(files, tool, tmp_path):
    """Alone, from scratch; with elimination by the boxes of all its templates."""
    config = tmp_path / 'alone.py'
    write_config(config, ALONE, 'odtrack_tiny.py', files.videos)
    done = tool('train.py', config, '--work-dir', tmp_path / 'work')
    assert (done.status, done.err) == (0, '')
    done = tool('test.py', config, tmp_path / 'work/epoch_2.pth', '--work-dir', tmp_path / 'test',
                '--json', tmp_path / 'found.json')
    assert (done.status, done.err) == (0, '')
    assert json.loads((tmp_path / 'found.json').read_text())['sot/failed_sequences'] == 0


# Exported files

def test_memory_of_another_shape(files, student, tmp_path):
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    network = open_network(
        export_tracker(load_tracker(files.config, student), tmp_path / 'student.onnx').path)
    encoded = network.encode(np.zeros((2, 32, 32, 3), np.uint8), np.zeros((2, 4), np.float32))
    crops = np.zeros((1, 64, 64, 3), np.uint8)
    with pytest.raises(ValueError, match=r'the memory has the shape \(1, 1, 24\), this network '
                       r'hands on \(1, 1, 16\); give the next_memory of its own last step'):
        network.step([encoded], crops, [np.zeros((1, 1, 24), np.float32)])


def test_several_targets_with_other_numbers_of_templates(files, student):
    """Of one network: in batches of those that have as many, as each alone."""
    frames, network = list(Frames(files.frames)), Tracker(files.config, student).network
    starts = {0: BOX, 2: (24., 18., 12., 10.), 3: (10., 30., 16., 12.)}
    alone = {}
    for start, box in starts.items():
        follower = Tracker(network)
        follower.init(frames[start], box)
        alone[start] = [follower.update(frame)[0] for frame in frames[start + 1:12]]
    together, found = {}, {start: [] for start in starts}
    for i, frame in enumerate(frames[:12]):
        answers = update_many(list(together.values()), frame)
        for start, (box, _) in zip(together, answers, strict=True):
            found[start].append(box)
        if i in starts:
            together[i] = Tracker(network)
            together[i].init(frame, starts[i])
    for start, boxes in alone.items():
        np.testing.assert_allclose(found[start], boxes, rtol=0, atol=1e-3)


def test_int8_is_calibrated_on_any_number_of_templates(files, student, tool, tmp_path):
    pytest.importorskip('nncf', reason='the extra deploy is not installed')
    done = tool('export.py', files.config, student, tmp_path / 'int8.onnx', '--precision', 'int8',
                '--calibration', files.frames, '--box', '20,15,12,10', '--samples', 4,
                '--bias-correction', 'fast')
    # So few crops and so narrow a network may be too coarse; the error says so.
    assert done.status == 0 or 'does not do what the tracker does' in done.err, done.err


def test_a_file_holds_the_settings_it_was_exported_with(files, student, tmp_path, refuse):
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    file = tmp_path / 'student.onnx'
    export_tracker(load_tracker(files.config, student), file)
    line = refuse('test.py', file, changes=['model.student.test_cfg.templates.count=5'])
    assert line == ('error: the file is not of the tracker of this config: template policy '
                    'SpreadHistory(count=3), not SpreadHistory(count=5)')


def test_exported_file_of_an_ostrack(tmp_path, refuse):
    """Of the same crops, so that only its kind tells."""
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    file, config = tmp_path / 'ostrack.onnx', tmp_path / 'ostrack.py'
    config.write_text(f"custom_imports = dict(imports=['mmct'])\nmodel = {tracker()}\n")
    export_tracker(load_tracker(config, save_teacher(tmp_path / 'ostrack.pth')), file)
    line = refuse('test.py', file)
    assert 'error: the file is not of the tracker of this config: memory (0, 0), not (1, 16)' in \
        line


# A look at it

def test_division_by_groups(files, tool, tmp_path):
    done = tool('analyze_stages.py', files.config, files.teacher, '--stages', 2, '--samples', 2,
                '--batch-size', 2, '--groups', 'query', 'search', '--out', tmp_path)
    assert (done.status, done.err) == (0, '')


def test_search_of_a_student(files, tool, tmp_path):
    """What it writes can be trained, here with smaller crops and narrower than the teacher."""
    done = tool('search_student.py', files.config, '--budget-ms', 1e6, '--layers', 2,
                '--width', 8, '--mlp-ratio', 1, '--search-size', 32, 64, '--steps', 1,
                '--threads', torch.get_num_threads(), '--out', tmp_path)
    assert done.status == 0, done.err
    assert '4 of 4 students take at most 1e+06 ms' in done.out
    assert cv2.imread(str(tmp_path / 'latency.png')).std() > 10
    config = tmp_path / 'ct_2l_w8_mlp1_transformer_32.py'
    done = tool('train.py', config, '--work-dir', tmp_path / 'work',
                '--cfg-options', 'train_cfg.max_epochs=1',
                'default_hooks.batch_picture.interval=0')
    assert (done.status, done.err) == (0, '')
    state = state_of(tmp_path / 'work/epoch_1.pth')
    assert state['student.backbone.cls_token'].shape == (1, 1, 8)
    assert state['student.backbone.pos_embed_x'].shape == (1, 4, 8)


def test_steps_are_timed_with_as_many_templates_as_in_a_long_video(files, tmp_path):
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    contestants = prepare(Config.fromfile(files.config), 'tiny', None, tmp_path,
                          [('torch', 'fp32'), ('onnxruntime', 'fp32')])
    frames = np.zeros((3, 90, 120, 3), np.uint8)
    for contestant in contestants:
        if contestant.exported:
            list(export(contestant))
        follower = contestant.tracker(1)
        given = given_to(follower.network)
        assert step_times(follower, frames, BOX).shape == (2, 3)
        assert len(given[-1][0]) == COUNT + 1
    macs = {contestant.role: contestant.cost.macs.step for contestant in contestants}
    # Two layers are all that differs; four templates have four tokens each.
    tokens, width = 1 + 4 * 4 + 16, 16
    layer = tokens * 12 * width**2 + 2 * tokens**2 * width
    assert macs['teacher'] - macs['student'] == 2 * layer


def test_training_is_timed_on_clips(files):
    config = Config.fromfile(files.config)
    clip = noise(config, 2)
    assert (clip.templates.shape[:2], clip.searches.shape[:2]) == ((2, 3), (2, 2))
    jobs = {c.name: Step(c, config.model.to_dict(), files.teacher) for c in CONTESTANTS
            if c.name in ('published', 'mmct', 'student alone')}
    losses = {name: job.run(clip, [True, False]) for name, job in jobs.items()}
    assert losses['published'] == pytest.approx(losses['mmct'], rel=1e-4)
    assert 0 < losses['student alone'] < losses['mmct']


# What does not fit

@pytest.mark.parametrize(('change', 'message'), [
    ({'depth': 6}, 'layers: 6, the teacher of the config: 4'),
    ({'template_size': 48}, 'template tokens (template_size): 9, the teacher of the config: 4'),
    ({'search_size': 48}, 'search tokens (search_size): 9, the teacher of the config: 16'),
])
def test_teachers_of_another_shape(files, tmp_path, refuse, change, message):
    file = save_teacher(tmp_path / 'other.pth', altered(files.config, **change))
    line = refuse('train.py', changes=[f'model.teacher_checkpoint={file}'])
    assert line.startswith(f'error: teacher checkpoint {file} has {message}')


def test_students_of_another_shape(files, tmp_path, refuse):
    line = refuse('test.py', files.teacher)
    assert f'{files.teacher} has layers: 4, the tracker of the config: 2' in line
    plain = tracker(width=16, depth=2)
    file = save_teacher(tmp_path / 'ostrack.pth', plain)
    line = refuse('test.py', file)
    assert f"{file} has no: ['backbone.cls_pos_embed', 'backbone.cls_token'], the tracker of" in \
        line


@pytest.mark.parametrize(('change', 'message'), [
    ('train_dataloader.dataset.pipeline.3.size=[48,64]',
     'template crops are (48, 48) pixels, the backbone takes template_size=32'),
    ('train_dataloader.dataset.pipeline.3.size=[32,48]',
     'search crops are (48, 48) pixels, the backbone takes search_size=64'),
    ('model.student.backbone.search_size=60', 'search_size=60 is not a positive multiple'),
    ("model.student.backbone.attention='both'",
     "attention='both' is not one of ('concat', 'separate')"),
    ('train_dataloader.dataset.sampling.num_searches=9',
     'fewer than 20 frames or 25 visible ones; give longer videos, or the sampling shorter clips '
     'than of 12 frames'),
    ('train_dataloader.dataset.sampling.num_templates=0', 'sampling.num_templates=0 must be in'),
    ('train_dataloader.dataset.sampling.type=trident',
     "sampling.num_templates: 'trident' has no such setting; it has ['max_gap']"),
    ('model.student.test_cfg.templates.count=0', 'SpreadHistory: count=0 must be in [1, 64]'),
    ('model.student.test_cfg.templates=Fixed', "template policy 'Fixed' must be a dict"),
])
def test_configs_that_do_not_fit(refuse, change, message):
    assert message in refuse('train.py', changes=change.split())


def test_elimination_with_separate_attention(files, tmp_path, refuse):
    config = tmp_path / 'separate.py'
    config.write_text(f"""
_base_ = {str(files.config)!r}
model = dict(student=dict(backbone=dict(
    attention='separate', elimination=dict(layers=[1], keep_ratio=[0.7]))))
""")
    assert "attention='separate' has none; leave out elimination, or set attention='concat'" in \
        refuse('train.py', config=config)


def test_template_boxes_that_cover_no_token(files, tmp_path, refuse):
    """Cut so wide that the target is a point, in each of the templates."""
    config = tmp_path / 'config.py'
    write_config(config, ALONE.replace('factor=[2, 4]', 'factor=[60, 4]'), 'odtrack_tiny.py',
                 files.videos)
    line = refuse('train.py', config=config)
    assert re.search(r'template box \[.*\], \[.*\], \[.*\] \(x, y, w, h in pixels of the template '
                     r'crop\) covers no token; elimination.template_range="GT_BOX" needs', line)
