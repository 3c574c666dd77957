"""One clear line for each mistake, and exit status 2; a broken sequence fails alone, status 1."""
import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from argparse import ArgumentTypeError
from pathlib import Path
from threading import Thread

import pytest
import torch
from cli import existing_config, one_line, out_file, run, run_command
from tiny import save_teacher, tracker

from mmct.checkpoint import save_checkpoint
from mmct.utils.files import write_text

ROOT = Path(__file__).parents[2]


def options(data) -> list:
    """Settings that test on other videos."""
    return ['--cfg-options', f'test_dataloader.dataset.data_root={data.root}']


def refused(done) -> str:
    """The one line that a refusal consists of, beside the log."""
    assert done.status == 2
    line, = done.err.splitlines()
    assert line.startswith('error: ')
    return line


@pytest.fixture
def train(setup, tool, tmp_path):
    """Train with other settings."""
    return lambda *changes: tool(
        'train.py', setup.config, '--work-dir', tmp_path / 'work', '--cfg-options',
        'train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False', *changes)


@pytest.fixture
def track(setup, tool, tmp_path, videos):
    """Track through ``videos``."""
    return lambda: tool('test.py', setup.config, setup.student, '--work-dir', tmp_path / 'work',
                        *options(videos))


# Files that are not there

def test_no_config(tool):
    for name in ('train.py', 'test.py'):
        args = () if name == 'train.py' else ('weights.pth', )
        assert refused(tool(name, 'none.py', *args)) == 'error: config none.py does not exist'


@pytest.mark.parametrize(('text', 'message'), [
    (None, 'is a folder; give a file in it'), ('', 'has no model; give that of a tracker'),
    ('model = dict(', "cannot be read: SyntaxError: '(' was never closed"),
    ("_base_ = 'none.py'", 'cannot be read: FileNotFoundError: '),
    ("model = dict(type='Nobody')", 'its model cannot be built: KeyError: Nobody is not in the'),
    ("model = dict(type='mmdet.ResNet', depth=18)",
     'is of a ResNet; expected that of a tracker of mmct')])
def test_configs_of_no_tracker(setup, tool, tmp_path, text, message):
    file = tmp_path / 'config.py'
    if text is None:
        file.mkdir()
    else:
        file.write_text(text)
    line = refused(tool('export.py', file, setup.student, tmp_path / 'out.onnx'))
    assert f'config {file}{":" * message.startswith("its")} {message}' in line
    line = refused(tool('search_student.py', file, '--budget-ms', '9'))
    assert f'{file} ' in line


@pytest.mark.parametrize(('name', 'said'), [
    ('folder', 'folder cannot be written: it is a folder'),
    ('file/new.json', 'file/new.json cannot be written: .*/file is no folder to write to'),
    ('link', 'link cannot be written: .*/file is no folder to write to')])
def test_results_that_could_not_be_written_in_the_end(tool, tmp_path, name, said):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file').touch()
    (tmp_path / 'link').symlink_to(tmp_path / 'file/new.json')
    for tool_name, *args in (
            ('demo_video.py', 'none.mp4', 'none.onnx', '--box', '1,2,3,4', '--boxes'),
            ('benchmark.py', 'none.py', '--json'), ('test.py', 'none.py', 'none.pth', '--json'),
            ('evaluate.py', 'none', '--annotations', 'none', '--csv')):
        done = tool(tool_name, *args, tmp_path / name)
        assert done.status == 2
        assert re.search(f'argument {args[-1]}: .*{said}$', done.err.rstrip())


def test_files_that_can_be_written(tmp_path):
    (tmp_path / 'there').touch()
    for file in ('/dev/stdout', tmp_path / 'there', tmp_path / 'new/folder/file'):
        assert out_file(str(file)) == Path(file)


@pytest.mark.parametrize(('place', 'name'), [
    ('/dev/stdout', 'out'), ('/dev/fd/1', 'out'), ('/proc/self/fd/1', 'out'),
    ('/dev/stderr', 'err'), ('/dev/fd/2', 'err')])
def test_files_that_stdout_stands_for(capfd, place, name):
    """As of `--boxes /dev/stdout > file`; what is said before and after stays."""
    stream = getattr(sys, f'std{name}')
    print('before', file=stream)
    write_text(place, '1,2,3,4\n')
    print('after', file=stream)
    assert getattr(capfd.readouterr(), name) == 'before\n1,2,3,4\nafter\n'


def test_folders_that_may_not_be_written_to(tmp_path, monkeypatch):
    def stat(path, *args, of_all=os.stat, **kwargs):
        if str(path).startswith(f'{tmp_path}/'):
            raise PermissionError(13, 'Permission denied', str(path))
        return of_all(path, *args, **kwargs)
    monkeypatch.setattr(os, 'access', lambda place, mode: place not in (Path('/dev'), tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(os, 'stat', stat)
        with pytest.raises(ArgumentTypeError, match=f'{tmp_path} is no folder to write to'):
            out_file(str(tmp_path / 'new/file'))
    # `> file` of a shell with more rights
    with open(tmp_path / 'file', 'w') as file:
        monkeypatch.setattr(os.path, 'realpath', lambda path: file.name)
        assert out_file('/dev/stdout') == Path('/dev/stdout')


def test_configs_without_what_a_tool_needs(setup, tool, tmp_path):
    config = tmp_path / 'empty.py'
    config.write_text('')
    for name in ('analyze_stages.py', 'benchmark.py'):
        line = refused(tool(name, config, setup.teacher))
        assert line == 'error: the config has no model, which this tool needs'
    line = refused(tool('test.py', config, setup.student))
    assert line == f'error: config {config} has no test_dataloader; name a data set by --dataset'


def test_a_config_that_only_trains(setup, tool, videos, tmp_path):
    """As docs/own_config.md has it, on a data set that is named; it need not say test_mode."""
    videos.add('cat-1')
    config = tmp_path / 'trains.py'
    config.write_text(f'_base_ = {str(setup.config)!r}\n'
                      'test_dataloader = test_evaluator = test_cfg = None\n')
    done = tool('test.py', config, setup.student, '--dataset', 'lasot', '--work-dir', tmp_path,
                *options(videos), 'test_dataloader.dataset.test_mode=False')
    assert (done.status, done.err) == (0, '')
    assert 'sot/success' in done.out


def test_no_checkpoint(setup, tool, tmp_path):
    line = refused(tool('test.py', setup.config, 'none.pth', '--work-dir', tmp_path))
    assert 'checkpoint none.pth does not exist' in line
    for name in ('extract_student.py', 'convert_weights.py'):
        line = refused(tool(name, 'none.pth', tmp_path / 'out.pth'))
        assert 'checkpoint none.pth does not exist' in line


def test_modules_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / 'my_own_layers.py').write_text('')
    (tmp_path / 'mine.py').write_text("custom_imports = dict(imports=['my_own_layers'])\n")
    monkeypatch.setattr(sys, 'path', [path for path in sys.path if path])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        run(lambda: None, lambda args: len(existing_config(Path('mine.py'))))
    assert end.value.code == 1


def test_a_process_of_its_own_says_one_line(setup, tmp_path):
    """Nothing that is imported on the way adds to it."""
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/test.py', setup.config, 'none.pth', '--work-dir', tmp_path],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 2
    assert done.stderr == 'error: tracker checkpoint none.pth does not exist\n'


def test_the_error_is_the_last_line():
    code = ('import cli\ndef main(args):\n    print("before")\n    raise ValueError("wrong")\n'
            'cli.run(lambda: None, main)')
    done = subprocess.run(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False, cwd=ROOT / 'tools', env={**os.environ, 'PYTHONPATH': f'{ROOT}/tools:{ROOT}'})
    assert done.stdout.splitlines() == ['before', 'error: wrong']


def test_a_pipe_that_nobody_reads():
    """As ``| head`` leaves behind."""
    code = ('import cli\ndef main(args):\n    print("a line " * 10000)\n'
            'cli.run(lambda: None, main)')
    end, pipe = os.pipe()
    os.close(end)
    done = subprocess.run(
        [sys.executable, '-c', code], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False,
        cwd=ROOT / 'tools', env={**os.environ, 'PYTHONPATH': f'{ROOT}/tools:{ROOT}'})
    os.close(pipe)
    assert (done.returncode, done.stderr) == (1, '')


def test_traceback_on_demand(tool):
    with pytest.raises(FileNotFoundError, match='config none.py does not exist'):
        tool('train.py', 'none.py', '--traceback')


@pytest.mark.parametrize(('change', 'message'), [
    ('data_root=nowhere/', 'annotation file nowhere/annotations/lasot_{}_infos.txt is missing'),
    ('ann_file=none.txt', '/none.txt is missing; set data_root and ann_file'),
    ('data_prefix.img_path=none', '/none is missing; set data_root and data_prefix.img_path'),
])
def test_no_data(setup, tool, train, tmp_path, change, message):
    work = tmp_path / 'work'
    line = refused(train(f'train_dataloader.dataset.datasets.0.{change}'))
    assert f'LaSOTDataset: {"data folder" if "prefix" in change else "annotation file"}' in line
    assert message.format('train') in line
    line = refused(tool('test.py', setup.config, setup.student, '--work-dir', work,
                        '--cfg-options', f'test_dataloader.dataset.{change}'))
    assert message.format('test') in line


def test_no_annotation_of_a_video(videos, track):
    (videos.add('cat-1') / 'groundtruth.txt').unlink()
    videos.add('cat-2')
    line = refused(track())
    assert '1 of 2 annotations named in' in line
    assert 'the first is cat/cat-1/groundtruth.txt' in line


# Checkpoints and configs that do not fit

@pytest.mark.parametrize(('kind', 'message'), [
    ('none', 'there is no teacher checkpoint none.pth; give model.teacher_checkpoint a file'),
    ('wide', 'has embed_dims: 48, the teacher of the config: 32'),
    ('other', 'is not a checkpoint of a known tracker'),
    ('broken', 'is not a readable checkpoint'),
    ('not given', 'there is no teacher checkpoint None; give model.teacher_checkpoint a file'),
])
def test_teachers_that_do_not_fit(train, tmp_path, kind, message):
    file = tmp_path / 'teacher.pth'
    if kind == 'wide':
        save_teacher(file, tracker(width=48))
    elif kind == 'other':
        save_checkpoint({'state_dict': {'fc.weight': torch.zeros(1)}}, file)
    elif kind == 'broken':
        file.write_bytes(b'')
    value = {'none': 'none.pth', 'not given': 'None'}.get(kind, file)
    assert message in refused(train(f'model.teacher_checkpoint={value}'))
    if kind in ('broken', 'other'):
        line = refused(train(f'load_from={file}'))
        assert message in line


@pytest.mark.parametrize(('changes', 'message'), [
    (['model.student.backbone.division=[3,3]'], '[3, 3] does not make up the 4 layers'),
    (['model.student.backbone.division=[1,1,1,1,1]'], 'does not make up the 4 layers'),
    (['model.student.backbone.division=5'], 'division=5 does not make up the 4 layers'),
    (['model.student.backbone.division=3'], 'division=3 does not make up the 4 layers'),
    (['model.teacher.backbone.depth=6', 'model.student.backbone.teacher_depth=5',
      'model.student.backbone.division=[2,3]'], '[2, 3] does not make up the 6 layers'),
    (['model.replace_prob=0'], 'replace_prob=0 must be in (0, 1]'),
    (['model.replace_prob=1.5'], 'replace_prob=1.5 must be in (0, 1]'),
    (['custom_hooks.1.init=0'], 'init=0 must be in (0, 1]'),
    (['model.student.backbone.search_size=120'], 'search_size=120 is not a positive multiple'),
    (['train_dataloader.dataset.pipeline.3.size=[96,112]'], 'train_dataloader, teacher: search '
     'crops are (112, 112) pixels, the backbone takes search_size=192; make CropPair.size'),
    (['train_dataloader.dataset.pipeline.3.student_size=[80,192]'], 'train_dataloader, student: '
     'template crops are (80, 80) pixels, the backbone takes template_size=96'),
    (['train_dataloader.dataset.pipeline.3.student_size=[48,96]',
      'train_dataloader.dataset.pipeline.3.student_factor=[1,2]',
      'model.student.backbone.template_size=48', 'model.student.backbone.search_size=96'],
     "CropPair.student_factor is [1, 2], but the student's test_cfg has factors [2.0, 4.0]; a "),
    (['val_dataloader.dataset.pipeline.3.size=[96,112]'], 'val_dataloader, tracker: search '
     'crops are (112, 112) pixels, the backbone takes search_size=192'),
    (['default_hooks.checkpoint.save_best=pair/iuo'],
     "save_best='pair/iuo' of the checkpoint hook is not one of pair/iou"),
    (['train_dataloader.dataset.pairs_per_epoch=1'], 'an epoch has 1 pairs for each process, fewer '
     'than a batch of 2; set train_dataloader.batch_size lower or train_dataloader.dataset.'),
    (['optim_wrapper.optimizer.type=AdamV'], 'optimizer.type=AdamV is not a registered optimizer'),
    (['optim_wrapper.paramwise_cfg.custom_keys.bakbone.lr_mult=0.1'], 'optim_wrapper.paramwise_cfg.'
     'custom_keys.bakbone has no effect: no parameter has that in its name; backbone is one'),
    (['optim_wrapper.paramwise_cfg.custom_keys.xyz.lr_mult=2'], 'custom_keys.xyz has '
     'no effect: no parameter has that in its name, such as student.backbone.'),
    (['model.student.backbone.typ=1'], "unexpected keyword argument 'typ'"),
    (['model.student.head.loss.focal_weight=0.'], 'its config has a fault: `cfg` or '
     '`default_args` must contain the key "type", but got {\'focal_weight\': 0.0}'),
    (['custom_hooks.0.type=SeedHook'], 'its config has a fault: SeedHook is not in'),
    (['default_hooks.logger.intervall=3'], "argument 'intervall'"),
    (['train_dataloader.dataset.type=Pairs'], 'its config has a fault: Pairs is not in'),
    (['train_dataloader.batch_size=0'], 'batch_size should be a positive integer value'),
    (['train_cfg.max_epochs=1.5'], '`max_epochs` should be a integer number, but get 1.5.'),
    (['param_scheduler.0.type=Rate'], 'its config has a fault: Rate is not in'),
    (['visualizer.type=Pictures'], 'its config has a fault: Pictures is not in'),
    (['optim_wrapper.clip_grad.norm=1'], "argument 'norm'"),
    (['optim_wrapper.type=Fp16OptimWrapper'], 'is only available training on gpu'),
    (['custom_hooks.7.init=0'], '--cfg-options does not fit the config: "Index 7 exceeds the'),
    (['custom_hooks.0=None'], '--cfg-options does not fit the config: '),
])
def test_configs_that_do_not_fit(train, tmp_path, changes, message):
    assert message in refused(train(*changes))


ITERATIONS = ("train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=3)\n"
              'train_dataloader = dict(num_workers=0, persistent_workers=False)\n'
              "param_scheduler = [dict(type='LinearLR', end=2, by_epoch=False)]\n"
              'default_hooks = dict(checkpoint=dict(by_epoch=False))\n')


@pytest.mark.parametrize(('setting', 'message'), [
    ("param_scheduler = [dict(type='CosineAnnealingLR', T_max=3)]\n",
     'CosineAnnealingLR of param_scheduler counts epochs, the loop of the config iterations'),
    ("custom_hooks = [dict(type='OneStageAtATimeHook')]\n",
     'epochs_per_stage of OneStageAtATimeHook count epochs, the loop of the config iterations'),
    ("custom_hooks = [dict(type='EliminationScheduleHook')]\n",
     'start and end of EliminationScheduleHook count epochs'),
    ("custom_hooks = [dict(type='ReplacementScheduleHook', mode='constant', final_epochs=1)]\n",
     'final_epochs=1 of ReplacementScheduleHook needs a loop over epochs'),
    ('default_hooks = dict(checkpoint=dict(by_epoch=True, interval=2))\n',
     'default_hooks.checkpoint saves every 2 epochs, the loop of the config counts iterations'),
])
def test_epochs_that_a_loop_over_iterations_has_not(setup, tool, tmp_path, setting, message):
    config = tmp_path / 'iterations.py'
    config.write_text(f'_base_ = {str(setup.config)!r}\n{ITERATIONS}{setting}')
    line = refused(tool('train.py', config, '--work-dir', tmp_path / 'work'))
    assert message in line


@pytest.mark.parametrize(('text', 'message'), [
    ('model = dict(', "SyntaxError: '(' was never closed"),
    ('_base_ = "none.py"', 'FileNotFoundError: '),
    ('depth = width', "NameError: name 'width' is not defined"),
    ("custom_imports = dict(imports=['no_such_layers'])",
     "ModuleNotFoundError: No module named 'no_such_layers'"),
])
def test_configs_that_cannot_be_read(tool, tmp_path, text, message):
    config = tmp_path / 'mine.py'
    config.write_text(f'{text}\n')
    assert refused(tool('train.py', config)).startswith(
        f'error: config {config} cannot be read: {message}')


def test_a_setting_without_a_value(train):
    done = train('max_epochs')
    assert done.status == 2
    assert "error: --cfg-options: expected key=value, got 'max_epochs'" in done.err


def test_errors_of_several_lines():
    for error, line in (
            (ValueError('a box\n\n  is wrong\n'), 'a box is wrong'), (OSError(), 'OSError'),
            (ValueError('Caught ValueError in DataLoader worker process 0.\nOriginal Traceback '
                        '(most recent call last):\n  File "a.py", line 1, in b\n    c()\n'
                        'ValueError: no pair:\n  none\n'), 'ValueError: no pair: none')):
        assert one_line(error) == line


@pytest.mark.parametrize('where', ['parse', 'main'])
def test_ctrl_c(where, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        run(interrupt if where == 'parse' else lambda: None, interrupt)
    assert end.value.code == 130
    assert capsys.readouterr().err == 'interrupted\n'


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_like_ctrl_c(number, capsys):
    def several(_):
        os.kill(os.getpid(), number)

    def all_is_written(_):
        try:
            several(_)
        finally:
            several(_)  # as of a closing shell, after the terminal's
            print('written')

    with pytest.raises(SystemExit) as end:
        run(lambda: None, all_is_written)
    assert end.value.code == 128 + number
    assert tuple(capsys.readouterr()) == ('written\n', 'interrupted\n')
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_command_of_a_tool_may_save_what_there_is(tmp_path, monkeypatch):
    begun, saved = tmp_path / 'begun', tmp_path / 'saved'
    (tmp_path / 'training.py').write_text(
        'import pathlib, signal, sys, time\n'
        'def end(*_):\n'
        '    time.sleep(0.5)\n'
        f'    pathlib.Path({str(saved)!r}).touch()\n'
        '    sys.exit(143)\n'
        'signal.signal(signal.SIGTERM, end)\n'
        f'pathlib.Path({str(begun)!r}).touch()\n'
        'time.sleep(60)\n')

    class Waiting(subprocess.Popen):
        """The tool is told to end as soon as it waits for its command."""

        def wait(self) -> int:
            if telling.ident is None:
                telling.start()
            return super().wait()

    def tell():
        while not begun.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    telling = Thread(target=tell)
    monkeypatch.setattr('subprocess.Popen', Waiting)
    with pytest.raises(SystemExit) as end:
        run(lambda: None, lambda _: run_command([sys.executable, tmp_path / 'training.py']))
    assert end.value.code == 143
    assert saved.exists()


def test_what_is_ignored_stays_so(monkeypatch):
    """As by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit) as end:
            run(lambda: None, lambda _: os.kill(os.getpid(), signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert not end.value.code


def test_processes_of_a_tool_end_at_once():
    def in_another(_):
        child = os.fork()
        if not child:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(1)
        return os.WTERMSIG(os.waitpid(child, 0)[1])

    with pytest.raises(SystemExit) as end:
        run(lambda: None, in_another)
    assert end.value.code == signal.SIGTERM


def test_a_closed_terminal():
    """What is said then would be an error of its own, before all is written."""
    code = ('import cli, time\ndef main(args):\n    print("begun", flush=True)\n    try:\n'
            '        time.sleep(60)\n    finally:\n        print("end", flush=True)\n'
            'cli.run(lambda: None, main)')
    screen, terminal = pty.openpty()
    with subprocess.Popen(
            [sys.executable, '-c', code], stdin=terminal, stdout=terminal, stderr=terminal,
            cwd=ROOT / 'tools', env={**os.environ, 'PYTHONPATH': f'{ROOT}/tools:{ROOT}'},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as process:
        os.close(terminal)
        said = b''
        while b'\n' not in said:
            said += os.read(screen, 100)
        os.close(screen)
        assert process.wait(60) == 129


def test_weights_of_another_network(setup, tool, tmp_path):
    line = refused(tool('test.py', setup.config, setup.teacher, '--work-dir', tmp_path))
    assert 'has layers: 4, the tracker of the config: 2' in line


def test_malicious_checkpoint(setup, tool, tmp_path):
    class Malice:
        def __reduce__(self):
            return os.system, (f'touch {tmp_path}/marker', )

    torch.save({'state_dict': {}, 'meta': Malice()}, tmp_path / 'evil.pth')
    for name, *args in (('test.py', setup.config, tmp_path / 'evil.pth'),
                        ('extract_student.py', tmp_path / 'evil.pth', tmp_path / 'out.pth'),
                        ('convert_weights.py', tmp_path / 'evil.pth', tmp_path / 'out.pth')):
        line = refused(tool(name, *args))
        assert f'{tmp_path}/evil.pth is refused: it asks for posix.system' in line
    assert not (tmp_path / 'marker').exists()


# Sequences that cannot be tracked

@pytest.mark.parametrize(('first', 'reason'), [
    ('20,15,0,10', 'has no area'), ('20,15,NaN,10', 'is not finite'),
    ('200,15,12,10', 'lies outside the frame')])
def test_first_box_that_cannot_be_tracked(videos, track, first, reason):
    videos.add('cat-1')
    videos.add('cat-2', first=first)
    done = track()
    assert (done.status, done.err) == (1, '')
    assert 'sequence cat-2 failed: frame 0: first box ' in done.out
    assert reason in done.out
    assert 'sequence cat-1 failed' not in done.out


@pytest.mark.parametrize('broken', ['missing', 'empty', 'no image', 'first'])
def test_unreadable_frame(videos, track, read_metrics, tmp_path, broken):
    videos.add('cat-1')
    number = 1 if broken == 'first' else 8
    frame = videos.add('cat-2') / f'img/{number:08d}.jpg'
    videos.add('cat-3')
    if broken == 'missing':
        frame.unlink()
    else:
        frame.write_bytes(b'' if broken == 'empty' else b'no image')
    done = track()
    assert (done.status, done.err) == (1, '')
    assert (f'sequence cat-2 failed: frame {number - 1}: frame {frame} cannot be read'
            in done.out)
    assert not [line for line in done.out.splitlines() if 'failed' in line and 'cat-3' in line]
    found = read_metrics(tmp_path / 'work')
    assert found['sot/failed_sequences'] == 1
    # The others count as if the broken one were not there.
    assert found['sot/success'] > 0


def test_target_that_is_never_visible(videos, track):
    videos.add('cat-1')
    videos.add('cat-2', out=range(20))
    done = track()
    assert done.status == 1
    assert 'sequence cat-2 failed: the target is visible in no frame' in done.out


def test_nothing_but_failures(videos, track):
    videos.add('cat-1', first='0,0,0,0')
    done = track()
    assert done.status == 1
    assert 'sequence cat-1 failed' in done.out


# Training data

def test_no_sequence_can_be_used(videos, train):
    videos.add('cat-1', out=range(20))
    line = refused(train(f'train_dataloader.dataset.datasets.0.data_root={videos.root}'))
    assert 'can be used; all 1 have fewer than 20 frames or 5 visible ones' in line


def test_unreadable_frames_are_skipped_and_counted(videos, train):
    frames = sorted((videos.add('cat-1') / 'img').iterdir())
    for frame in frames[::2]:
        frame.write_bytes(b'')
    done = train(f'train_dataloader.dataset.datasets.0.data_root={videos.root}',
                 'train_cfg.max_epochs=1')
    assert (done.status, done.err) == (0, '')
    assert 'skipped (1 so far): frame ' in done.out
    assert 'cannot be read, of LaSOTDataset cat/cat-1/img' in done.out
