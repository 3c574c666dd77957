"""From training to the evaluation of the student, through the tools alone."""
import json
import os
import resource
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from commands import run_process
from mmengine.config import Config
from mmengine.runner import Runner
from tiny import same_weights, save_teacher, tracker

from mmct.engine.loops import ResumableTrainLoop
from mmct.evaluation.evaluators import PairIoU
from mmct.models.distillers import ReplacementDistiller


def load(path):
    return torch.load(path)  # with PyTorch's protection


def equal(one, other):
    """Whether two values of a checkpoint are the same, bit for bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


@pytest.fixture(scope='module')
def trained(setup, tool):
    """The work folder of a compression that ran to its end."""
    folder = setup.folder / 'whole'
    done = tool('train.py', setup.config, '--work-dir', folder)
    assert (done.status, done.err) == (0, '')
    return folder


@pytest.fixture
def at_step(monkeypatch):
    """Let something happen in the middle of a training's step number ``at``; None for never."""
    loss = ReplacementDistiller.loss

    def arrange(at, event=None):
        def loss_and_event(self, *args, **kwargs):
            if self.iteration == at:
                event()
            return loss(self, *args, **kwargs)

        monkeypatch.setattr(ReplacementDistiller, 'loss', loss_and_event)

    return arrange


def power_failure():
    raise OSError('the power is gone')


def sigterm():
    os.kill(os.getpid(), signal.SIGTERM)


def sighup():
    os.kill(os.getpid(), signal.SIGHUP)


@pytest.fixture
def full_disk():
    """Function after whose call files cannot grow to the size of a checkpoint."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def training(setup, tool, tmp_path):
    """Run the training of ``trained``, without workers and pictures, in a folder of its own."""
    def train(*more, options=(), config=setup.config):
        return tool('train.py', config, '--work-dir', tmp_path, *more, '--cfg-options',
                    'train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False',
                    'default_hooks.batch_picture.interval=0', *options)
    return train


def test_a_full_disk_under_figures(training, monkeypatch):
    def full(*args):
        raise OSError(28, 'No space left on device')

    run_iter = ResumableTrainLoop.run_iter

    def fill(self, *args):
        monkeypatch.setattr('mmengine.visualization.vis_backend.open', full, raising=False)
        run_iter(self, *args)

    monkeypatch.setattr(ResumableTrainLoop, 'run_iter', fill)
    done = training()
    assert (done.status, done.err) == (2, 'error: [Errno 28] No space left on device\n')


def assert_same_state(file, other):
    whole, resumed = load(file), load(other)
    assert whole['state_dict']['iteration'] == 9
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert equal(whole[part], resumed[part])


def last_of(folder) -> str:
    return Path((folder / 'last_checkpoint').read_text()).name


def test_the_same_seed_gives_the_same_weights(trained, training, tmp_path):
    """The number of workers does not matter."""
    assert training().status == 0
    assert_same_state(trained / 'epoch_3.pth', tmp_path / 'epoch_3.pth')


@pytest.mark.parametrize('step', [pytest.param(step, marks=pytest.mark.slow)
                                  for step in (1, 2, 3, 5, 6, 7, 8)] + [4])
def test_interrupted_training_ends_with_the_same_weights(
        trained, training, tmp_path, at_step, step):
    options = ['default_hooks.checkpoint.by_epoch=False']
    at_step(step, power_failure)
    done = training(options=options)
    assert (done.status, done.err) == (2, 'error: the power is gone\n')
    assert last_of(tmp_path) == f'iter_{step}.pth'
    at_step(None)
    assert training('--resume', options=options).status == 0
    assert_same_state(trained / 'epoch_3.pth', tmp_path / 'iter_9.pth')


def test_told_to_end_and_resumed(trained, training, tmp_path, at_step):
    """Twice, by another signal each time."""
    more, saved = [], []
    for step, event, name, status in ((4, sigterm, 'SIGTERM', 143), (7, sighup, 'SIGHUP', 129)):
        at_step(step, event)
        done = training(*more)
        assert (done.status, done.err) == (status, '')
        assert (f'told to end ({name}): saved {tmp_path}/interrupted.pth after {step + 1} '
                'iterations; --resume goes on from there') in done.out
        more = ['--resume']
        saved.append(f'epoch_{len(saved) + 1}.pth')
        assert sorted(file.name for file in tmp_path.glob('[!b]*.pth')) == [
            *saved, 'interrupted.pth']
    at_step(None)
    done = training('--resume', options=['train_dataloader.batch_size=1'])
    assert done.status == 2
    assert 'saved after 2 of the 3 batches of an epoch, an epoch has 6 now' in done.err
    # The seed it began with counts.
    done = training('--resume', options=['randomness.seed=7'])
    assert (done.status, done.err) == (0, '')
    assert_same_state(trained / 'epoch_3.pth', tmp_path / 'epoch_3.pth')
    assert not (tmp_path / 'interrupted.pth').exists()


def test_what_a_resumed_checkpoint_says_is_data(trained, training, tmp_path):
    """MMEngine runs ``meta.config``, and removes the best checkpoint before a better one."""
    work, other = tmp_path / 'work', tmp_path / 'best_of_another_run.pth'
    for file in (work / 'precious/file', other):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('')
    for best in (other, work / 'precious'):
        content = load(trained / 'epoch_2.pth')
        content['meta']['config'] = f'from pathlib import Path\nPath({str(other)!r}).unlink()\n'
        content['message_hub']['runtime_info'].update(best_ckpt=str(best), best_score=-1.)
        torch.save(content, work / 'epoch_2.pth')
        done = training('--resume', '--work-dir', work)
        assert (done.status, done.err) == (0, '')
        assert (work / 'best_pair_iou_epoch_3.pth').is_file()
        assert other.is_file()
        assert (work / 'precious/file').is_file()
        for file in work.glob('*.pth'):
            file.unlink()
        (work / 'last_checkpoint').unlink()


def test_another_network_is_not_resumed(setup, trained, training, tmp_path):
    (tmp_path / 'last_checkpoint').write_text(str(trained / 'epoch_2.pth'))
    done = training('--resume', options=['model.student.head.channels=8'])
    assert (done.status, done.err) == (
        2, f'error: {trained}/epoch_2.pth is of another network: student.head.offset.0.bn.bias has '
        'the shape (16,), that of the config (8,); resume with the config it was trained with, or '
        'start anew\n')
    (tmp_path / 'last_checkpoint').write_text(str(setup.student))
    done = training('--resume')
    assert (done.status, done.err) == (
        2, f'error: {setup.student} is not the state of a run, for it lacks epoch, iter, '
        'optimizer, message_hub; start from it with load_from alone\n')


@pytest.mark.parametrize(('option', 'said'), [
    ('train_dataloader.dataset.pipeline.3.scale_jitter=[0,0.1]',
     'train_dataloader.dataset.pipeline.3.scale_jitter.1 (was 0.5, is 0.1)'),
    ('train_dataloader.dataset.datasets.0.data_root={data}',
     'the data of train_dataloader.dataset.datasets.0'),
    ('model.teacher_checkpoint={teacher}', 'the weights of model.teacher_checkpoint'),
    ('custom_hooks.1.init=0.7', 'custom_hooks (ReplacementScheduleHook).init (was 0.5, is 0.7)'),
    ('optim_wrapper.type=Bf16OptimWrapper', "optim_wrapper.type (was 'FiniteOptimWrapper', is "),
])
def test_another_run_is_not_resumed(trained, training, tmp_path, videos, option, said):
    shutil.copy(trained / 'epoch_2.pth', tmp_path)
    videos.add('cat-1')
    teacher = save_teacher(tmp_path / 'teacher.pth', tracker(
        width=32, depth=4, template_size=96, search_size=192), seed=9)
    done = training('--resume', options=[option.format(data=videos.root, teacher=teacher)])
    assert done.status == 2
    assert (f'{tmp_path}/epoch_2.pth is of a run with other settings: {said}' in done.err)
    assert ' changed; resume with those that it was begun with, or start anew' in done.err


def test_what_decides_nothing_may_change(setup, trained, training, tmp_path):
    """Nor where the data and the teacher lie."""
    shutil.copy(trained / 'epoch_3.pth', tmp_path)
    shutil.copy(setup.teacher, tmp_path / 'moved.pth')
    data = Config.fromfile(setup.config).videos.data_root
    shutil.copytree(data, tmp_path / 'data')
    done = training('--resume', options=[
        f'train_dataloader.dataset.datasets.0.data_root={tmp_path}/data',
        f'model.teacher_checkpoint={tmp_path}/moved.pth', 'default_hooks.logger.interval=2',
        'model.student.test_cfg.exact_crops=True',
        'val_dataloader.num_workers=1', 'default_hooks.checkpoint.interval=2', 'log_level=ERROR'])
    assert (done.status, done.err) == (0, '')


@pytest.mark.parametrize('where', ['work folder', 'folder of its own'])
def test_training_again_moves_the_earlier_run_aside(training, tmp_path, where):
    options = ['train_cfg.max_epochs=1']
    folder = tmp_path
    if where != 'work folder':
        options.append(f'default_hooks.checkpoint.out_dir={tmp_path}/all')
        folder = tmp_path / 'all' / tmp_path.name
    assert training(options=options).status == 0
    (folder / 'mine.pth').write_text('')
    first = load(folder / 'epoch_1.pth')
    logs = {path.name for path in tmp_path.glob('2*_*')}
    while time.strftime('%Y%m%d_%H%M%S') in logs:  # as MMEngine calls them
        time.sleep(0.01)
    done = training(options=[*options, 'randomness.seed=7'])
    aside = folder.with_name(f'{folder.name}.1')
    assert f'checkpoints and logs of an earlier run are in {aside} now' in done.out
    assert equal(load(aside / 'epoch_1.pth')['state_dict'], first['state_dict'])
    assert not equal(load(folder / 'epoch_1.pth')['state_dict'], first['state_dict'])
    assert (folder / 'mine.pth').is_file()
    if where == 'work folder':
        assert {path.name for path in aside.glob('2*_*')} == logs
    else:
        (tmp_path / 'last_checkpoint').unlink()
    options[0] = 'train_cfg.max_epochs=2'
    done = training('--resume', options=options)
    assert (done.status, done.err) == (0, '')
    assert f'Load checkpoint from {folder}/epoch_1.pth' in done.out


def test_full_disk_and_a_checkpoint_cut_short(trained, training, tmp_path, at_step, full_disk):
    (tmp_path / '.epoch_1.pth.123.part').write_text('of a run that was killed')
    at_step(7, full_disk)
    done = training()
    assert (done.status, done.err) == (
        2, f"error: [Errno 27] File too large: '{tmp_path}/epoch_3.pth'\n")
    assert sorted(file.name for file in tmp_path.iterdir() if file.suffix in ('.pth', '.part')
                  and not file.name.startswith('best_')) == ['epoch_1.pth', 'epoch_2.pth']
    assert last_of(tmp_path) == 'epoch_2.pth'
    os.truncate(tmp_path / 'epoch_2.pth', 50_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, ) * 2)
    at_step(None)
    done = training('--resume')
    assert (done.status, done.err) == (
        0, f'warning: {tmp_path}/epoch_2.pth is cut short or damaged and passed over\n')
    assert_same_state(trained / 'epoch_3.pth', tmp_path / 'epoch_3.pth')


def test_the_best_checkpoint_stays_until_a_better_one_is_written(training, tmp_path, monkeypatch):
    scores = iter([0.1, 0.2, 0.3])
    monkeypatch.setattr(PairIoU, 'compute_metrics', lambda self, results: {'iou': next(scores)})
    save = Runner.save_checkpoint

    def best():
        return [file.name for file in tmp_path.glob('best_*')]

    def save_or_fail(self, folder, filename, *args, **kwargs):
        if filename == 'best_pair_iou_epoch_3.pth':
            raise OSError(f'the disk is full beside {best()}')
        save(self, folder, filename, *args, **kwargs)

    monkeypatch.setattr(Runner, 'save_checkpoint', save_or_fail)
    done = training()
    assert (done.status, done.err) == (
        2, "error: the disk is full beside ['best_pair_iou_epoch_2.pth']\n")
    assert best() == ['best_pair_iou_epoch_2.pth']
    assert load(tmp_path / 'best_pair_iou_epoch_2.pth')['meta']['epoch'] == 2


@pytest.mark.slow
def test_all_that_has_a_state_is_resumed(setup, training, tmp_path, at_step):
    """Averaged weights, accumulated gradients and schedules by epoch, told to end at any step."""
    config = tmp_path / 'config.py'
    config.write_text(f"""
_base_ = {str(setup.config)!r}
train_dataloader = dict(batch_size=1)
optim_wrapper = dict(accumulative_counts=2)
param_scheduler = dict(_delete_=True, type='LinearLR', start_factor=0.1, by_epoch=True, end=2)
train_cfg = dict(max_epochs=2)
custom_hooks = [*_base_.custom_hooks, dict(type='EMAHook', momentum=0.1)]
""")
    whole = tmp_path / 'whole'
    assert training('--work-dir', whole, config=config).status == 0
    for step in range(11):
        folder = tmp_path / str(step)
        at_step(step, sigterm)
        done = training('--work-dir', folder, config=config)
        assert done.status == 143, done.err
        assert f'after {step + 1 + (step + 1) % 2} iterations' in done.out
        at_step(None)
        assert training('--resume', '--work-dir', folder, config=config).status == 0
        for part in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'):
            one, other = (load(place / 'epoch_2.pth')[part] for place in (whole, folder))
            assert equal(one, other), (step, part)


def test_a_training_that_learns_nothing_any_more(training, tmp_path, monkeypatch):
    loss = ReplacementDistiller.loss

    def not_a_number(self, *args, **kwargs):
        losses = loss(self, *args, **kwargs)
        # Step 2 is a fault of its own, from step 5 on none is good.
        return {name: value * (torch.nan if self.iteration == 2 or self.iteration >= 5 else 1.)
                for name, value in losses.items()}

    monkeypatch.setattr(ReplacementDistiller, 'loss', not_a_number)
    done = training(options=['default_hooks.non_finite.max_in_row=2'])
    assert done.status == 2
    assert done.err.startswith(
        'error: 3 steps in a row were left out, the last checkpoint is from before them; in step 7 '
        'the loss is not finite, for process 0: ')
    assert done.err.count('/LaSOTBenchmark/cat/cat-') == 2 * 2
    assert 'step 2 is left out, 1 in a row: the loss is not finite' in done.out
    for name in ('epoch_1.pth', 'epoch_2.pth'):
        state = load(tmp_path / name)['state_dict']
        assert all(value.isfinite().all() for value in state.values())
    file, = tmp_path.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line['skipped_steps'] for line in lines if 'loss' in line] == [0, 1, 1, 1, 2, 3]


def test_training_moves_the_student(setup, trained):
    first, last = (load(trained / f'epoch_{i}.pth')['state_dict'] for i in (1, 3))
    teacher = load(setup.teacher)['state_dict']
    assert first.keys() == last.keys()
    assert not same_weights(first, last)
    distance = [(last[f'student.{name}'] - teacher[name]).abs().max()
                for name in ('backbone.pos_embed_x', 'head.score.0.conv.weight')]
    assert 0 < max(distance) < 0.1  # a few steps away from where it started


def test_checkpoints_hold_no_teacher(trained):
    for file in trained.glob('epoch_*.pth'):
        state = load(file)['state_dict']
        assert {name.split('.')[0] for name in state} == {'student', 'iteration', 'started'}
        layers = {name.split('.')[3] for name in state if '.layers.' in name}
        assert layers == {'0', '1'}
        assert state['started']


def test_what_is_logged(trained):
    file, = trained.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    train = [line for line in lines if 'loss' in line]
    assert [line['replace_prob'] for line in train] == pytest.approx(
        [0.5] * 3 + [0.5 + 0.5 * 2 / 3] * 3 + [1.] * 3)
    for name in ('loss_track_focal', 'loss_track_giou', 'loss_track_l1', 'loss_guidance_giou',
                 'loss_guidance_l1', 'loss_mimic', 'grad_norm', 'lr'):
        assert all(line[name] > 0 for line in train)
    for name in ('iou_mixed', 'iou_teacher', 'iou_student'):
        assert all(0 <= line[name] <= 1 for line in train)
    for line in train:
        error = (line['mimic_error_1'] + line['mimic_error_2']) / 2
        assert line['loss_mimic'] == pytest.approx(0.2 * error)
    assert [0 <= line['pair/iou'] <= 1 for line in lines if 'pair/iou' in line] == [True] * 3


def test_looking_changes_nothing(setup, trained, tool, tmp_path):
    """Pictures and the IoU of the student alone, which are on by default."""
    done = tool('train.py', setup.config, '--work-dir', tmp_path, '--cfg-options',
                'default_hooks.student_iou.interval=0', 'default_hooks.batch_picture.interval=0')
    assert (done.status, done.err) == (0, '')
    lines = []
    for folder, expected in ((trained, ['train_batch_0.png', 'train_batch_8.png']),
                             (tmp_path, [])):
        assert sorted(path.name for path in folder.glob('*/vis_data/vis_image/*')) == expected
        file, = folder.glob('*/vis_data/scalars.json')
        lines.append([json.loads(line) for line in file.read_text().splitlines()])
    for looking, plain in zip(*lines, strict=True):
        assert looking.pop('iou_student', 0) <= 1
        assert looking.keys() == plain.keys()
        assert all(looking[key] == plain[key] for key in plain if 'time' not in key)
    one, other = (load(folder / 'epoch_3.pth') for folder in (trained, tmp_path))
    for key in ('state_dict', 'optimizer'):
        assert equal(one[key], other[key])


def test_every_kind_of_checkpoint_gives_the_same_metrics(
        setup, trained, tool, tmp_path, read_metrics):
    whole, student, released = (
        trained / 'epoch_3.pth', tmp_path / 'student.pth', tmp_path / 'student.pth.tar')
    # In a process of its own, MMEngine is not there to name what its checkpoints hold.
    done = run_process('extract_student.py', whole, student)
    assert done == (0, f'student of {whole} written to {student}\n', '')
    done = tool('convert_weights.py', student, released, '--to', 'released')
    assert done == (0, f'{student}: student, written to {released} (released layout)\n', '')
    assert 'backbone.distill_blocks.1.norm1.bias' in load(released)['net']
    found = []
    for i, checkpoint in enumerate((whole, student, released)):
        work, boxes, file = tmp_path / str(i), tmp_path / f'boxes{i}', tmp_path / f'{i}.json'
        done = tool('test.py', setup.config, checkpoint, '--work-dir', work, '--results', boxes,
                    '--json', file)
        assert (done.status, done.err) == (0, '')
        found.append(json.loads(file.read_text()))
        assert found[i].items() <= read_metrics(work).items()
        first, *rest = (boxes / 'cat-1.txt').read_text().splitlines()
        assert [float(value) for value in first.split(',')] == [20, 15, 12, 10]
        assert len(rest) == 19
    assert found[0] == found[1] == found[2]
    assert set(found[0]) == {'sot/success', 'sot/norm_precision', 'sot/precision',
                             'sot/failed_sequences'}
    assert 0 < found[0]['sot/success'] <= 100


def test_student_needs_no_teacher(setup, tool, tmp_path, read_metrics):
    """Neither its file nor its config: a plain OSTrack tests the extracted student."""
    done = tool('test.py', setup.config, setup.student, '--work-dir', tmp_path / 'a',
                '--cfg-options', 'model.teacher_checkpoint=nowhere.pth', 'model.teacher=None')
    assert (done.status, done.err) == (0, '')
    plain = tmp_path / 'plain.py'
    plain.write_text(f'_base_ = {str(setup.config)!r}\n'
                     'model = dict(_delete_=True, **_base_.model.student)\n')
    done = tool('test.py', plain, setup.student, '--work-dir', tmp_path / 'b')
    assert (done.status, done.err) == (0, '')
    one, other = (read_metrics(tmp_path / name) for name in 'ab')
    assert one['sot/success'] == other['sot/success']


def test_fine_tuning_starts_from_an_extracted_student(setup, tool, tmp_path):
    options = [f'load_from={setup.student}', 'train_cfg.max_epochs=1',
               'default_hooks.batch_picture.interval=0']
    done = tool('train.py', setup.config, '--work-dir', tmp_path, '--cfg-options', *options)
    assert (done.status, done.err) == (0, '')
    state = load(tmp_path / 'epoch_1.pth')['state_dict']
    for name, value in load(setup.student)['state_dict'].items():
        if 'running' not in name and 'num_batches' not in name:
            torch.testing.assert_close(state[f'student.{name}'], value, rtol=0, atol=1e-3)


def test_learning_rate_follows_the_batch_on_demand(setup, tool, tmp_path):
    done = tool('train.py', setup.config, '--work-dir', tmp_path, '--auto-scale-lr')
    assert done.status == 2
    assert done.err == ('error: --auto-scale-lr needs auto_scale_lr.base_batch_size in the '
                        'config\n')


def test_bfloat16_accumulation_and_checkpointing_together(setup, tool, tmp_path):
    done = tool('train.py', setup.config, '--work-dir', tmp_path, '--amp', 'bf16',
                '--cfg-options', 'train_cfg.max_epochs=1', 'optim_wrapper.accumulative_counts=2',
                'activation_checkpointing=[student.backbone.layers.0]',
                'model.frozen=[backbone.patch_embed]')
    assert (done.status, done.err) == (0, '')
    state = load(tmp_path / 'epoch_1.pth')
    assert all(value.dtype in (torch.float32, torch.int64, torch.bool)
               for value in state['state_dict'].values())


def test_fp16_needs_a_gpu(setup, tool, tmp_path):
    if torch.cuda.is_available():
        pytest.skip('there is a GPU')
    done = tool('train.py', setup.config, '--work-dir', tmp_path, '--amp')
    assert (done.status, done.err) == (
        2, 'error: --amp fp16 needs a GPU, but none was found; use --amp bf16\n')
