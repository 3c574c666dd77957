"""What a test run writes, how it is resumed, and how processes share it."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from contextlib import nullcontext

import cv2
import numpy as np
import pytest
import torch
from commands import ROOT, alive, children_of, start_tool
from mmengine.config import Config

from mmct.datasets import SequenceSampler
from mmct.datasets.sampler import SequencesAtOnce
from mmct.formats import read_annotations, read_results
from mmct.runtime import Tracker, update_many
from mmct.runtime.frames import Frames

ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
NAMES = ['cat-1', 'cat-2', 'dog-1', 'dog-2']


def contents(folder) -> dict:
    """{name of a box file: its bytes}"""
    return {f.name: f.read_bytes() for f in sorted(folder.glob('*.txt'))
            if not f.name.endswith(('_score.txt', '_time.txt'))}


def scores(folder) -> dict:
    return {f.name: f.read_bytes() for f in sorted(folder.glob('*_score.txt'))}


def times(folder) -> dict:
    return {f.name: f.read_bytes() for f in sorted(folder.glob('*_time.txt'))}


class Run:
    """The arguments of a test on four videos, and what came out."""

    def __init__(self, setup, tool, data, folder):
        self.tool, self.folder = tool, folder
        self.json = folder / 'metrics.json'
        self.args = [setup.config, setup.student, '--work-dir', folder, '--json', self.json,
                     '--cfg-options', f'test_dataloader.dataset.data_root={data}']

    def __call__(self, *args):
        return self.tool('test.py', *self.args[:-2], *args, *self.args[-2:])

    @property
    def results(self):
        return self.folder / 'results/lasot_test'

    @property
    def metrics(self):
        return json.loads(self.json.read_text())


@pytest.fixture(scope='module')
def four(tmp_path_factory, new_videos):
    data = new_videos(tmp_path_factory.mktemp('four'))
    for name, length in zip(NAMES, (9, 14, 7, 11)):
        data.add(name, length)
    return data


@pytest.fixture(scope='module')
def whole(setup, tool, four, tmp_path_factory):
    """An uninterrupted run."""
    run = Run(setup, tool, four.root, tmp_path_factory.mktemp('whole'))
    assert run().status == 0
    return run


def test_results_are_as_toolkits_read_them(whole, four, tool):
    assert sorted(times(whole.results)) == [f'{name}_time.txt' for name in NAMES]
    seconds = np.loadtxt(whole.results / 'cat-2_time.txt')
    assert seconds.shape == (14, )
    assert (seconds > 0).all()
    assert seconds.max() < 10
    assert sorted(scores(whole.results)) == [f'{name}_score.txt' for name in NAMES]
    found = np.loadtxt(whole.results / 'cat-2_score.txt')
    assert found.shape == (14, )
    assert found[0] == 1
    assert ((found > 0) & (found < 1))[1:].all()
    annotations = read_annotations(four.root / 'LaSOTBenchmark')
    lengths = {name: len(own.boxes) for name, own in annotations.items()}
    boxes = read_results(whole.results, lengths)
    for name, own in annotations.items():
        np.testing.assert_array_equal(boxes[name][0], own.boxes[0])
    for truth in (four.root / 'LaSOTBenchmark', whole.results):  # results are annotations, too
        done = tool('evaluate.py', whole.results, '--annotations', truth)
        assert (done.status, done.err) == (0, '')
        assert 'all 4 sequences' in done.out


def test_boxes_are_those_of_a_tracker_by_itself(setup, tool, videos, tmp_path, monkeypatch):
    """Bit by bit, also from a first box that is no whole number of pixels: where two places are
    as good, the last bit decides, and frames later the boxes are far apart."""
    first, found, update = (20.1, 15.37, 11.9, 10.3), [], Tracker.update
    folder = videos.add('cat-1', first=','.join(map(str, first)))
    monkeypatch.setattr(Tracker, 'update',
                        lambda *args: found.append(update(*args)) or found[-1])
    assert Run(setup, tool, videos.root, tmp_path)().status == 0
    monkeypatch.undo()
    start, *frames = Frames(folder / 'img')
    tracker = Tracker(setup.config, setup.student)
    tracker.init(start, first)
    assert found == [tracker.update(frame) for frame in frames]


def test_resuming_gives_what_an_uninterrupted_run_gives(whole, setup, tool, four, tmp_path):
    run = Run(setup, tool, four.root, tmp_path)
    shutil.copytree(whole.results, run.results)
    (run.results / 'cat-2.txt').unlink()
    (run.results / 'cat-2_score.txt').unlink()
    lines = (run.results / 'dog-1.txt').read_text().splitlines()
    (run.results / 'dog-1.txt').write_text('\n'.join(lines[:3]))  # of another version
    cut = run.results / 'cat-1.txt'
    os.truncate(cut, cut.stat().st_size - 2)  # in the last number
    before = times(run.results)
    done = run('--resume')
    assert done.status == 0
    assert '1 of 4 sequences are done already' in done.out
    assert contents(run.results) == contents(whole.results)
    assert scores(run.results) == scores(whole.results)
    assert run.metrics == whole.metrics
    after = times(run.results)
    assert [name for name in before if before[name] != after[name]] == [
        'cat-1_time.txt', 'cat-2_time.txt', 'dog-1_time.txt']
    run.json.unlink()
    done = run('--resume')  # nothing is left to do
    assert done.status == 0
    assert run.metrics == whole.metrics
    assert times(run.results) == after


def test_starting_again_moves_results_aside(whole, setup, tool, four, tmp_path):
    run = Run(setup, tool, four.root, tmp_path)
    shutil.copytree(whole.results, run.results)
    (run.results / 'cat-1.txt').write_text('1,2,3,4\n')
    done = run()
    assert done.status == 0
    aside = run.results.with_name('lasot_test.1')
    assert f'earlier results are in {aside}' in done.out
    assert (aside / 'cat-1.txt').read_text() == '1,2,3,4\n'
    assert contents(run.results) == contents(whole.results)


@pytest.mark.parametrize('more', [(), ('--resume', )])
def test_results_among_the_annotations(setup, tool, four, tmp_path, more):
    """Without --resume they were moved aside with the frames, with it they were the results."""
    data = tmp_path / 'own'
    shutil.copytree(four.root / 'LaSOTBenchmark/cat/cat-1/img', data / 'cat')
    shutil.copy(four.root / 'LaSOTBenchmark/cat/cat-1/groundtruth.txt', data / 'cat.txt')
    before = contents(data)
    done = tool('test.py', setup.config, setup.student, '--work-dir', tmp_path / 'work',
                '--dataset', 'own', '--results', data, *more, '--cfg-options',
                f'test_dataloader.dataset.data_root={data}/', 'test_dataloader.num_workers=0')
    assert done.status == 2
    assert f'error: {data} is the folder of the annotations that are tested on' in done.err
    assert contents(data) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ['own', 'work']


def test_results_in_the_current_folder_are_not_moved(whole, setup, tool, four, tmp_path,
                                                     monkeypatch):
    run = Run(setup, tool, four.root, tmp_path)
    shutil.copytree(whole.results, tmp_path / 'here')
    monkeypatch.chdir(tmp_path / 'here')
    done = run('--results', '.')
    assert done.status == 2
    assert f'earlier results are in {tmp_path / "here"}, which cannot be moved' in done.err
    assert contents(tmp_path / 'here') == contents(whole.results)


@pytest.mark.parametrize(('option', 'said'), [
    (None, 'the checkpoint (was {student})'),
    ('model.student.test_cfg.search_factor=5.0',
     'model.student.test_cfg.search_factor (was 4.0, is 5.0)'),
    ('test_dataloader.dataset.pipeline.0.levels=[0,900]',
     'test_dataloader.dataset.pipeline.0.levels.0 (was not set, is 0), '),
    ('test_cfg.fp16=True', 'fp16 (was False, is True)')])
def test_results_of_another_tracker_are_not_resumed(
        whole, setup, tool, four, tmp_path, option, said):
    run = Run(setup, tool, four.root, tmp_path)
    shutil.copytree(whole.results, run.results)
    if option is None:
        state = torch.load(setup.student, weights_only=True)
        state['state_dict'] = {key: value + 1 for key, value in state['state_dict'].items()}
        run.args[1] = tmp_path / 'other.pth'
        torch.save(state, run.args[1])
    else:
        run.args.append(option)
    done = tool('test.py', *run.args[:6], '--resume', *run.args[6:])
    assert done.status == 2
    line, = done.err.splitlines()
    assert (f'{run.results} has results of another tracker, or with other settings: '
            + said.format(student=setup.student)) in line
    assert line.endswith(' changed; leave out --resume to start again, or name another folder')
    assert contents(run.results) == contents(whole.results)


@pytest.mark.parametrize('change', [
    'first box', 'first frame', 'last frame', 'moved', 'not yet tracked', 'old'])
def test_results_of_other_data_are_not_resumed(whole, setup, tool, four, tmp_path, change):
    data = tmp_path / 'data'
    shutil.copytree(four.root, data)
    run = Run(setup, tool, data, tmp_path)
    shutil.copytree(whole.results, run.results)
    folder = data / 'LaSOTBenchmark/cat/cat-2'
    if change in ('first box', 'not yet tracked'):
        boxes = (folder / 'groundtruth.txt').read_text().splitlines()
        (folder / 'groundtruth.txt').write_text('\n'.join(['21,16,12,10', *boxes[1:]]))
    elif change in ('first frame', 'last frame'):
        file = sorted((folder / 'img').iterdir())[0 if change == 'first frame' else -1]
        cv2.imwrite(str(file), cv2.imread(str(file))[::-1])
    if change == 'not yet tracked':
        (run.results / 'cat-2.txt').unlink()
    if change == 'old':  # as earlier versions wrote it
        stamp = run.results / '.tracker'
        stamp.write_text(stamp.read_text().partition('\n')[0])
    done = run('--resume')
    if change.startswith(('first', 'last')):
        assert done.status == 2
        assert (f'{run.results} has results of another tracker, or with other settings: the frames '
                'or the first box of cat-2 changed; ') in done.err
    else:
        assert done.status == 0, done.err


@pytest.mark.slow
def test_killed_in_a_sequence(whole, setup, tool, four, tmp_path):
    run = Run(setup, tool, four.root, tmp_path)
    process = subprocess.Popen([sys.executable, ROOT / 'tools/test.py', *map(str, run.args)],
                               env=ENV, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 120
        while not (run.results / 'cat-1.txt').is_file() and time.monotonic() < end:
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = contents(run.results)
    assert 'cat-1.txt' in left
    assert all(contents(whole.results)[name] == text for name, text in left.items())
    assert all(f'{name[:-4]}_score.txt' in scores(run.results) for name in left)
    assert run('--resume').status == 0
    assert contents(run.results) == contents(whole.results)
    assert run.metrics == whole.metrics


def test_two_processes_write_what_one_does(whole, setup, tool, four, tmp_path):
    run = Run(setup, tool, four.root, tmp_path)
    one = Run(setup, tool, four.root, tmp_path / 'one')
    (four.root / 'LaSOTBenchmark/dog/dog-2/img/00000009.jpg').rename(tmp_path / 'away.jpg')
    try:
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        started = [start_tool(
            'test.py', *run.args[:-2], '--launcher', 'pytorch', *run.args[-2:],
            out=tmp_path / f'log{rank}', RANK=str(rank), WORLD_SIZE='2', LOCAL_RANK=str(rank),
            MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port)) for rank in range(2)]  # as torchrun
        assert one().status == 1
        for process in started:
            process.join()
    finally:
        (tmp_path / 'away.jpg').rename(
            four.root / 'LaSOTBenchmark/dog/dog-2/img/00000009.jpg')
    said = ''.join((tmp_path / f'log{rank}').read_text() for rank in range(2))
    assert [process.exitcode for process in started] == [1, 1], said
    assert 'sequence dog-2 failed: frame 8: frame' in said
    assert sorted(contents(run.results)) == [f'{name}.txt' for name in NAMES[:3]]
    assert contents(run.results) == contents(one.results)
    assert contents(run.results).items() <= contents(whole.results).items()
    assert run.metrics == one.metrics
    assert run.metrics['sot/failed_sequences'] == 1
    assert not (tmp_path / '.dist_test').exists()


def test_sequences_at_once_are_those_one_by_one(whole, setup, tool, four, tmp_path, monkeypatch):
    """Bit for bit, resumed after a kill, and no process is left."""
    run = Run(setup, tool, four.root, tmp_path)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))  # of the process that it starts
    command = ['test.py', *run.args[:-2], '--sequences-at-once', '2']
    process = start_tool(*command, *run.args[-2:], OMP_NUM_THREADS='1')
    try:
        end = time.monotonic() + 120
        while not (run.results / 'cat-2.txt').is_file() and time.monotonic() < end:
            children = children_of(process.pid)
            time.sleep(0.002)
    finally:
        process.kill()
        process.join()
    left = contents(run.results)
    assert 'cat-2.txt' in left
    assert left.items() <= contents(whole.results).items()
    end = time.monotonic() + 20
    while any(alive(pid) for pid in children) and time.monotonic() < end:
        time.sleep(0.01)
    assert children
    assert not any(map(alive, children))
    done = start_tool(*command, '--resume', *run.args[-2:], out=tmp_path / 'log',
                      OMP_NUM_THREADS='1')
    done.join()
    assert done.exitcode == 0, (tmp_path / 'log').read_text()
    assert contents(run.results) == contents(whole.results)
    assert scores(run.results) == scores(whole.results)
    assert sorted(times(run.results)) == sorted(times(whole.results))
    assert run.metrics == whole.metrics


@pytest.mark.parametrize(('more', 'reason'), [
    (['--launcher', 'pytorch'], 'starts its own processes; leave out --launcher'),
    (['--threads', '2'], 'gives each process one thread, not --threads 2')])
def test_sequences_at_once_with_other_options(setup, tool, four, tmp_path, monkeypatch, more,
                                              reason):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    done = Run(setup, tool, four.root, tmp_path)('--sequences-at-once', '2', *more)
    assert done.status == 2
    assert reason in done.err


@pytest.mark.parametrize(('gpu', 'weights', 'batch'), [
    (False, 'student.pth', False), (True, 'student.pth', True), (True, 'student.onnx', False)])
def test_sequences_at_once_are_set_up(setup, tool, four, tmp_path, monkeypatch, gpu, weights,
                                      batch):
    """Processes of one thread on a CPU, a batch on a GPU, with the workers of the config."""
    def seen(cfg):
        loader = cfg.test_dataloader
        raise ValueError(f'{loader.get("batch_sampler")} {loader.num_workers} '
                         f'{torch.get_num_threads()} {os.environ["OMP_NUM_THREADS"]}')

    monkeypatch.setenv('OMP_NUM_THREADS', '2')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    monkeypatch.setattr('running.start_checks.clear_start', seen)
    monkeypatch.setattr('running.processes.testing_in_processes', lambda *args: nullcontext())
    workers = Config.fromfile(setup.config).test_dataloader.num_workers
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    run = Run(setup, tool, four.root, tmp_path)
    run.args[1] = setup.student.with_name(weights)
    try:
        done = run('--sequences-at-once', '3')
    finally:
        torch.set_num_threads(threads)
    sampler = {'type': 'SequencesAtOnce', 'batch_size': 3}
    assert (f'{sampler} {workers} 2 2' if batch else 'None 0 1 1') in done.err


def test_a_batch_of_no_sequences(setup, tool, four, tmp_path):
    done = Batches(setup, tool, four.root, tmp_path, at_once=0)()
    assert (done.status, done.err) == (2, 'error: test_dataloader.batch_sampler.batch_size=0 must '
                                       'be in [1, inf), a whole number\n')


class Batches(Run):
    """A run with a batch of the next frames of several sequences."""

    def __init__(self, *args, at_once):
        super().__init__(*args)
        self.args += ['test_dataloader.batch_sampler.type=SequencesAtOnce',
                      f'test_dataloader.batch_sampler.batch_size={at_once}']

    def __call__(self, *args):
        return self.tool('test.py', *self.args[:-4], *args, *self.args[-4:])


@pytest.mark.parametrize('at_once', [3, 9])
def test_a_batch_of_sequences(whole, setup, tool, four, tmp_path, monkeypatch, at_once):
    """What one by one gives, up to the batch's rounding."""
    sizes = []
    monkeypatch.setattr('mmct.models.trackers.base.update_many',
                        lambda trackers, frames: sizes.append(len(trackers))
                        or update_many(trackers, frames))
    run = Batches(setup, tool, four.root, tmp_path, at_once=at_once)
    assert run().status == 0
    assert sorted(contents(run.results)) == sorted(contents(whole.results))
    for name in contents(run.results):
        np.testing.assert_allclose(np.loadtxt(run.results / name, delimiter=','),
                                   np.loadtxt(whole.results / name, delimiter=','), atol=0.02)
    assert sorted(times(run.results)) == sorted(times(whole.results))
    assert run.metrics == pytest.approx(whole.metrics, abs=0.05)
    assert max(sizes) == min(at_once, len(NAMES))
    (run.results / 'dog-2.txt').unlink()
    assert run('--resume').status == 0
    assert len(np.loadtxt(run.results / 'dog-2.txt', delimiter=',')) == 11


def test_a_sequence_that_fails_leaves_those_beside_it(whole, setup, tool, four, tmp_path,
                                                      monkeypatch):
    def check(frame):
        if frame.shape[0] == 1:
            raise ValueError('too flat')

    monkeypatch.setattr('mmct.runtime.geometry.check_frame', check)
    run = Batches(setup, tool, four.root, tmp_path, at_once=4)
    file = four.root / 'LaSOTBenchmark/dog/dog-2/img/00000005.jpg'
    before = file.read_bytes()
    try:
        cv2.imwrite(str(file), np.zeros((1, 80, 3), np.uint8))
        done = run()
    finally:
        file.write_bytes(before)
    assert done.status == 1
    assert 'sequence dog-2 failed: frame 4: too flat' in done.out + done.err
    assert sorted(contents(run.results)) == [f'{name}.txt' for name in NAMES if name != 'dog-2']
    for name in contents(run.results):
        np.testing.assert_allclose(np.loadtxt(run.results / name, delimiter=','),
                                   np.loadtxt(whole.results / name, delimiter=','), atol=0.02)


class Lengths:
    """A data set as the sampler sees it."""

    def __init__(self, *lengths):
        self.lengths, self.num_videos = lengths, len(lengths)

    def get_len_per_video(self, index):
        return self.lengths[index]


@pytest.mark.parametrize('world', [1, 2, 3, 7])
def test_every_frame_is_tracked_once_in_order(monkeypatch, world):
    lengths, shares = (5, 30, 10, 20, 5), []
    for rank in range(world):
        monkeypatch.setattr('mmct.datasets.sampler.get_dist_info',
                            lambda rank=rank: (rank, world))
        sampler = SequenceSampler(Lengths(*lengths))
        sampler.leave_out([2])
        shares.append(list(sampler))
        assert len(sampler) == len(shares[-1])
    assert all(share == sorted(share) for share in shares)
    assert sorted(frame for share in shares for frame in share) == [
        (i, frame) for i in (0, 1, 3, 4) for frame in range(lengths[i])]
    assert max(map(len, shares)) == {1: 60, 2: 30, 3: 30, 7: 30}[world]


@pytest.mark.parametrize('at_once', [1, 2, 3, 9])
def test_frames_at_once(at_once):
    """Each once and in order, as many sequences at once as there are, the longest first."""
    lengths = (5, 30, 10, 20, 1)
    batches = SequencesAtOnce(SequenceSampler(Lengths(*lengths)), at_once)
    batches.sampler.leave_out([2])
    given = list(batches)
    assert len(batches) == len(given)
    frames = sum(given, [])
    for i, length in enumerate(lengths):
        assert [frame for sequence, frame in frames if sequence == i] == \
            ([] if i == 2 else list(range(length)))
    assert [sequence for sequence, _ in given[0]] == [1, 3, 0, 4][:at_once]
    started = 0
    for batch in given:
        started += sum(frame == 0 for _, frame in batch)
        assert len(batch) == at_once or started == 4


# Other data sets

def test_own_data_is_scored_where_it_can_be(setup, tool, four, tmp_path):
    own = tmp_path / 'own'
    for name, lines in (('x', None), ('y', 1)):
        source = four.root / 'LaSOTBenchmark/cat/cat-1'
        shutil.copytree(source / 'img', own / name)
        text = (source / 'groundtruth.txt').read_text().splitlines()[:lines]
        (own / f'{name}.txt').write_text('\n'.join(text))
    args = ['test.py', setup.config, setup.student, '--work-dir', tmp_path / 'work', '--dataset',
            'own', '--json', tmp_path / 'a.json']
    change = ['--cfg-options', f'test_dataloader.dataset.data_root={own}']
    done = tool(*args, *change)
    assert done.status == 0
    assert '1 of 2 sequences are tracked and not scored' in done.out
    results = tmp_path / 'work/results/own'
    assert sorted(contents(results)) == ['x.txt', 'y.txt']
    assert contents(results)['x.txt'] == contents(results)['y.txt']
    found = json.loads((tmp_path / 'a.json').read_text())
    assert found['sot/success'] > 0
    (results / 'x.txt').unlink()
    done = tool(*args, '--resume', *change)
    assert '1 of 2 sequences are tracked and not scored' in done.out
    assert json.loads((tmp_path / 'a.json').read_text()) == found


@pytest.mark.parametrize(('server', 'inside'), [
    ('got10k', ['v-1/v-1_001.txt', 'v-1/v-1_time.txt']), ('trackingnet', ['v-1.txt'])])
def test_submissions(setup, tool, four, tmp_path, server, inside):
    source, root = four.root / 'LaSOTBenchmark/cat/cat-1', tmp_path / 'data'
    test = root / ('test/v-1' if server == 'got10k' else 'TEST/frames/v-1')
    test.mkdir(parents=True)
    for i, frame in enumerate(sorted((source / 'img').iterdir())[:6]):
        name = f'{i + 1:08d}.jpg' if server == 'got10k' else f'{i}.jpg'
        shutil.copy(frame, test / name)
    first = (source / 'groundtruth.txt').read_text().splitlines()[0]
    file = test / 'groundtruth.txt' if server == 'got10k' else root / 'TEST/anno/v-1.txt'
    file.parent.mkdir(exist_ok=True)
    file.write_text(first + '\n')
    assert tool('convert_dataset.py', server, root).status == 0
    done = tool('test.py', setup.config, setup.student, '--work-dir', tmp_path / 'work',
                '--dataset', server, '--json', tmp_path / 'a.json', '--cfg-options',
                f'test_dataloader.dataset.data_root={root}')
    assert (done.status, done.err) == (0, '')
    assert '1 of 1 sequences are tracked and not scored' in done.out
    assert json.loads((tmp_path / 'a.json').read_text()) == {'sot/failed_sequences': 0}
    packed = tmp_path / f'work/results/{server}_test.zip'
    assert f'the ground truth is secret: submit {packed} at http' in done.out
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == inside
        assert len(archive.read(inside[0]).splitlines()) == 6


def test_unknown_data_set(setup, tool, tmp_path):
    done = tool('test.py', setup.config, setup.student, '--work-dir', tmp_path, '--dataset', 'uav')
    assert (done.status, done.err) == (
        2, 'error: --dataset uav is not one of got10k, got10k_val, lasot, lasot_ext, nfs, otb100, '
        'own, tnl2k, trackingnet, uav123, vot\n')
