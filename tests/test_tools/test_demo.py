"""The demo: its parts, and all of it with tiny settings."""
import json
import re
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from commands import ROOT, run_tool
from demo_steps.jobs import Job, run_jobs
from demo_steps.plan import contestants
from demo_steps.progress import announcement, time_left
from demo_steps.results import Estimate, mean_and_error, pair_iou, paired_difference, promises
from demo_steps.teachers import CONFIGS, TEACHERS
from mmengine.runner import Runner

from mmct.checkpoint import load_weights

FEW_PAIRS = ['train_dataloader.dataset.pairs_per_epoch=64', 'train_dataloader.batch_size=32',
             'val_dataloader.dataset.pairs_per_epoch=32', 'train_cfg.max_epochs=2']


# Jobs side by side

@pytest.fixture
def job(tmp_path):
    """Function that makes a job of Python code, which writes to ``tmp_path/order``."""
    def make(name, code='', **kwargs):
        head = (f'import sys, time; say = lambda what: open({str(tmp_path / "order")!r}, "a")'
                f'.write(what + "\\n"); say("{name} " + " ".join(["begins", *sys.argv[1:]])); ')
        tail = f'; say("{name} ends")'
        return Job(name, tmp_path / name / 'job.log',
                   [sys.executable, '-c', head + (code or 'time.sleep(0.3)') + tail],
                   kwargs.pop('settings', name), **kwargs)
    return make


def order(folder) -> list[str]:
    return (folder / 'order').read_text().splitlines()


def test_two_jobs_run_side_by_side_and_one_waits_for_what_it_needs(job, tmp_path):
    long, short = job('long', 'time.sleep(2)'), job('short')
    needs_long = job('needs_long', after=long)
    run_jobs([long, short, needs_long, job('next')], 2)
    done = order(tmp_path)
    assert set(done[:2]) == {'long begins', 'short begins'}
    assert done[2:5] == ['short ends', 'next begins', 'next ends']
    assert done[5:] == ['long ends', 'needs_long begins', 'needs_long ends']


def test_what_is_done_is_not_done_again(job, tmp_path):
    run_jobs([job('one')], 1)
    assert job('one').done
    run_jobs([job('one')], 1)
    assert order(tmp_path) == ['one begins', 'one ends']


def test_other_settings_move_the_old_results_aside(job, tmp_path):
    run_jobs([job('one')], 1)
    again = job('one', settings='another', resume=['--resume'])
    assert not again.done
    run_jobs([again], 1)
    assert order(tmp_path)[2] == 'one begins'
    assert (tmp_path / 'one.1' / 'job.log').is_file()


def test_a_failure_stops_the_other_job_and_both_are_gone_on_with(job, tmp_path):
    def jobs(fails):
        first = job('first')
        return [first, job('slow', 'time.sleep(60)' if fails else '', resume=['--resume']),
                job('bad', 'sys.exit("error: the disk is full")' if fails else '', after=first)]

    start = time.monotonic()
    with pytest.raises(ValueError, match=r'^bad failed with exit status 1: the disk is full; its '
                                         r'log is .*bad/job\.log$'):
        run_jobs(jobs(True), 2)
    assert time.monotonic() - start < 30
    assert 'slow ends' not in order(tmp_path)
    run_jobs(jobs(False), 2)
    after = order(tmp_path)
    assert after.count('first begins') == 1
    assert {'bad ends', 'slow begins --resume', 'slow ends'} < set(after)


def test_commands_run_on_one_thread_and_their_time_is_known(job, tmp_path):
    own = job('one', 'import os; say(os.environ["OMP_NUM_THREADS"])')
    run_jobs([own], 1)
    assert order(tmp_path)[1] == '1'
    assert job('one').seconds == own.seconds > 0


# How far they are

@pytest.mark.parametrize(('line', 'share'), [
    ('Epoch(train)   [1][ 50/200]  lr: 1e-3', 0.0625), ('Epoch(val) [4][15/15]', 0.)])
def test_share_of_a_training(job, line, share):
    training = job('one', f'print({line!r}); sys.exit(1)', epochs=4)
    with pytest.raises(ValueError, match='exit status 1;'):
        run_jobs([training], 1)
    assert training.share == share


def test_share_of_a_test(job):
    test = job('one', 'print("Epoch(test) [ 50/800]  eta: 0:00:11"); sys.exit(1)')
    with pytest.raises(ValueError, match='exit status 1;'):
        run_jobs([test], 1)
    assert test.share == 0.0625


def test_time_left_follows_the_speed_of_what_runs(job):
    training, other = job('training', cost=100.), job('other', cost=50.)
    tests = [job('first test', cost=20.), job('second test', cost=20., after=training)]
    jobs = [training, other, *tests]
    assert time_left(jobs, 2, {}) is None
    training.share = other.share = 0.2
    speeds = {training: 0.5, other: 0.5}
    # Beside 160 s of the training and 40 of its test there is time for all else.
    assert time_left(jobs, 2, speeds) == 200.
    assert time_left(jobs, 2, speeds, rest=30.) == 260.
    assert time_left(jobs, 1, speeds) == 160 + 80 + 2 * 40
    assert time_left(jobs, 1, {other: 0.5}) == 160 + 80 + 2 * 40
    training.share = 1.
    assert time_left(jobs, 2, speeds) == 80.


def test_announcement(monkeypatch):
    assert re.fullmatch(r'All of it takes about 14 minutes on this machine, until \d\d:\d\d\.',
                        announcement(14.2 * 60, 13. * 60, 6400))
    monkeypatch.setattr(sys, 'argv', ['tools/demo.py', '--teacher', 'a b.pth'])
    slow = announcement(30. * 60, 28. * 60, 6400)
    assert 'about 30 minutes' in slow
    assert slow.splitlines()[-1] == (  # to be pasted
        f"{sys.executable} tools/demo.py --teacher 'a b.pth' --cfg-options "
        'train_dataloader.dataset.pairs_per_epoch=3200')


# Scores

def test_mean_and_its_standard_error():
    assert mean_and_error(np.array([1., 2., 3., 4.])) == (2.5, pytest.approx(0.6455, abs=1e-4))
    assert str(mean_and_error(np.array([50., 52.]))) == '51.0 ± 1.0'
    assert np.isnan(mean_and_error(np.array([1.])).error)


def test_difference_is_paired_by_video():
    """What both find hard or easy says nothing of which is better."""
    hard = np.array([10., 90., 40., 60.])
    better = np.stack([hard + [1, 2, 1, 2], hard + [3, 2, 3, 2]])  # two seeds
    lead = paired_difference(better, np.stack([hard, hard]))
    assert lead == (2., 0.)
    assert mean_and_error(better.mean(axis=0)).error > 10
    one = paired_difference(hard[None] + [[0, 2, 0, 2]], hard[None])
    assert one == (1., pytest.approx(0.5774, abs=1e-4))


@pytest.mark.parametrize(('share', 'lead', 'speed_up', 'held'), [
    (96., Estimate(1., 0.9), 2.17, [True, True, True]),
    (95.9, Estimate(0.9, 0.9), 2.16, [False, False, False]),
    (99., Estimate(-1., 0.1), 3., [True, True, False]),
    (99., Estimate(1., float('nan')), 3., [True, True, False])])
def test_promises(share, lead, speed_up, held):
    assert [kept for _, kept, _ in promises(share, lead, speed_up, 2.17)] == held


def test_promises_are_said_with_their_numbers():
    assert promises(95.94, Estimate(1.25, 0.5), 1.3, None) == [
        ("keeps 96 % of the teacher's AUC", False, '95.9 %'),
        ('is ahead of ground truth only by more than the standard error', True, '+1.2 ± 0.5 AUC')]


# The whole

def demo(*args):
    return subprocess.run([sys.executable, ROOT / 'tools/demo.py', *args], capture_output=True,
                          text=True, check=False, cwd=ROOT)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demo') / 'data'
    return write_videos(folder, 8, 2, 2)


def write_videos(folder, train, val, test):
    done = run_tool('make_demo_videos.py', folder, '--train', train, '--val', val, '--test', test,
                    '--train-frames', 24, '--val-frames', 24, '--test-frames', 24, '--workers', 1)
    assert done.status == 0, done.err
    return folder


@pytest.mark.parametrize(('args', 'says'), [
    (['--teacher', 'none.pth'], '--teacher none.pth does not exist'),
    (['--teacher', 'none.onnx'], '--teacher none.onnx does not exist'),
    (['--teacher', ROOT / 'README.md'], 'README.md ends in none of .pth, .onnx'),
    (['--jobs', '0'], '--jobs 0 must be at least 1')])
def test_bad_arguments_end_at_once(args, says, tmp_path):
    done = run_tool('demo.py', '--data', tmp_path / 'data', '--work-dir', tmp_path / 'work', *args)
    assert done.status == 2
    assert done.err.count('\n') == 1
    assert says in done.err
    assert not any(tmp_path.iterdir())


def test_validation_iou_of_the_teacher_is_that_of_a_training(tmp_path, capsys):
    data = write_videos(tmp_path / 'data', 0, 2, 0)
    weights = CONFIGS / 'demo/ostrack_tiny.pth'
    teacher, *students = contestants(
        TEACHERS['.pth'], weights, ['ct_ostrack_tiny_4l', 'ct_ostrack_tiny_4l_128'], [0], tmp_path,
        data, ['val_dataloader.dataset.pairs_per_epoch=40', 'val_dataloader.batch_size=16'])
    student, _, small, _ = (own for own in students if own.training)
    loader = dict(student.config.val_dataloader, num_workers=0, persistent_workers=False)
    runner = Runner(teacher.config.model, str(tmp_path), val_dataloader=loader,
                    val_evaluator=student.config.val_evaluator, val_cfg=student.config.val_cfg,
                    default_scope='mmtrack')
    load_weights(runner.model, weights)
    expected = runner.val()['pair/iou']
    assert 0.3 < expected < 1
    capsys.readouterr()
    assert pair_iou(teacher, student.config) == pytest.approx(expected, abs=1e-5)
    assert capsys.readouterr().out == ''
    # A student of smaller crops is compared with its teacher on larger ones.
    assert pair_iou(teacher, small.config) == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_the_demo_ends_with_a_table_and_pictures_and_is_not_done_twice(data, tmp_path):
    work = tmp_path / 'work'
    args = ['--data', data, '--work-dir', work, '--seeds', '0', '1', '--cfg-options', *FEW_PAIRS]
    done = demo(*args)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'left of all' in done.stdout  # progress, without a terminal too
    assert re.search(r'All of it takes about \d+ minutes', done.stdout)
    table = (work / 'results.md').read_text()
    assert table in done.stdout
    for tracker in ('teacher, 12 layers', 'student, compressed', 'student, ground truth only',
                    "VitTrack's fast student"):
        row = next(line for line in table.splitlines() if tracker in line)
        assert re.search(r'\d+\.\d+ x', row)
        assert re.search('PyTorch|ONNX Runtime|OpenVINO', row)
        # Validation IoU; of the last, which was trained on other pairs, nobody measured it.
        assert ('fast' in tracker) != bool(re.search(r'\| +0\.\d+ +\|', row))
    assert 'over seeds' in table
    assert '(paired by video, 2 videos)' in table
    assert len(re.findall(r'^- .*: (yes|no), ', table, re.MULTILINE)) == 3
    results = json.loads((work / 'results.json').read_text())
    assert np.shape(results['trackers'][1]['aucs']) == (2, 2)
    assert cv2.imread(str(work / 'contact_sheet.png')).shape[0] > 200
    assert cv2.imread(str(work / 'quartiles.png')).shape[0] > 200
    assert cv2.VideoCapture(str(work / 'student.mp4')).get(cv2.CAP_PROP_FRAME_COUNT) == 24
    assert (work / 'report/index.html').is_file()

    logs = {log: log.stat().st_mtime_ns for log in work.glob('**/*.log')
            if log.name in ('train.log', 'test.log')}
    again = demo(*args)
    assert again.returncode == 0
    assert again.stdout.count('done before') == len(logs) == 10
    assert logs == {log: log.stat().st_mtime_ns for log in logs}


@pytest.mark.slow
def test_the_demo_with_vittrack(data, golden, tmp_path):
    file = golden('vittrack') / 'object_tracking_vittrack_2023sep.onnx'
    done = demo('--data', data, '--work-dir', tmp_path, '--teacher', file, '--cfg-options',
                *FEW_PAIRS)
    assert (done.returncode, done.stderr) == (0, '')
    table = (tmp_path / 'results.md').read_text()
    for tracker in ('VitTrack, 3 layers', 'student, compressed', 'student, ground truth only'):
        assert tracker in table
