"""Every config: that it can be read, built and trained, and that the recipes are the paper's."""
import copy
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from cli import DATASETS, runner_config, runner_parser
from mmengine.config import Config, ConfigDict
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from tiny import HOOKS, METRICS, MODELS, TRANSFORMS, build, packed_pairs, same_weights, two_sizes

from mmct.checkpoint import save_tracker
from mmct.datasets.sampling import make_sampling
from mmct.models.distillers import ReplacementDistiller
from mmct.models.structures import Clip

CONFIGS = Path(__file__).parents[1] / 'configs'
NAMES = sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob('*.py')
               if '_base_' not in path.parts)
TRACK = {'loss_track_focal', 'loss_track_giou', 'loss_track_l1'}
GUIDANCE = {'loss_guidance_giou', 'loss_guidance_l1'}
MIMIC = {'loss_mimic'}
TASK_TRACK = TRACK | {'loss_track_task'}
EDGE_TRACK = {'loss_track_ciou', 'loss_track_l1'}  # edges have no score map
EDGE_GUIDANCE = {'loss_guidance_ciou', 'loss_guidance_l1'}
# What students do not share with their teachers.
OTHERS = {f'{base}_{kind}.py': keys for base, kind, keys in (
    ('ct_ostrack_4l', 'w384', {'embed_dims', 'num_heads'}),
    ('ct_ostrack_4l', '224', {'template_size', 'search_size'}),
    ('ct_vittrack', 'fast', {'template_size', 'search_size'}),
    ('ct_mixformerv2', 'm_s', {'mlp_ratio'}), ('ct_ostrack_4l', 'mlp1x', {'mlp_ratio'}),
    ('demo/ct_ostrack_tiny_4l', 'mlp1x', {'mlp_ratio'}),
    ('demo/ct_ostrack_tiny_4l', 'w32', {'embed_dims'}),
    ('ct_ostrack_4l', 'ce', {'elimination'}), ('demo/ct_ostrack_tiny_4l', 'ce', {'elimination'}),
    ('demo/ct_ostrack_tiny_4l', '128', {'template_size', 'search_size'}))}


@cache
def parsed(name) -> Config:
    return Config.fromfile(CONFIGS / name)


def read(name) -> Config:
    """A config that may be changed."""
    return copy.deepcopy(parsed(name))


def compressions(config) -> bool:
    return config.model.type == 'ReplacementDistiller'


def trackers(config) -> list:
    """The configs of the networks of a config."""
    if compressions(config):
        return [config.model.teacher, config.model.student]
    return [config.model]


def narrow(config):
    """The same config with a teacher that is 24 wide, in place."""
    whole = trackers(config)[0].backbone.embed_dims
    for tracker in trackers(config):
        width = 24 * tracker.backbone.embed_dims // whole
        small = {'embed_dims': width, 'num_heads': 2, 'in_channels': width, 'channels': 32}
        for part in (tracker.backbone, tracker.head):
            part.update({key: value for key, value in small.items() if key in part})
    return config


def crop_sizes(tracker) -> tuple:
    """Sides of template and search."""
    return tracker.backbone.template_size, tracker.backbone.search_size


class Run:
    """What hooks see of a runner at the start of a training."""

    def __init__(self, config, model):
        self.model, self.seed, self.iter, self.epoch = model, 0, 0, 0
        self.max_epochs, self.train_loop, self.cfg = config.train_cfg.max_epochs, None, config


def one_step(config, folder):
    """The first training step; gives the model, what was logged, and what was trained."""
    narrow(config)
    if compressions(config):
        save_tracker(build(config.model.teacher).state_dict(), folder / 'teacher.pth', False)
        config.model.teacher_checkpoint = str(folder / 'teacher.pth')
    torch.manual_seed(0)
    model = MODELS.build(config.model).train()
    wrapper = build_optim_wrapper(model, ConfigDict(config.optim_wrapper))
    run = Run(config, model)
    for cfg in config.custom_hooks:
        hook = HOOKS.build(cfg)
        for event in ('before_train', 'before_train_epoch', 'before_train_iter'):
            args = (0, ) if event.endswith('iter') else ()
            getattr(hook, event)(run, *args)
    size, other = (crop_sizes(trackers(config)[i]) for i in (0, -1))
    data = packed_pairs(2, *size)
    sampling = make_sampling(config.train_dataloader.dataset.get('sampling', {'type': 'pair'}))
    as_clips(data, sampling.num_templates, sampling.num_searches, sampling.negatives)
    if other != size:
        own = packed_pairs(2, *other)
        as_clips(own, sampling.num_templates, sampling.num_searches, sampling.negatives)
        data = two_sizes(data, own)
    if compressions(config):
        model.build_teacher()  # so that what the step itself changes can be told
    before = {name: value.clone() for name, value in model.named_parameters()}
    logged = model.train_step(data, wrapper)
    trained = {name for name, value in model.named_parameters()
               if not torch.equal(value, before[name])}
    assert all(value.isfinite() for value in logged.values())
    return model, logged, trained


def as_clips(data, templates, searches, labels) -> None:
    """Make clips of pairs, in place, each template and search frame as often as asked for; one with
    the target, the others without if there are labels."""
    clip = data['inputs']['clip']
    data['inputs']['clip'] = Clip(
        clip.templates.repeat(1, templates, 1, 1, 1), clip.template_boxes.repeat(1, templates, 1),
        clip.searches.repeat(1, searches, 1, 1, 1), clip.gt_boxes.repeat(1, searches, 1),
        torch.tensor([[1.], [0.]]) if labels else None)


def scalars(model) -> set:
    """What a step logs beside its losses."""
    if not isinstance(model, ReplacementDistiller):
        return set()
    names = {'iou_mixed'}
    if model.guidance_loss or model.mimic_loss:
        names.add('iou_teacher')
    stages = len(model.student.backbone.division) if model.mimic_loss else 0
    return names | {f'mimic_error_{i + 1}' for i in range(stages)}


def test_all_are_found():
    expected = {'ostrack_256.py', 'ostrack_384.py', 'ct_ostrack_4l_8xb32.py',
                'vittrack.py', 'ct_vittrack_2l.py', 'ct_vittrack_1l.py',
                'demo/ostrack_tiny.py', 'demo/ct_ostrack_tiny_4l.py',
                *(f'mixformerv2_{kind}.py' for kind in ('b', '12l', 's', 'b_score')),
                'ct_mixformerv2_4l.py', 'ct_mixformerv2_m_s.py',
                *(f'odtrack_{kind}.py' for kind in (
                    'b384', 'l384', 'b256', 'b384_got10k', 'l384_got10k')), 'ct_odtrack_4l.py',
                *(f'sutrack_{kind}.py' for kind in ('t224', 'b224', 'b384', 'l224', 'l384')),
                *(f'ct_sutrack_{layers}l.py' for layers in (4, 6, 8))}
    expected |= {f'ct_ostrack_{n}l.py' for n in (2, 3, 4, 6, 8)}
    expected |= {f'ablation/{name}.py' for name in (
        'ground_truth_only', 'replacement', 'replacement_guidance', 'replacement_mimicking',
        'constant_prob', 'uneven_division', 'frozen_head', 'first_four', 'one_stage_at_a_time')}
    assert expected <= set(NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_reads_and_its_parts_fit(name):
    config = read(name)
    assert config.custom_imports == {'imports': ['mmct']}
    assert config.default_scope == 'mmtrack'
    size, own = (crop_sizes(trackers(config)[i]) for i in (0, -1))
    for loader in (config.train_dataloader, config.val_dataloader):
        for cfg in loader.dataset.pipeline:
            TRANSFORMS.build(cfg)
        crop, = (cfg for cfg in loader.dataset.pipeline if cfg.type == 'CropPair')
        # Validation sees the student alone, training both, if they differ.
        assert tuple(crop.size) == (size if loader is config.train_dataloader else own)
        if loader is config.train_dataloader:
            assert tuple(crop.get('student_size', size)) == own
        for i, tracker in enumerate(trackers(config)):
            factor = crop.get('student_factor', crop.factor) if i else crop.factor
            if loader is config.train_dataloader or tracker is trackers(config)[-1]:
                assert factor == [tracker.test_cfg[f'{kind}_factor'] for kind in (
                    'template', 'search')] or name == 'mixformerv2_s.py'
    steps = [cfg.type for cfg in config.val_dataloader.dataset.pipeline]
    assert steps == ['LoadPair', 'GrayPair', 'FlipPair', 'CropPair', 'PackPair']
    for cfg in config.test_dataloader.dataset.pipeline:
        TRANSFORMS.build(cfg)
    for evaluator in (config.val_evaluator, config.test_evaluator):
        METRICS.build(evaluator)
    for cfg in config.custom_hooks:
        assert isinstance(HOOKS.build(cfg), Hook)
    assert ('batch_picture' in config.default_hooks) == compressions(config)
    for key in ('batch_picture', 'student_iou'):
        if key in config.default_hooks:
            assert isinstance(HOOKS.build(config.default_hooks[key]), Hook)
    assert 'IterationSeedHook' in [cfg.type for cfg in config.custom_hooks]
    assert config.train_dataloader.sampler.type == 'EpochIndexSampler'
    assert config.resume is False


@pytest.mark.parametrize('name', [n for n in NAMES if 'ct_' in n or 'ablation' in n])
def test_students_fit_their_teacher(name):
    model = read(name).model
    student, teacher = model.student.backbone, model.teacher.backbone
    assert student.teacher_depth == teacher.depth
    for key in ('embed_dims', 'num_heads', 'mlp_ratio', 'template_size', 'search_size',
                'drop_path_rate', 'norm_eps'):
        assert student.get(key) == teacher.get(key) or key in OTHERS.get(name, ())
    stems = [backbone.get('patch_embed', {}).get('type') for backbone in (student, teacher)]
    assert stems[0] == stems[1]
    if 'num_heads' in OTHERS.get(name, ()):  # then they are fewer, not narrower
        assert student.embed_dims // student.num_heads == teacher.embed_dims // teacher.num_heads
    head = {key: value for key, value in model.student.head.items() if key != 'loss'}
    if student.type == 'StageDividedMixViT':
        assert model.frozen == ['head.score_head']
        assert model.guidance_loss.iou == 'ciou'
    assert head == dict(model.teacher.head, in_channels=student.embed_dims)


@pytest.mark.parametrize(('name', 'losses'), [
    ('ostrack_256', TRACK), ('ostrack_256_ce', TRACK), ('ostrack_384', TRACK),
    ('ct_ostrack_2l', TRACK | GUIDANCE | MIMIC), ('ct_ostrack_3l', TRACK | GUIDANCE | MIMIC),
    ('ct_ostrack_4l', TRACK | GUIDANCE | MIMIC), ('ct_ostrack_6l', TRACK | GUIDANCE | MIMIC),
    ('ct_ostrack_8l', TRACK | GUIDANCE | MIMIC),
    ('ct_ostrack_4l_8xb32', TRACK | GUIDANCE | MIMIC),
    ('ct_ostrack_4l_300e', TRACK | GUIDANCE | MIMIC),
    ('vittrack', TRACK), ('vittrack_own', TRACK), ('ct_vittrack_2l', TRACK | GUIDANCE | MIMIC),
    ('ct_vittrack_own', TRACK | GUIDANCE | MIMIC),
    ('ct_vittrack_1l', TRACK | GUIDANCE | MIMIC),
    ('ct_vittrack_2l_unlabelled', TRACK | GUIDANCE | MIMIC),
    ('ct_vittrack_2l_unlabelled_guided', TRACK | GUIDANCE | {'loss_guidance_focal'} | MIMIC),
    ('ct_vittrack_fast', TRACK | GUIDANCE | {'loss_guidance_focal'} | MIMIC),
    ('demo/ostrack_tiny', TRACK), ('demo/ct_ostrack_tiny_4l', TRACK | GUIDANCE | MIMIC),
    *((f'{base}_{kind}', TRACK | GUIDANCE | MIMIC) for base, kind in (
        ('ct_ostrack_4l', 'smat'), ('ct_ostrack_4l', 'mlp1x'), ('ct_ostrack_4l', 'w384'),
        ('ct_ostrack_4l', '224'), ('ct_ostrack_4l', 'ce'), ('demo/ct_ostrack_tiny_4l', 'ce'),
        ('demo/ct_ostrack_tiny_4l', 'smat'),
        ('demo/ct_ostrack_tiny_4l', 'mlp1x'), ('demo/ct_ostrack_tiny_4l', 'w32'),
        ('demo/ct_ostrack_tiny_4l', '128'), ('demo/ct_ostrack_tiny_4l', 'guided'))),
    ('demo/ostrack_tiny_taught', TRACK | GUIDANCE | MIMIC),
    ('demo/ostrack_tiny_real', TRACK | GUIDANCE | MIMIC),
    ('mixformerv2_b', EDGE_TRACK), ('mixformerv2_12l', EDGE_TRACK), ('mixformerv2_s', EDGE_TRACK),
    ('mixformerv2_b_score', {'loss_score'}), ('demo/mixformerv2_tiny', EDGE_TRACK),
    ('ct_mixformerv2_4l', EDGE_TRACK | EDGE_GUIDANCE | MIMIC),
    ('ct_mixformerv2_m_s', EDGE_TRACK | EDGE_GUIDANCE | MIMIC),
    ('demo/ct_mixformerv2_tiny_2l', EDGE_TRACK | EDGE_GUIDANCE | MIMIC),
    *((f'odtrack_{kind}', TRACK) for kind in (
        'b384', 'l384', 'b256', 'b384_got10k', 'l384_got10k')),
    ('demo/odtrack_tiny', TRACK), ('ct_odtrack_4l', TRACK | GUIDANCE | MIMIC),
    ('demo/ct_odtrack_tiny_2l', TRACK | GUIDANCE | MIMIC),
    *((f'sutrack_{kind}', TASK_TRACK) for kind in ('t224', 'b224', 'b384', 'l224', 'l384')),
    *((f'ct_sutrack_{kind}', TASK_TRACK | GUIDANCE | MIMIC) for kind in (
        '4l', '6l', '8l', '4l_own_rates')),
    ('demo/sutrack_tiny', TASK_TRACK),
    ('demo/ct_sutrack_tiny_2l', TASK_TRACK | GUIDANCE | MIMIC),
    ('ablation/ground_truth_only', TRACK),
    ('ablation/replacement', TRACK), ('ablation/replacement_guidance', TRACK | GUIDANCE),
    ('ablation/replacement_mimicking', TRACK | MIMIC),
    ('ablation/constant_prob', TRACK | GUIDANCE | MIMIC),
    ('ablation/exactly_one_gate', TRACK | GUIDANCE | MIMIC),
    ('ablation/uneven_division', TRACK | GUIDANCE | MIMIC),
    ('ablation/eliminating_teacher', TRACK | GUIDANCE | MIMIC),
    ('ablation/frozen_head', TRACK | GUIDANCE | MIMIC), ('ablation/first_four', TRACK),
    ('ablation/one_stage_at_a_time', TRACK | GUIDANCE | MIMIC),
])
def test_first_step(name, losses, tmp_path):
    model, logged, trained = one_step(read(f'{name}.py'), tmp_path)
    assert {name for name in logged if name.startswith('loss_')} == losses
    assert set(logged) - losses - {'loss', 'grad_norm'} == scalars(model)
    student = getattr(model, 'student', model)
    prefix = 'student.' if student is not model else ''
    if losses == {'loss_score'}:
        assert trained == {f'head.score_head.{part}' for part in (
            '0.weight', '0.bias', '2.weight', '2.bias')}
        return
    if 'mixformerv2' in name:
        assert f'{prefix}head.box_head.3.bias' in trained
        assert not {part for part in trained if 'score_head' in part}
        assert not {f'{prefix}backbone.pos_embed_{part}' for part in 'ts'} & trained
        assert {f'{prefix}backbone.{part}' for part in ('reg_tokens', 'pos_embed_reg')} <= trained
    else:
        assert (f'{prefix}head.size.4.bias' in trained) == (name != 'ablation/frozen_head')
        assert f'{prefix}backbone.norm.weight' in trained
    layers = range(len(student.backbone.layers))
    moved = [f'{prefix}backbone.layers.{i}.attn.proj.weight' in trained for i in layers]
    if losses in (TRACK, EDGE_TRACK, TASK_TRACK) and name != 'ablation/replacement':
        assert all(moved)
    elif name == 'ablation/one_stage_at_a_time':
        assert moved == [True, False, False, False]
    elif name == 'ablation/exactly_one_gate':
        assert sum(moved) == 1
    else:
        model.iteration.zero_()
        assert moved == np.repeat(model.next_gates(), student.backbone.layers_per_stage).tolist()


def test_all_are_trained():
    """The list above is complete."""
    listed = {arg[0] for mark in test_first_step.pytestmark if mark.name == 'parametrize'
              for arg in mark.args[1]}
    assert {f'{name}.py' for name in listed} == set(NAMES)


# Recipes

def test_recipe_of_compression():
    config = read('ct_ostrack_4l.py')
    assert config.train_cfg.max_epochs == 500
    assert config.train_cfg.val_interval == 10
    assert config.optim_wrapper == {
        'type': 'FiniteOptimWrapper',
        'optimizer': {'type': 'AdamW', 'lr': 4e-5, 'weight_decay': 1e-4},
        'clip_grad': {'max_norm': 0.1, 'norm_type': 2}}
    assert config.param_scheduler == {
        'type': 'MultiStepLR', 'by_epoch': True, 'milestones': [400], 'gamma': 0.1}
    assert config.auto_scale_lr == {'enable': False, 'base_batch_size': 128}
    assert config.train_dataloader.batch_size == 16  # on 8 processes
    assert config.train_dataloader.dataset.pairs_per_epoch == 60000
    assert config.train_dataloader.dataset.weights == [1, 1, 1, 1]
    assert [cfg.type for cfg in config.train_dataloader.dataset.datasets] == [
        'LaSOTDataset', 'GOT10kDataset', 'SOTCocoDataset', 'TrackingNetDataset']
    assert config.find_unused_parameters
    model = config.model
    assert model.guidance_loss == {'type': 'PredictionGuidanceLoss', 'loss_weight': 1}
    assert model.mimic_loss == {'type': 'StageMimicLoss', 'loss_weight': 0.2}
    backbone = model.student.backbone
    assert (backbone.embed_dims, backbone.num_heads, backbone.teacher_depth) == (768, 12, 12)
    assert (backbone.template_size, backbone.search_size) == (128, 256)
    assert backbone.drop_path_rate == 0.1
    assert backbone.layer_init == 'last_of_stage'
    assert model.student.head == {'type': 'CenterHead', 'in_channels': 768, 'channels': 256}
    assert config.custom_hooks[1] == {
        'type': 'ReplacementScheduleHook', 'mode': 'progressive', 'init': 0.5, 'alpha1': 0.1,
        'alpha2': 0.1}


def test_recipe_of_the_published_command():
    paper, command = read('ct_ostrack_4l.py'), read('ct_ostrack_4l_8xb32.py')
    assert command.train_dataloader.batch_size == 32
    command.train_dataloader.batch_size = 16
    assert command.to_dict() == paper.to_dict()


@pytest.mark.parametrize(('number', 'sizes'), [
    (2, [6, 6]), (3, [4, 4, 4]), (4, [3] * 4), (6, [2] * 6), (8, None)])
def test_divisions_of_the_students(number, sizes):
    config = narrow(read(f'ct_ostrack_{number}l.py'))
    division = MODELS.build(config.model.student.backbone).division
    assert len(division) == number
    assert sum(division) == 12
    assert division == (sizes or division)


def test_recipe_of_the_teacher():
    config = read('ostrack_256.py')
    assert config.train_cfg.max_epochs == 300
    assert config.param_scheduler.milestones == [240]
    assert config.train_dataloader.batch_size == 32
    model = MODELS.build(narrow(config).model)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    backbone = {id(p) for p in model.backbone.parameters()}
    for group in wrapper.param_groups:
        slow = {id(p) in backbone for p in group['params']}
        assert len(slow) == 1
        assert group['lr'] == pytest.approx(4e-5 if slow == {True} else 4e-4)
        assert group['weight_decay'] == 1e-4
    optimized = {id(p) for group in wrapper.param_groups for p in group['params']}
    assert optimized >= {id(p) for p in model.parameters()}


def test_crops_of_384():
    config = read('ostrack_384.py')
    for loader in (config.train_dataloader, config.val_dataloader):
        crop, = (cfg for cfg in loader.dataset.pipeline if cfg.type == 'CropPair')
        assert crop == {'type': 'CropPair', 'size': [192, 384], 'factor': [2, 5],
                        'center_jitter': [0, 4.5], 'scale_jitter': [0, 0.5]}
    assert config.model.test_cfg == {
        'template_factor': 2, 'search_factor': 5, 'margin': 10, 'shrink': 0}
    backbone = MODELS.build(narrow(config).model).backbone
    assert (backbone.template_grid, backbone.search_grid) == (12, 24)


# MixFormerV2

@pytest.mark.parametrize(('name', 'shape'), [
    ('mixformerv2_b', (128, 288, 8, 4, 96)), ('mixformerv2_12l', (128, 288, 12, 4, 72)),
    ('mixformerv2_s', (112, 224, 4, 1, 96)), ('mixformerv2_b_score', (128, 288, 8, 4, 96))])
def test_shapes_of_mixformerv2(name, shape):
    model = read(f'{name}.py').model
    backbone = model.backbone
    assert (*crop_sizes(model), backbone.depth, backbone.mlp_ratio, model.head.bins) == shape
    assert (backbone.embed_dims, backbone.num_heads, backbone.drop_path_rate) == (768, 12, 0.1)
    assert model.test_cfg.template_factor == 2
    assert model.test_cfg.margin == 10
    assert model.test_cfg.search_factor == (4.4 if name == 'mixformerv2_s' else 5)
    assert model.head.with_score == (name != 'mixformerv2_12l')
    assert model.test_cfg.templates == (
        {'type': 'BestOfInterval', 'interval': 200} if model.head.with_score else
        {'type': 'Fixed', 'copies': 2})


def test_recipe_of_mixformerv2():
    config = read('mixformerv2_b.py')
    assert config.train_cfg == {
        'type': 'ResumableTrainLoop', 'max_epochs': 500, 'val_interval': 5}
    assert config.param_scheduler == {
        'type': 'MultiStepLR', 'by_epoch': True, 'milestones': [400], 'gamma': 0.1}
    assert config.optim_wrapper.clip_grad == {'max_norm': 0.1, 'norm_type': 2}
    assert config.train_dataloader.batch_size == 32  # on 8 processes
    assert config.auto_scale_lr.base_batch_size == 256
    model = MODELS.build(narrow(config).model)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    backbone = {id(p) for p in model.backbone.parameters()}
    for group in wrapper.param_groups:
        slow = {id(p) in backbone for p in group['params']}
        assert len(slow) == 1
        assert group['lr'] == pytest.approx(4e-5 if slow == {True} else 4e-4)
        assert group['weight_decay'] == 1e-4


@pytest.mark.parametrize('name', ['mixformerv2_b', 'mixformerv2_12l', 'mixformerv2_s',
                                  'ct_mixformerv2_4l', 'ct_mixformerv2_m_s'])
def test_clips_of_mixformerv2(name):
    config = read(f'{name}.py')
    data, pairs = (read(f'{other}.py').train_dataloader.dataset for other in (
        name, 'ostrack_256'))
    assert data.datasets == pairs.datasets
    assert (data.weights, data.pairs_per_epoch) == (pairs.weights, pairs.pairs_per_epoch)
    assert [cfg.type for cfg in data.pipeline] == [cfg.type for cfg in pairs.pipeline]
    for loader in (config.train_dataloader, config.val_dataloader):
        assert loader.dataset.sampling == {'type': 'mixformer', 'max_gap': 200}
        crop, = (cfg for cfg in loader.dataset.pipeline if cfg.type == 'CropPair')
        small = name == 'mixformerv2_s'
        assert crop == {
            'type': 'CropPair', 'size': [112, 224] if small else [128, 288],
            'factor': [2, 4.5 if small else 5], 'center_jitter': [0, 4.5],
            'scale_jitter': [0, 0.5]}


# ODTrack

@pytest.mark.parametrize(('name', 'shape', 'epochs', 'count'), [
    ('odtrack_b384', (192, 384, 768, 12, 12), (300, 240, 100), 3),
    ('odtrack_l384', (192, 384, 1024, 24, 16), (300, 240, 100), 3),
    ('odtrack_b256', (128, 256, 768, 12, 12), (300, 240, 100), 3),
    ('odtrack_b384_got10k', (192, 384, 768, 12, 12), (100, 80, 70), 4),
    ('odtrack_l384_got10k', (192, 384, 1024, 24, 16), (100, 80, 70), 4)])
def test_recipe_of_odtrack(name, shape, epochs, count):
    config = read(f'{name}.py')
    backbone, wide = config.model.backbone, '256' not in name
    assert (*crop_sizes(config.model), backbone.embed_dims, backbone.depth,
            backbone.num_heads) == shape
    assert backbone.drop_path_rate == 0.1
    assert backbone.elimination == {
        'layers': [3, 6, 9], 'keep_ratio': [0.7] * 3, 'template_range': 'CTR_POINT'}
    assert config.model.test_cfg == {
        'template_factor': 2, 'search_factor': 5 if wide else 4, 'margin': 10,
        'templates': {'type': 'SpreadHistory', 'count': count}}
    last, drop, end = epochs
    assert config.train_cfg == {
        'type': 'ResumableTrainLoop', 'max_epochs': last, 'val_interval': 20}
    assert config.param_scheduler.milestones == [drop]
    assert config.custom_hooks[1] == {
        'type': 'EliminationScheduleHook', 'keep_ratio': 0.7, 'start': 20, 'end': end}
    assert config.optim_wrapper.clip_grad == {'max_norm': 0.1, 'norm_type': 2}
    assert config.auto_scale_lr.base_batch_size == 32  # 4 processes of 8
    model = MODELS.build(narrow(config).model)
    own = {id(p) for p in model.backbone.parameters()}
    for group in build_optim_wrapper(model, config.optim_wrapper).param_groups:
        slow, = {id(p) in own for p in group['params']}
        assert group['lr'] == pytest.approx(1e-5 if slow else 1e-4)
        assert group['weight_decay'] == 1e-4
    for loader, clips in ((config.train_dataloader, 30000), (config.val_dataloader, 5000)):
        assert (loader.batch_size, loader.dataset.pairs_per_epoch) == (8, clips)
        assert loader.dataset.sampling == {
            'type': 'odtrack', 'num_templates': 3, 'num_searches': 2, 'max_gap': 400}
        crop, = (cfg for cfg in loader.dataset.pipeline if cfg.type == 'CropPair')
        assert crop == {
            'type': 'CropPair', 'size': list(shape[:2]), 'factor': [2, 5 if wide else 4],
            'center_jitter': [0, 4.5 if wide else 3], 'scale_jitter': [0, 0.5 if wide else 0.25]}
    data, pairs = (read(f'{other}.py').train_dataloader.dataset for other in (
        name, 'ostrack_256'))
    assert [cfg.type for cfg in data.pipeline] == [cfg.type for cfg in pairs.pipeline]
    if 'got10k' in name:
        assert [own.ann_file for own in data.datasets] == ['annotations/got10k_train_infos.txt']
        val, test = config.val_dataloader.dataset, config.test_dataloader.dataset
        assert [own.ann_file for own in val.datasets] == ['annotations/got10k_val_infos.txt']
        assert (test.type, test.ann_file) == ('GOT10kDataset', 'annotations/got10k_test_infos.txt')
        assert config.test_cfg.submission == 'got10k'
    else:
        assert (data.datasets, data.weights) == (pairs.datasets, pairs.weights)


def test_recipe_of_compressed_odtrack():
    config, plain = read('ct_odtrack_4l.py'), read('ct_ostrack_4l.py')
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg', 'custom_hooks'):
        assert config[key] == plain[key]
    assert config.train_dataloader.batch_size == 8  # on 8 processes
    assert config.auto_scale_lr.base_batch_size == 64
    assert config.find_unused_parameters
    for loader in (config.train_dataloader, config.val_dataloader):
        assert loader.dataset == read('odtrack_b384.py')[
            'train_dataloader' if loader is config.train_dataloader else 'val_dataloader'].dataset
    model = config.model
    assert 'elimination' not in model.student.backbone
    assert 'elimination' not in model.teacher.backbone
    assert model.guidance_loss == plain.model.guidance_loss
    assert model.mimic_loss == plain.model.mimic_loss
    assert MODELS.build(narrow(config).model.student.backbone).division == [3] * 4


def test_recipe_of_the_score():
    config, box = read('mixformerv2_b_score.py'), read('mixformerv2_b.py')
    assert config.train_cfg.max_epochs == 40
    assert config.param_scheduler.milestones == [20]
    assert config.optim_wrapper.optimizer == {'type': 'AdamW', 'lr': 1e-4, 'weight_decay': 1e-4}
    assert config.train_dataloader.batch_size == 32
    assert config.auto_scale_lr.base_batch_size == 32
    data = config.train_dataloader.dataset
    assert data.pop('sampling') == {'type': 'trident', 'max_gap': 200}
    assert data == {key: value for key, value in box.train_dataloader.dataset.items()
                    if key != 'sampling'}
    assert config.model.frozen == ['backbone', 'head.box_head']
    assert config.model.head.pop('loss') == {'type': 'ScoreLoss'}
    assert dict(config.model, frozen=None) == dict(box.model, frozen=None)


def test_m_s_differs_in_its_mlps_only():
    plain, narrower = (read(f'ct_mixformerv2_{kind}.py') for kind in ('4l', 'm_s'))
    assert plain.model.student.backbone.mlp_ratio == 4
    assert narrower.model.student.backbone.mlp_ratio == 1
    narrower.model.student.backbone.mlp_ratio = 4.
    assert narrower.model == plain.model
    assert plain.optim_wrapper == read('ct_ostrack_4l.py').optim_wrapper
    assert plain.train_dataloader.batch_size == 16
    assert MODELS.build(narrow(plain).model.student.backbone).division == [2, 2, 2, 2]


# SUTrack

@pytest.mark.parametrize(('name', 'shape'), [
    ('t224', (112, 224, 384, 12, 6, [1, 1], 1)), ('b224', (112, 224, 512, 24, 8, [3, 3], 2)),
    ('b384', (192, 384, 512, 24, 8, [3, 3], 2)), ('l224', (112, 224, 768, 40, 12, [2, 2], 2)),
    ('l384', (192, 384, 768, 40, 12, [2, 2], 2))])
def test_shapes_of_sutrack(name, shape):
    config = read(f'sutrack_{name}.py')
    backbone, tracking = config.model.backbone, config.model.test_cfg
    templates = shape[-1]
    assert (*crop_sizes(config.model), backbone.embed_dims, backbone.depth, backbone.num_heads,
            backbone.coarse_depths, templates) == shape
    assert config.model.head.in_channels == backbone.embed_dims
    assert config.model.head.channels == 256
    assert backbone.drop_path_rate == 0.1
    assert (tracking.template_factor, tracking.search_factor, tracking.margin) == (2, 4, 10)
    assert tracking.templates == ({'type': 'Fixed'} if templates == 1 else {
        'type': 'RecentConfident', 'copies': 2, 'interval': 25, 'threshold': 0.7})
    for loader in (config.train_dataloader, config.val_dataloader):
        assert loader.dataset.sampling == {
            'type': 'sutrack', 'num_templates': templates, 'max_gap': 400}


@pytest.mark.parametrize('name', ['sutrack_b224', 'sutrack_l384', 'ct_sutrack_4l',
                                  'ct_sutrack_8l'])
def test_clips_of_sutrack(name):
    config = read(f'{name}.py')
    data, pairs = (read(f'{other}.py').train_dataloader.dataset for other in (
        name, 'ostrack_256'))
    assert data.datasets == pairs.datasets
    assert data.weights == pairs.weights
    assert data.pairs_per_epoch == (60000 if name.startswith('ct') else 100000)
    assert [cfg.type for cfg in data.pipeline] == [cfg.type for cfg in pairs.pipeline]
    for loader in (config.train_dataloader, config.val_dataloader):
        steps = {cfg.type: cfg for cfg in loader.dataset.pipeline}
        assert steps['FlipPair'] == {'type': 'FlipPair', 'prob': 0.5, 'shift': 1}
        assert steps['GrayPair'].prob == 0.05
        assert steps['CropPair'] == {
            'type': 'CropPair', 'size': [192, 384] if '384' in name else [112, 224],
            'factor': [2, 4], 'center_jitter': [0, 3.5], 'scale_jitter': [0, 0.5],
            'keep_padding': True, 'stretched': True}


def rates(config) -> set:
    """(whether of a head, rate, decay) of all parameters that are trained."""
    model = MODELS.build(narrow(config).model)
    heads = {id(p) for name, p in model.named_parameters() if 'backbone' not in name}
    groups = build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups
    return {(id(p) in heads, group['lr'], group['weight_decay'])
            for group in groups for p in group['params']}


def test_recipe_of_sutrack():
    config = read('sutrack_b224.py')
    assert config.train_cfg.max_epochs == 180
    assert config.param_scheduler == {
        'type': 'MultiStepLR', 'by_epoch': True, 'milestones': [144], 'gamma': 0.1}
    assert config.optim_wrapper.clip_grad == {'max_norm': 0.1, 'norm_type': 2}
    assert config.train_dataloader.batch_size == 32  # on 4 processes
    assert config.auto_scale_lr.base_batch_size == 128
    own = [(False, pytest.approx(1e-5), 1e-4), (True, 1e-4, 1e-4)]
    assert sorted(rates(config)) == own
    plain, others = read('ct_sutrack_4l.py'), read('ct_sutrack_4l_own_rates.py')
    assert plain.optim_wrapper == read('ct_ostrack_4l.py').optim_wrapper
    assert plain.train_dataloader.batch_size == 16
    assert others.model == plain.model
    assert sorted(rates(others)) == own


@pytest.mark.parametrize('layers', [4, 6, 8])
def test_compressions_of_sutrack(layers):
    model = read(f'ct_sutrack_{layers}l.py').model
    assert model.teacher == read('sutrack_b224.py').model
    assert model.mimic_loss == {
        'type': 'StageMimicLoss', 'loss_weight': 0.2, 'groups': ['search', 'template']}
    assert model.guidance_loss == {'type': 'PredictionGuidanceLoss', 'loss_weight': 1}
    student = MODELS.build(narrow(read(f'ct_sutrack_{layers}l.py')).model.student.backbone)
    assert student.division == [24 // layers] * layers


def test_validation_and_testing_sets():
    config = read('ct_ostrack_4l.py')
    val, test = config.val_dataloader.dataset, config.test_dataloader.dataset
    assert [cfg.ann_file for cfg in val.datasets] == ['annotations/got10k_val_vot_infos.txt']
    assert (test.type, test.test_mode) == ('LaSOTDataset', True)
    assert config.test_evaluator.type == 'OnePassMetric'
    assert config.test_dataloader.sampler.type == 'SequenceSampler'


def test_ablations_differ_from_the_method_in_one_thing():
    base = read('ct_ostrack_4l.py')
    model = {name: read(f'ablation/{name}.py').model for name in (
        'constant_prob', 'uneven_division', 'frozen_head', 'replacement_guidance')}
    assert model['constant_prob'] == base.model
    changed = model['uneven_division']
    assert changed.student.backbone.division == [2, 2, 6, 2]
    changed.student.backbone.division = 4
    assert changed == base.model
    assert model['frozen_head'].pop('frozen') == ['head']
    assert model['frozen_head'] == base.model
    assert model['replacement_guidance'].mimic_loss is None
    assert read('ablation/constant_prob.py').custom_hooks[1] == {
        'type': 'ReplacementScheduleHook', 'mode': 'constant', 'init': 0.5, 'final_epochs': 30}


def test_ablations_are_as_long_as_published():
    longer = {'ablation/one_stage_at_a_time.py'}
    for name in {n for n in NAMES if 'ablation' in n} - longer | {'ct_ostrack_4l_300e.py'}:
        config = read(name)
        assert config.train_cfg == dict(
            read('ct_ostrack_4l.py').train_cfg, max_epochs=300), name
        assert config.param_scheduler.milestones == [240]


def test_decoupled_training_is_as_long_as_published():
    config = read('ablation/one_stage_at_a_time.py')
    assert config.train_cfg.max_epochs == 4 * 75 + 30
    assert config.custom_hooks[1] == {'type': 'OneStageAtATimeHook', 'epochs_per_stage': 75}


def test_the_demos_teacher_learns_from_another_of_its_own_shape():
    taught, own = read('demo/ostrack_tiny_taught.py'), read('demo/ostrack_tiny.py')
    student, teacher = taught.model.student, taught.model.teacher
    backbone = MODELS.build(student.backbone)
    assert backbone.layer_init == 'scratch'
    assert len(backbone.layers) == own.model.backbone.depth == 4 * teacher.backbone.depth
    # What it becomes is loaded as configs/demo/ostrack_tiny.py has it.
    assert MODELS.build(own.model).state_dict().keys() == MODELS.build(student).state_dict().keys()
    assert crop_sizes(student) == crop_sizes(own.model) < crop_sizes(teacher)
    assert taught.train_dataloader.dataset.datasets == own.train_dataloader.dataset.datasets
    assert taught.val_dataloader == own.val_dataloader


def test_frozen_head_keeps_the_teachers(tmp_path):
    model, _, _ = one_step(read('ablation/frozen_head.py'), tmp_path)
    assert isinstance(model, ReplacementDistiller)
    assert same_weights(model.student.head, model.teacher.head)


# The command line on top

def parse(*args):
    args = runner_parser('').parse_args([str(CONFIGS / 'ct_ostrack_4l.py'), *args])
    return runner_config(args)


def test_options_replace_settings():
    config = parse(
        '--cfg-options', 'model.student.backbone.division=[2,2,6,2]', 'train_cfg.max_epochs=3',
        'model.mimic_loss=None', 'train_dataloader.dataset.datasets.0.data_root=elsewhere/',
        'custom_hooks.1.init=0.7', 'optim_wrapper.optimizer.lr=1e-3')
    assert config.model.student.backbone.division == [2, 2, 6, 2]
    assert config.train_cfg.max_epochs == 3
    assert config.model.mimic_loss is None
    assert config.train_dataloader.dataset.datasets[0].data_root == 'elsewhere/'
    assert config.custom_hooks[1].init == 0.7
    assert config.optim_wrapper.optimizer.lr == 1e-3
    assert MODELS.build(narrow(config).model).student.backbone.division == [2, 2, 6, 2]


def test_work_folder():
    assert parse().work_dir == 'work_dirs/ct_ostrack_4l'
    assert parse('--cfg-options', 'work_dir=there').work_dir == 'there'
    assert parse('--cfg-options', 'work_dir=there', '--work-dir', 'here').work_dir == 'here'
    assert parse('--launcher', 'pytorch').launcher == 'pytorch'


def test_device(monkeypatch):
    """A GPU is hidden, or has to be there; without the option nothing is touched."""
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0')
    parse()
    assert os.environ['CUDA_VISIBLE_DEVICES'] == '0'
    parse('--device', 'cpu')
    assert os.environ['CUDA_VISIBLE_DEVICES'] == ''
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ValueError, match='--device cuda: PyTorch finds no GPU'):
        parse('--device', 'cuda')


def test_no_config():
    with pytest.raises(FileNotFoundError, match='config none.py does not exist'):
        runner_config(runner_parser('').parse_args(['none.py']))


# Data sets

TESTS = sorted(path.name for path in DATASETS.glob('*_test.py'))


def with_datasets(folder, *files) -> Config:
    """ct_ostrack_4l.py with other data sets in its list of base files."""
    bases = ['models/ct_ostrack_256.py', 'schedules/ct_500e.py', 'default_runtime.py',
             *(f'datasets/{file}' for file in files)]
    (folder / 'config.py').write_text(f'_base_ = {[str(CONFIGS / "_base_" / b) for b in bases]}')
    return Config.fromfile(folder / 'config.py')


@pytest.mark.parametrize('file', TESTS)
def test_a_test_set_is_one_line_of_a_config(tmp_path, file):
    config = with_datasets(tmp_path, 'pairs_train.py', 'got10k_val.py', file)
    lasot, own = read('ct_ostrack_4l.py').test_dataloader, config.test_dataloader
    assert own.sampler == lasot.sampler
    assert own.dataset.pipeline == lasot.dataset.pipeline
    assert own.dataset.test_mode
    assert config.test_cfg.type == 'SequenceTestLoop'
    assert (own == lasot) == (file == 'lasot_test.py')
    # As the command line has it.
    args = runner_parser('').parse_args([str(CONFIGS / 'ct_ostrack_4l.py')])
    args.dataset = file.removesuffix('_test.py')
    assert runner_config(args).test_dataloader.dataset == own.dataset
    assert runner_config(args).test_cfg == config.test_cfg


def test_without_labels_only_the_teacher_is_followed(tmp_path):
    labelled, guided = (read(f'ct_vittrack_2l_unlabelled{kind}.py') for kind in ('', '_guided'))
    for config in (labelled, guided):
        for split in ('train', 'val'):
            assert config[f'{split}_dataloader'].dataset.datasets == [{
                'type': 'FolderDataset', 'data_root': f'data/own/{split}/',
                'annotations': f'results/own/{split}', 'min_score': 0.5}]
        assert config.test_dataloader.dataset.data_root == 'data/own/test/'
    _, logged, _ = one_step(labelled, tmp_path)
    assert all(logged[name] > 0 for name in TRACK)
    _, logged, trained = one_step(guided, tmp_path)
    assert all(logged[name] == 0 for name in TRACK)
    assert all(logged[name] > 0 for name in GUIDANCE | {'loss_guidance_focal'})
    assert logged.keys() >= MIMIC  # 0 while the student is made of the teacher's layers
    assert {'student.head.score.4.bias', 'student.head.size.4.bias'} <= trained


def test_own_data_is_one_line_of_a_config(tmp_path):
    config = with_datasets(tmp_path, 'own.py')
    for split, dataset in (('train', config.train_dataloader.dataset.datasets[0]),
                           ('val', config.val_dataloader.dataset.datasets[0]),
                           ('test', config.test_dataloader.dataset)):
        assert (dataset.type, dataset.data_root) == ('FolderDataset', f'data/own/{split}/')
    assert config.train_dataloader.dataset.weights == [1]


@pytest.mark.parametrize('name', NAMES)
def test_the_best_is_not_chosen_on_a_test_set(name):
    config = read(name)
    # The score's training changes no box.
    best = None if name == 'mixformerv2_b_score.py' else 'pair/iou'
    assert config.default_hooks.checkpoint.save_best == best
    val, test = config.val_dataloader.dataset.datasets, config.test_dataloader.dataset
    key = 'data_root' if test.type == 'FolderDataset' else 'ann_file'
    assert all(own[key] != test[key] for own in val)


@pytest.mark.parametrize('name', ['vittrack_own.py', 'ct_vittrack_own.py'])
def test_configs_of_own_data_read_nothing_else(name):
    config = read(name)
    parts = {'train': config.train_dataloader.dataset.datasets,
             'val': config.val_dataloader.dataset.datasets,
             'test': [config.test_dataloader.dataset]}
    for split, (data, ) in parts.items():
        assert (data.type, data.data_root) == ('FolderDataset', f'data/own/{split}/')
    own = trackers(config)[-1]
    assert own.test_cfg.exact_crops
    size = list(crop_sizes(own))
    assert [step['size'] for loader in (config.train_dataloader, config.val_dataloader)
            for step in loader.dataset.pipeline if step['type'] == 'CropPair'] == [size, size]
