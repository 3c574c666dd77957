"""The numbers of a config that people change: each wrong one gives a line that names it."""
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from fuzzing import ANYTHING, Refused, fuzz, outcome
from hypothesis import strategies as st
from mmengine.config import Config
from running.start_checks import NUMBERS, check_settings
from tiny import HOOKS, MODELS, TRANSFORMS, distiller, student, tracker

from mmct.datasets.pairs import PairDataset
from mmct.models.backbones import divide
from mmct.utils.checks import check_number


def changed(config: dict, path: str, value) -> dict:
    """A config with one value replaced; ``path`` as of ``--cfg-options``."""
    config = Config(config)
    config.merge_from_dict({path: 0})  # a list or dict would be merged
    *groups, key = path.split('.')
    group = config
    for name in groups:
        group = group[name]
    group[key] = value
    return config.to_dict()


def finite(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


# Networks

TRACKER = {key: lambda value, key=key: changed(tracker(), key, value) for key in (
    'backbone.embed_dims', 'backbone.depth', 'backbone.num_heads', 'backbone.mlp_ratio',
    'backbone.template_size', 'backbone.search_size', 'backbone.patch_size',
    'backbone.drop_path_rate', 'head.in_channels', 'head.channels', 'test_cfg.template_factor',
    'test_cfg.search_factor', 'test_cfg.margin')}
TRACKER |= {f'corner {key}': lambda value, key=key: changed(tracker('CornerHead'), key, value)
            for key in ('head.in_channels', 'head.channels')}
TRACKER |= {f'elimination.{key}': lambda value, key=key: tracker(
    elimination={'layers': [1, 2], 'template_range': 'ALL', key: value})
    for key in ('layers', 'keep_ratio')}
STUDENT = {f'backbone.{key}': lambda value, key=key: changed(student(), f'backbone.{key}', value)
           for key in ('division', 'teacher_depth', 'layers_per_stage')}
DISTILLER = {key: lambda value, key=key: changed(distiller(None), key, value) for key in (
    'replace_prob', 'seed', 'guidance_loss.loss_weight', 'guidance_loss.iou_weight',
    'guidance_loss.l1_weight', 'guidance_loss.focal_weight', 'mimic_loss.loss_weight')}
NETWORKS = TRACKER | STUDENT | DISTILLER


@fuzz(400, st.sampled_from(sorted(NETWORKS)), ANYTHING)
def test_any_number_of_a_network(key, value):
    model = outcome(MODELS.build, NETWORKS[key](value))
    name = key.rpartition('.')[2]
    if isinstance(model, Refused):
        assert name in model or name.replace('_', ' ') in model or key in STUDENT and (
            'division' in model)
    elif name not in ('division', 'layers', 'keep_ratio'):
        assert finite(value)
    if not isinstance(model, Refused) and key in TRACKER:
        info = model.info  # what is exported, and checked when it is read
        assert type(info).from_json(info.to_json(), 'file') is not None


@fuzz(500, st.one_of(st.integers(-2, 13), ANYTHING), st.one_of(
    st.integers(-2, 13), st.lists(st.integers(-1, 8), max_size=6), ANYTHING))
def test_any_division(depth, division):
    stages = outcome(divide, depth, division)
    if not isinstance(stages, Refused):
        assert sum(stages) == depth
        assert min(stages) >= 1


# Schedules

SCHEDULES = {('ReplacementScheduleHook', key) for key in ('init', 'alpha1', 'alpha2')} | {
    ('EliminationScheduleHook', key) for key in ('keep_ratio', 'start', 'end')} | {
    ('OneStageAtATimeHook', 'epochs_per_stage')}


@fuzz(600, st.sampled_from(sorted(SCHEDULES)), ANYTHING)
def test_any_number_of_a_schedule(which, value):
    kind, key = which
    hook = outcome(HOOKS.build, {'type': kind, key: value})
    if isinstance(hook, Refused):
        assert key in hook or 'end' in hook
    else:
        assert finite(value)


@fuzz(400, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 99),
      st.integers(1, 300), st.sampled_from(['progressive', 'constant']))
def test_any_replacement_schedule(init, alpha1, alpha2, final_epochs, epochs, mode):
    """Every epoch has a probability, which does not fall."""
    hook = outcome(HOOKS.build, {
        'type': 'ReplacementScheduleHook', 'mode': mode, 'init': init, 'alpha1': alpha1,
        'alpha2': alpha2, 'final_epochs': final_epochs})
    if isinstance(hook, Refused):
        assert init == 0 or alpha1 + alpha2 >= 1 or 1 in (alpha1, alpha2)
        return
    probs = [hook.prob(epoch, epochs) for epoch in range(1, epochs + 1)]
    assert all(0 < prob <= 1 for prob in probs)
    assert all(one <= other for one, other in pairwise(probs))


# Data

CROP = {'type': 'CropPair', 'size': [16, 32], 'factor': [2, 4], 'center_jitter': [0, 3],
        'scale_jitter': [0, 0.5], 'student_size': [16, 16]}
PLACES = st.one_of(ANYTHING, st.lists(st.one_of(st.integers(-1, 70), st.floats(-1, 40), ANYTHING),
                                      min_size=2, max_size=2))


@fuzz(500, st.sampled_from(sorted(CROP.keys() - {'type'})), PLACES)
def test_any_number_of_the_crop(key, value):
    """What is taken can be cropped with."""
    crop = outcome(TRANSFORMS.build, {**CROP, key: value})
    if isinstance(crop, Refused):
        assert f'CropPair.{key}' in crop or key == 'size'
        return
    frame = np.full((48, 64, 3), 9, np.uint8)
    results = crop({'img': [frame, frame], 'boxes': [(20, 20, 9, 9)] * 2,
                    'rng': np.random.default_rng(0)})
    if results is not None:
        assert [len(image) for image in results['img']] == list(
            value if key == 'size' else CROP['size'])
        assert np.isfinite(results['boxes']).all()


@fuzz(400, st.sampled_from([('FlipPair', 'prob'), ('FlipCrops', 'prob'), ('GrayPair', 'prob'),
                            ('BrightenCrops', 'jitter')]), ANYTHING)
def test_any_number_of_an_augmentation(which, value):
    kind, key = which
    step = outcome(TRANSFORMS.build, {'type': kind, key: value})
    if isinstance(step, Refused):
        assert f'{key}=' in step
    else:
        assert 0 <= value <= 1


class OneVideo:
    """Stands for data that is there."""
    name = 'one video'

    def __init__(self, cfg, min_visible):
        pass


@fuzz(400, st.sampled_from(['weights', 'pairs_per_epoch', 'sampling', 'max_gap', 'type']), PLACES)
def test_any_number_of_the_pairs(key, value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmct.datasets.pairs.build_source', OneVideo)
        settings = {key: value}
        if key in ('max_gap', 'type'):
            settings = {'sampling': {'type': 'mixformer', key: value}}
        data = outcome(PairDataset, [{}, {}], [], **settings)
    if isinstance(data, Refused):
        assert key in data
        return
    assert np.isfinite(data.shares).all()
    assert data.shares[-1] == pytest.approx(1)
    assert len(data) >= 1
    templates, searches = data.sampling.frames(
        np.random.default_rng(0), np.arange(3, 17), 20)
    assert len(templates) == (2 if key in ('max_gap', 'type') else 1)
    assert templates[0] < searches[0]


# What belongs to MMEngine and PyTorch

@fuzz(600, st.sampled_from(sorted(NUMBERS)), ANYTHING)
def test_any_number_of_the_runner(name, value):
    config = Config({'train_cfg': {'max_epochs': 2}, 'val_cfg': None})
    assert check_settings(config) is None
    config.merge_from_dict({name: 1})
    assert check_settings(config) is None
    *groups, key = name.split('.')
    group = config
    for part in groups:
        group = group[part]
    group[key] = value
    line = outcome(check_settings, config)
    if isinstance(line, Refused):
        assert line.startswith(f'{name}={value!r} must be in ')
    else:
        assert value is None or finite(value)


@pytest.mark.parametrize('workers', [0, 2])
def test_loaders_without_workers_keep_none(workers):
    loader = {'num_workers': workers, 'persistent_workers': True, 'prefetch_factor': 2}
    config = Config({'train_dataloader': loader, 'val_dataloader': None,
                     'test_dataloader': dict(loader)})
    assert check_settings(config) is None
    for name in ('train_dataloader', 'test_dataloader'):
        torch.utils.data.DataLoader([1], **config[name])
        assert config[name].get('persistent_workers', False) == (workers > 0)


@fuzz(200, st.sampled_from([('NonFiniteHook', 'max_in_row'), ('StudentIoUHook', 'interval'),
                            ('BatchPictureHook', 'interval'), ('BatchPictureHook', 'samples')]),
      ANYTHING)
def test_any_number_of_a_hook(which, value):
    kind, key = which
    hook = outcome(HOOKS.build, {'type': kind, key: value})
    if isinstance(hook, Refused):
        assert hook.startswith(f'{key}={value!r} must be in [')
    else:
        assert isinstance(value, int)
        assert value >= 0


@fuzz(300, ANYTHING, st.sampled_from(['(0, 1]', '[0, 1)', '[1, inf)', '(-inf, inf)']),
      st.booleans())
def test_any_number_of_an_interval(value, interval, whole):
    low, high = (float(end) for end in interval[1:-1].split(','))
    inside = finite(value) and low <= value <= high and not (
        value == low and interval[0] == '(') and not (value == high and interval[-1] == ')')
    if whole:
        inside = inside and isinstance(value, int)
    assert isinstance(outcome(check_number, 'n', value, interval, whole), Refused) != inside
