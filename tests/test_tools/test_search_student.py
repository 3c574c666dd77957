import re

import cv2
import numpy as np
import pytest
import torch
from commands import ROOT, run_tool
from tiny import build, save_teacher, tracker

import mmct  # noqa: F401  before MMTracking

# isort: split
from analysis.student_search import (
    Shape,
    default_choices,
    grid,
    measure,
    student_config,
    template_size,
)
from benchmarks.complexity import count_macs
from benchmarks.speed import step_times
from mmengine.config import Config
from mmtrack.registry import MODELS, TRANSFORMS
from toy import toy_student, toy_teacher

from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker

# The demo's teacher has a single head, of which no student may have a half.
CONFIG = f"""
_base_ = {str(ROOT / 'configs/demo/ct_ostrack_tiny_4l.py')!r}
tracker = dict(backbone=dict(embed_dims=64, num_heads=2), head=dict(in_channels=64))
model = dict(teacher=tracker, student=tracker)
"""


@pytest.fixture
def search(tmp_path_factory):
    """Search among students of a teacher of two heads, 64 wide."""
    config = tmp_path_factory.mktemp('config') / 'config.py'
    config.write_text(CONFIG)

    threads = torch.get_num_threads()
    yield lambda folder, *options: run_tool(
        'search_student.py', config, '--out', folder, '--steps', 2, '--threads', 1, '--width', 32,
        '--mlp-ratio', 1, 2, *options)
    torch.set_num_threads(threads)


def test_students_within_the_budget_are_ready_configs(search, tmp_path):
    done = search(tmp_path, '--budget-ms', 1e6, '--layers', 2, 5, '--block', 'SeparableBlock',
                  '--search-size', 128, 192, '--top', 5)
    assert done.status == 0, done.err
    assert '8 of 8 students take at most 1e+06 ms' in done.out
    rows = re.findall(r'\| (\d)l_w32_mlp(\d)_separable_(\d+) *\| *([\d.e-]+)', done.out)
    assert len(rows) == 8
    macs = [float(row[3]) for row in rows]
    assert macs == sorted(macs, reverse=True)
    configs = sorted(tmp_path.glob('ct_*.py'))
    assert len(configs) == 5
    assert cv2.imread(str(tmp_path / 'latency.png')).std() > 10
    for path in configs:
        config = Config.fromfile(path)
        layers, ratio, size = map(int, re.match(r'ct_(\d)l_w32_mlp(\d)_separable_(\d+)',
                                                path.stem).groups())
        assert config.custom_imports == {'imports': ['mmct']}
        config.model.teacher_checkpoint = str(
            save_teacher(tmp_path / 'teacher.pth', config.model.teacher))
        model = MODELS.build(config.model)
        model.build_teacher()
        backbone = model.student.backbone
        assert (len(backbone.layers), sum(backbone.division)) == (layers, 12)
        assert (backbone.embed_dims, backbone.search_size, backbone.template_size) == (
            32, size, size // 2)
        assert backbone.layers[0].mlp.fc1.out_features == 32 * ratio
        step = count_macs(model.student).step
        assert f'{step / 1e9:.3g} GMACs' in path.read_text().split('\n')[0]
        train, val = (next(step for step in loader.dataset.pipeline if step.type == 'CropPair')
                      for loader in (config.train_dataloader, config.val_dataloader))
        assert train.get('student_size', train.size) == [size // 2, size] == val.size
        TRANSFORMS.build(train)


def test_no_student_within_the_budget(search, tmp_path):
    done = search(tmp_path, '--budget-ms', 1e-3, '--layers', 2, '--block', 'TransformerBlock',
                  '--search-size', 128)
    assert done.status == 2
    assert re.search(r'no student within 0.001 ms: the fastest of the grid, 2l_w32_mlp\d_'
                     r'transformer_128, takes .* ms; raise --budget-ms', done.err)
    assert (tmp_path / 'latency.png').is_file()


@pytest.mark.parametrize(('options', 'message'), [
    (('--layers', 13), 'layers=13: the teacher has 1 to 12'),
    (('--width', 40), 'width=40 is not a multiple of 32'),
    (('--search-size', 120), 'search size 120 must be a multiple of the patch size 16'),
    (('--budget-ms', 0), '--budget-ms 0 must be positive'),
    (('--block', 'NoSuchBlock'), 'block=NoSuchBlock is not a registered layer'),
    (('--threads', 0), "argument --threads: expected a whole number from 1 on, got '0'"),
    (('--top', -1), "argument --top: expected a whole number from 1 on, got '-1'"),
])
def test_what_cannot_be_searched(search, tmp_path, options, message):
    done = search(tmp_path, '--budget-ms', 10, *options)
    assert (done.status, done.out) == (2, '')
    assert message in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('change', [{'layers': [4, 3]}, {'block': ['SeparableBlock']}])
def test_students_that_cannot_eliminate_candidates(change):
    config = Config.fromfile(ROOT / 'configs' / 'ct_ostrack_4l_ce.py')
    choices = {**default_choices(config), 'layers': [4, 6], 'block': ['TransformerBlock']}
    assert grid(config, choices)
    with pytest.raises(ValueError, match=(
            r'eliminates candidates in layers \[1, 2, 3\], from 0, of TransformerBlock; give '
            '--layers from 4 on and --block TransformerBlock, or a config without elimination')):
        grid(config, {**choices, **change})


def test_a_tracker_is_no_compression(tmp_path):
    done = run_tool('search_student.py', ROOT / 'configs' / 'ostrack_256.py', '--budget-ms', 9)
    assert 'ostrack_256.py is not the config of a compression: its model is OSTrack' in done.err


def test_default_grid_of_the_full_size():
    config = Config.fromfile(ROOT / 'configs' / 'ct_ostrack_4l.py')
    choices = default_choices(config)
    assert choices == {'layers': [2, 3, 4, 6], 'width': [384, 576, 768], 'mlp_ratio': [1., 2., 4.],
                       'block': ['TransformerBlock', 'SeparableBlock'], 'search_size': [256, 224]}
    shapes = grid(config, choices)
    assert len(shapes) == 144
    plain, = (s for s in shapes if s.name == '4l_w768_mlp4_transformer_256')
    same = student_config(config, plain)
    backbone = same.model.student.backbone
    assert (backbone.pop('block'), backbone.pop('mlp_ratio')) == ({'type': 'TransformerBlock'}, 4)
    assert backbone.division == [3, 3, 3, 3]
    backbone.division = 4
    assert same.model.to_dict() == config.model.to_dict()


def test_students_of_another_kind_of_tracker():
    """What its backbone has no argument for stays as it is."""
    model = {'type': 'ReplacementDistiller', 'teacher': toy_teacher(), 'student': toy_student()}
    config = Config({'model': model})
    choices = default_choices(config)
    assert choices == {'layers': [1, 2], 'width': [8, 12, 16], 'mlp_ratio': [None],
                       'block': [None], 'search_size': [None]}
    shapes = grid(config, choices)
    assert [shape.name for shape in shapes][:2] == ['1l_w8', '1l_w12']
    found = student_config(config, shapes[0]).model.student
    assert found.backbone == {**model['student']['backbone'], 'division': [4], 'embed_dims': 8}
    assert found.head.in_channels == 8
    tracker = MODELS.build(found)
    assert (len(tracker.backbone.layers), tracker.backbone.embed_dims) == (1, 8)
    students = measure({shape: student_config(config, shape).model.student
                        for shape in shapes[:2]}, 1, rounds=1)
    assert students[0].macs < students[1].macs
    with pytest.raises(ValueError, match=r'^block=TransformerBlock: a StageDividedToyViT has no b'):
        grid(config, {**choices, 'block': ['TransformerBlock']})


def test_template_sizes_are_whole_patches():
    config = Config.fromfile(ROOT / 'configs' / 'ct_ostrack_4l.py')
    config.model.teacher.backbone.search_size = 288
    shapes = grid(config, {**default_choices(config), 'search_size': [288, 256, 224]})
    assert {(shape.search_size, template_size(config, shape)) for shape in shapes} == {
        (288, 128), (256, 112), (224, 96)}


def test_steps_of_a_deeper_tracker_take_longer():
    frames = [np.full((90, 120, 3), 128, np.uint8)] * 16
    times = [step_times(Tracker(TorchNetwork(build(tracker(depth=depth)).eval())), frames,
                        (40, 30, 20, 20)) for depth in (1, 12)]
    assert times[0].shape == (15, 3)
    shallow, deep = (np.median(own.sum(axis=1)) for own in times)
    assert 0 < shallow < deep


@pytest.mark.parametrize(('size', 'factors'), [
    (128, [1., 2.]), (160, [1.5, 2.5]), (192, [1.5, 3.]), (224, [2., 3.5]), (256, [2., 4.])])
def test_students_that_see_the_middle_keep_the_size_of_pixels(size, factors, tmp_path):
    config = Config.fromfile(ROOT / 'configs/ct_vittrack_fast.py')
    own = student_config(config, Shape(3, None, None, None, size))
    train, val = (next(step for step in loader.dataset.pipeline if step.type == 'CropPair')
                  for loader in (own.train_dataloader, own.val_dataloader))
    assert val.factor == factors == [own.model.student.test_cfg[f'{kind}_factor']
                                     for kind in ('template', 'search')]
    assert val.size == [64 * factors[0], size] == train.get('student_size', train.size)
    assert train.get('student_factor') == (None if size == 256 else factors)
    TRANSFORMS.build(train)
    model = own.model
    model.teacher_checkpoint = str(save_teacher(tmp_path / 'teacher.pth', model.teacher))
    model = MODELS.build(model)
    model.build_teacher()
    assert model.bridge.share == (None if size == 256 else size / 256)


@pytest.mark.parametrize('size', [144, 208, 288])
def test_students_that_do_not_see_the_middle(size):
    config = Config.fromfile(ROOT / 'configs/ct_vittrack_fast.py')
    with pytest.raises(ValueError, match=f'size {size}: .* 256 pixels or a multiple of 32 less'):
        grid(config, {**default_choices(config), 'search_size': [size]})
