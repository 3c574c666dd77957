"""What a run says on the screen, and what in its log file only."""
import logging
import os
import pty
import re
from select import select

import pytest
from commands import start_tool
from running import quiet_runner
from running.quiet_runner import ForScreen


@pytest.fixture(scope='module')
def three(tmp_path_factory, new_videos):
    data = new_videos(tmp_path_factory.mktemp('three'))
    for i in range(3):
        data.add(f'cat-{i + 1}', 60)
    return data


@pytest.fixture
def arguments(setup, three, tmp_path):
    return [setup.config, setup.student, '--work-dir', tmp_path, '--cfg-options',
            f'test_dataloader.dataset.data_root={three.root}']


def test_a_test_is_quiet_and_its_log_file_has_all(tool, arguments, tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: {0})  # fewer than there are workers
    done = tool('test.py', *arguments, 'test_dataloader.num_workers=2')
    assert (done.status, done.err) == (0, '')
    assert len(done.out.splitlines()) < 40
    log, = tmp_path.glob('*/*.log')
    assert str(log) in done.out
    assert 'Config:' not in done.out
    assert 'System environment:' not in done.out
    assert 'SyncBatchNorm' not in done.out
    assert 'FileClient' not in done.out
    text = log.read_text()
    assert 'System environment:' in text
    assert 'SyncBatchNorm' in text
    assert 'FileClient' in text
    assert 'custom_imports' in text.partition('Config:')[2]
    assert text.count('eta: ') == 180
    assert re.search(r'Epoch\(test\) \[ *\d+/180\]  +eta: ', done.out)  # the demo reads it
    assert done.out.count('eta: ') < 30
    assert 'sot/success' in done.out


def test_a_training_is_quiet_and_says_how_long_it_takes(setup, tool, tmp_path):
    done = tool('train.py', setup.config, '--work-dir', tmp_path, '--cfg-options',
                'train_cfg.max_epochs=1', 'default_hooks.batch_picture.interval=0')
    assert (done.status, done.err) == (0, '')
    assert 'Config:' not in done.out
    assert 'Exp name' not in done.out
    log, = tmp_path.glob('*/*.log')
    assert 'Config:' in log.read_text()
    assert len(re.findall(r'Epoch\(train\) .* eta: .* loss: ', done.out)) == 3
    assert len(re.findall(r'Epoch\(val\) .* pair/iou: ', done.out)) == 1


def test_a_terminal_has_a_bar(arguments):
    screen, terminal = pty.openpty()
    process = start_tool('test.py', *arguments, out=os.ttyname(terminal), TERM='xterm',
                         COLUMNS='200')
    said = b''
    while (running := process.is_alive()) or select([screen], [], [], 0)[0]:
        if select([screen], [], [], 0.1 if running else 0)[0]:
            said += os.read(screen, 4096)
    assert process.exitcode == 0
    os.close(terminal)
    os.close(screen)
    said = said.decode()
    assert re.search(r'frames .*180/180.*left', said)
    assert 'eta: ' not in said
    assert said.index('180/180') < said.index('sot/success')


def record(text, level=logging.INFO):
    return logging.LogRecord('mmengine', level, 'runner.py', 1, text, (), None)


def test_warnings_and_errors_are_shown_whatever_their_length():
    screen = ForScreen()
    assert not screen.filter(record('Config:\na = 1'))
    assert screen.filter(record('resumed epoch: 1, iter: 3'))
    assert screen.filter(record('doubtful:\na\nb', logging.WARNING))
    assert screen.filter(record('failed:\na\nb', logging.ERROR))


def test_now_and_then_a_line_says_how_far_a_test_is(monkeypatch):
    now = 0.
    monkeypatch.setattr(quiet_runner.time, 'monotonic', lambda: now)
    screen, shown = ForScreen(), []
    for now in range(20):  # noqa: B007  read by monotonic
        if screen.filter(record(f'Epoch(test) [{now:2}/20]    eta: 0:00:15  time: 1')):
            shown.append(now)
    assert shown == [0, 5, 10, 15]
    assert screen.filter(record('Epoch(test) [20/20]    sot/success: 57.0  time: 1'))
