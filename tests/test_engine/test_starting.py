"""What a run starts from, or goes on from, by whichever tool: MMEngine's Runner is all it takes."""
import copy
import os
import shutil
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.runner import CheckpointLoader, EpochBasedTrainLoop, Runner
from running.start_checks import check_crops
from tiny import (
    TRANSFORMS,
    build,
    distiller,
    packed_pairs,
    same_weights,
    save_teacher,
    student,
    tracker,
)

from mmct.checkpoint import (
    CheckpointError,
    convert,
    read_checkpoint,
    save_checkpoint,
    tracker_weights,
)
from mmct.datasets import PairDataset
from mmct.evaluation.evaluators import PairIoU
from mmct.models import OneStreamTracker, OSTrack


def runner(folder: Path, model, epochs=1, lr=1e-3, optimizer='AdamW', checkpoint=(),
           **kwargs) -> Runner:
    """A run of three batches an epoch."""
    checkpoint = dict(checkpoint)
    batches = [packed_pairs(seed=i) for i in range(3)]
    settings = {
        'train_cfg': {'by_epoch': True, 'max_epochs': epochs},
        'optim_wrapper': {'type': 'FiniteOptimWrapper',
                          'optimizer': {'type': optimizer, 'lr': lr, 'weight_decay': 1e-4}},
        'param_scheduler': [{'type': 'CosineAnnealingLR', 'T_max': epochs, 'by_epoch': True,
                             'convert_to_iter_based': True}]}
    return Runner(
        model, str(folder), experiment_name=f'{folder.name}-{id(model)}', log_level='WARNING',
        default_scope='mmtrack',
        train_dataloader={'dataset': batches, 'batch_size': 1, 'collate_fn': lambda batch: batch[0],
                          'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
        cfg=Config(copy.deepcopy(settings)), **settings,
        default_hooks={'checkpoint': {'type': 'ResumableCheckpointHook', 'interval': 1,
                                      'rule': 'greater', **checkpoint}}, **kwargs)


@pytest.fixture
def started(tmp_path, monkeypatch):
    """The model of a run when its first iteration begins."""
    monkeypatch.setattr(EpochBasedTrainLoop, 'run', lambda self: None)

    def start(model, source):
        runner(tmp_path / 'run', model, load_from=str(source)).train()
        return model

    return start


@pytest.fixture
def source(tmp_path):
    return save_teacher(tmp_path / 'teacher.pth')


def released(source: Path) -> Path:
    """The file as people publish it, with an object of their training code beside the weights."""
    target = source.with_name('released.pth.tar')
    convert(source, target, 'released', 32, 64)
    module = ModuleType('lib_of_others')
    module.Meter = type('Meter', (), {'__module__': module.__name__})
    sys.modules[module.__name__] = module
    torch.save({**read_checkpoint(target), 'stats': module.Meter()}, target)
    del sys.modules[module.__name__]
    return target


def test_load_from_a_released_file(started, source):
    assert same_weights(started(build(tracker(), seed=3), released(source)),
                        tracker_weights(source))


def test_load_from_own_files(started, source, tmp_path):
    assert same_weights(started(build(tracker(), seed=3), source), tracker_weights(source))
    state = {f'module.{key}': value for key, value in tracker_weights(source).items()}
    save_checkpoint({'model': state}, tmp_path / 'prefix.pth')
    assert same_weights(started(build(tracker(), seed=4), tmp_path / 'prefix.pth'),
                        tracker_weights(source))


def test_compressions_and_their_students_start_from_each_other(started, tmp_path):
    whole = build(distiller(None), seed=1)
    save_checkpoint({'state_dict': whole.state_dict()}, tmp_path / 'whole.pth')
    save_teacher(tmp_path / 'student.pth', student(), seed=2)
    alone = read_checkpoint(tmp_path / 'student.pth')['state_dict']
    model = started(build(student(), seed=3), tmp_path / 'whole.pth')
    assert same_weights(model, whole.student)
    model = started(build(distiller(None), seed=4), tmp_path / 'whole.pth')
    assert same_weights(model, whole)
    for file in (tmp_path / 'student.pth', released(tmp_path / 'student.pth')):
        model = started(build(distiller(None), seed=5), file)
        assert same_weights(model.student, alone)
        assert model.started


def test_averaged_weights_start_from_a_released_file(source, tmp_path, monkeypatch):
    monkeypatch.setattr(EpochBasedTrainLoop, 'run', lambda self: None)
    run = runner(tmp_path / 'run', build(tracker(), seed=3), load_from=str(released(source)),
                 custom_hooks=[{'type': 'EMAHook'}])
    run.train()
    averaged = next(hook.ema_model.module for hook in run.hooks if hasattr(hook, 'ema_model'))
    assert same_weights(averaged, tracker_weights(source))


def test_never_from_random_weights(started, source, tmp_path):
    state = tracker_weights(source)
    vit = {key.removeprefix('backbone.').replace('layers.', 'blocks.'): value
           for key, value in state.items() if key.startswith('backbone.')}
    save_checkpoint({'model': vit}, tmp_path / 'mae.pth')
    save_teacher(tmp_path / 'wide.pth', tracker(width=48))
    save_checkpoint({'state_dict': {'fc.weight': torch.ones(1)}}, tmp_path / 'other.pth')
    for name, message in (
            ('mae', 'mae.pth is not a checkpoint of a tracker but a pretrained ViT; '
             'tools/convert_weights.py makes one of it'),
            ('wide', 'has no weights for the layers of .* embed_dims 48 instead of 32, .*; give '),
            ('other', r"not a checkpoint of a known tracker: its first keys are \['fc.weight'\]"),
            ('none', 'none.pth does not exist')):
        with pytest.raises((CheckpointError, FileNotFoundError), match=message):
            started(build(tracker()), tmp_path / f'{name}.pth')


def test_what_starts_at_random_is_named(started, source, tmp_path, capsys):
    """A pretrained backbone has no head."""
    state = {key: value for key, value in tracker_weights(source).items()
             if not key.startswith('head.')}
    save_checkpoint({'state_dict': state}, tmp_path / 'backbone.pth')
    model = build(tracker(), seed=3)
    head = {key: value.clone() for key, value in model.head.state_dict().items()}
    started(model, tmp_path / 'backbone.pth')
    assert same_weights(model.head, head)
    assert all(torch.equal(model.state_dict()[key], value) for key, value in state.items())
    assert (f'backbone.pth has no fitting weights for {len(head)} of the network, in head.offset, '
            'head.score, head.size: they start at random') in ''.join(capsys.readouterr())


def test_a_tracker_of_others_is_loaded_as_it_is(started, tmp_path):
    class Other(OSTrack):
        def __init__(self):
            super(OneStreamTracker, self).__init__()
            self.fc = torch.nn.Linear(2, 2)

    weights = {'fc.weight': torch.ones(2, 2), 'fc.bias': torch.ones(2)}
    save_checkpoint({'state_dict': weights}, tmp_path / 'other.pth')
    assert same_weights(started(Other(), tmp_path / 'other.pth'), weights)


# Resuming

def test_changed_settings_of_a_resumed_run_are_named(tmp_path, capsys):
    runner(tmp_path, build(tracker())).train()
    capsys.readouterr()
    run = runner(tmp_path, build(tracker()), epochs=2, lr=1e-5, resume=True)
    run.train()
    said = ''.join(capsys.readouterr())
    assert ('the settings of the optimizer and the schedules of the checkpoint apply, not those of '
            'the config: optim_wrapper.optimizer.lr (was 0.001, is 1e-05), param_scheduler.0.T_max '
            '(was 1, is 2)'
            ) in said
    assert 'was begun with train_cfg.max_epochs=1 and goes on to 2: schedules of' in said
    assert run.iter == 6


def test_a_run_that_is_resumed_as_it_was_needs_no_word(tmp_path, capsys):
    run = runner(tmp_path, build(tracker()), epochs=2)
    run.train()
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_1.pth'))
    capsys.readouterr()
    again = runner(tmp_path, build(tracker(), seed=8), epochs=2, resume=True)
    again.train()
    said = ''.join(capsys.readouterr())
    assert 'count, not those of' not in said
    assert 'was begun with' not in said
    assert same_weights(again.model, run.model)


@pytest.mark.parametrize(('begun', 'now', 'settings'), [
    ('AdamW', 'SGD', 'amsgrad, betas, .*; SGD of'), ('SGD', 'AdamW', 'dampening, .*; AdamW of')])
def test_another_optimizer_is_not_resumed(tmp_path, begun, now, settings):
    runner(tmp_path, build(tracker()), optimizer=begun).train()
    run = runner(tmp_path, build(tracker()), epochs=2, optimizer=now, resume=True)
    with pytest.raises(CheckpointError, match=(
            f'is of a run with another optimizer, which has the settings {settings} the config '
            'cannot go on with its state; resume with the optimizer it was begun with')):
        run.train()


def validation(**kwargs) -> dict:
    """Settings that validate on a pair after each epoch."""
    loader = {'dataset': [packed_pairs(1)], 'batch_size': 1, 'collate_fn': lambda batch: batch[0],
              'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
    return {'val_dataloader': loader, 'val_cfg': {}, 'val_evaluator': {'type': 'PairIoU'}, **kwargs}


def test_the_best_by_another_metric_begins_anew(tmp_path, capsys):
    runner(tmp_path, build(tracker()), checkpoint={'save_best': 'pair/iou'}, **validation()).train()
    best, = tmp_path.glob('best_*')
    capsys.readouterr()
    for metric, said in (('other/iou', True), ('pair/iou', False)):
        shutil.copy(tmp_path / 'epoch_1.pth', tmp_path / 'start.pth')
        run = runner(
            tmp_path / metric.split('/')[0], build(tracker()), epochs=2, resume=True,
            load_from=str(tmp_path / 'start.pth'), checkpoint={'save_best': metric},
            **validation(val_evaluator={'type': 'PairIoU', 'prefix': metric.split('/')[0]}))
        run.train()
        words = ''.join(capsys.readouterr())
        assert (f'save_best={metric} counts from here on; {best.name} was the best by another '
                'metric, and stays' in words) == said
        if said:
            assert (tmp_path / 'other/best_other_iou_epoch_2.pth').is_file()


@pytest.mark.parametrize(('factor', 'said'), [
    ([2, 4], []), ([2.1, 3.9], []),
    ([2, 5], ['a, tracker: CropPair.factor of search crops is 5, it tracks with '
              'test_cfg.search_factor=4.0']),
    ([1.5, 4], ['a, tracker: CropPair.factor of template crops is 1.5, it tracks with '
                'test_cfg.template_factor=2.0'])])
def test_crops_of_another_factor_than_those_to_track_in(factor, said, monkeypatch):
    dataset, logged = object.__new__(PairDataset), []
    dataset.pipeline = [TRANSFORMS.build({
        'type': 'CropPair', 'size': [32, 64], 'factor': factor, 'center_jitter': [0, 0],
        'scale_jitter': [0, 0]})]
    monkeypatch.setattr('running.start_checks.print_log', lambda text, *_: logged.append(text))
    check_crops('a', dataset, {'tracker': build(tracker())})
    assert logged == said


def test_a_metric_that_nobody_gives(tmp_path):
    run = runner(tmp_path, build(tracker()), checkpoint={'save_best': 'pair/iuo'}, **validation())
    with pytest.raises(ValueError, match="save_best='pair/iuo' of the checkpoint hook is not one "
                                         'of pair/iou; set default_hooks.checkpoint.save_best'):
        run.train()
    assert run.iter == 0


def test_told_to_end_within_a_validation_with_averaged_weights(tmp_path, monkeypatch):
    """Network and averages are saved as they are between validations, in which they are swapped."""
    averaging = {'custom_hooks': [{'type': 'EMAHook', 'momentum': 0.5, 'update_buffers': True}]}
    runner(tmp_path, build(tracker()), **averaging).train()
    whole = read_checkpoint(tmp_path / 'epoch_1.pth')
    process = PairIoU.process

    def told(*args):
        os.kill(os.getpid(), signal.SIGTERM)
        process(*args)

    monkeypatch.setattr(PairIoU, 'process', told)
    with pytest.raises(SystemExit) as end:
        runner(tmp_path / 'told', build(tracker()), **averaging, **validation()).train()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert end.value.code == 143
    saved = read_checkpoint(tmp_path / 'told/interrupted.pth')
    assert not same_weights(whole['state_dict'], {
        key.removeprefix('module.'): value for key, value in whole['ema_state_dict'].items()
        if key != 'steps'})
    for part in ('state_dict', 'ema_state_dict'):
        assert same_weights(saved[part], whole[part])


def test_nothing_in_a_resumed_checkpoint_is_run(tmp_path):
    runner(tmp_path, build(tracker())).train()
    content = torch.load(tmp_path / 'epoch_1.pth')
    marker = tmp_path / 'marker'
    content['meta']['config'] = f'open({str(marker)!r}, "w")'
    torch.save(content, tmp_path / 'epoch_1.pth')
    runner(tmp_path, build(tracker()), epochs=2, resume=True).train()
    assert (tmp_path / 'epoch_2.pth').is_file()
    assert not marker.exists()


def test_checkpoints_are_written_whole(tmp_path, monkeypatch):
    parts = []
    monkeypatch.setattr('mmct.utils.files.os.replace', lambda part, path: parts.append(part.name))
    runner(tmp_path, build(tracker())).train()
    assert any(name.startswith('.epoch_1.pth.') for name in parts)
    assert not (tmp_path / 'epoch_1.pth').exists()


def test_other_files_of_the_process_are_mmengines_own_affair():
    assert type(get_file_backend('a.pth')) is LocalBackend
    assert CheckpointLoader._get_checkpoint_loader('a.pth').__module__.startswith('mmengine.')
