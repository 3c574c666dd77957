"""Trainings under torchrun, on CPUs, with what may happen to them."""
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from commands import ROOT, children_of
from tiny import same_weights

pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    torch.cuda.is_available(), reason='two processes cannot share a GPU')]
# 4 epochs of 3 iterations, a checkpoint after each iteration.
OPTIONS = ['--cfg-options', 'train_dataloader.num_workers=1', 'train_dataloader.batch_size=1',
           'default_hooks.checkpoint.by_epoch=False', 'default_hooks.checkpoint.max_keep_ckpts=2',
           'train_cfg.max_epochs=4']


@pytest.fixture
def launch(setup, tmp_path):
    """Start a training by torchrun; more of its arguments for one of two nodes."""
    started = []

    def start(folder, *more, torchrun=('--standalone', '--nproc-per-node', '2')):
        log = tmp_path / f'log{len(started)}'
        process = subprocess.Popen(
            [sys.executable, '-m', 'torch.distributed.run', *torchrun, ROOT / 'tools/train.py',
             setup.config, '--launcher', 'pytorch', '--work-dir', folder, *more, *OPTIONS],
            stdout=log.open('w'), stderr=subprocess.STDOUT, cwd=ROOT,
            env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})
        process.log = log
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()  # torchrun ends its processes
        process.wait()


def wait_for(file: Path, process) -> None:
    """Until a checkpoint is there, or a later one."""
    while not file.exists():
        assert process.poll() is None, process.log.read_text()
        time.sleep(0.02)


def child(process, rank: int) -> int:
    """The process id of one of torchrun's workers."""
    for pid in children_of(process.pid):
        if f'\0RANK={rank}\0' in Path(f'/proc/{pid}/environ').read_text():
            return int(pid)
    raise ProcessLookupError(rank)


def ended(process, within=60) -> tuple:
    """Exit status and output of a launch that ends by itself."""
    status = process.wait(timeout=within)
    return status, process.log.read_text()


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    return tmp_path_factory.mktemp('whole')


def state(folder) -> dict:
    return torch.load(folder / 'iter_12.pth')['state_dict']


def test_two_nodes(launch, whole):
    """Two groups of processes on one machine, one process each."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    nodes = [launch(whole, torchrun=(
        '--nnodes', '2', '--node-rank', str(rank), '--nproc-per-node', '1', '--master-addr',
        '127.0.0.1', '--master-port', str(port))) for rank in range(2)]
    for status, out in [ended(node, 300) for node in nodes]:
        assert status == 0, out
    assert state(whole)['iteration'] == 12


@pytest.mark.parametrize('rank', [0, 1])
def test_a_process_is_killed(launch, whole, tmp_path, rank):
    if not (whole / 'iter_12.pth').exists():
        assert ended(launch(whole), 300)[0] == 0
    process = launch(tmp_path)
    wait_for(tmp_path / 'iter_4.pth', process)
    os.kill(child(process, rank), signal.SIGKILL)
    status, out = ended(process)
    assert status != 0
    assert f'process {1 - rank} of 2 lost another one' in out
    assert not (tmp_path / 'iter_12.pth').exists()
    status, out = ended(launch(tmp_path, '--resume'), 300)
    assert status == 0, out
    assert same_weights(state(tmp_path), state(whole))


def test_torchrun_is_told_to_end(launch, whole, tmp_path):
    if not (whole / 'iter_12.pth').exists():
        assert ended(launch(whole), 300)[0] == 0
    process = launch(tmp_path)
    wait_for(tmp_path / 'iter_4.pth', process)
    for pid in (child(process, 0), child(process, 1), process.pid):  # as Slurm does
        os.kill(pid, signal.SIGTERM)
    status, out = ended(process)
    assert status != 0
    assert (tmp_path / 'interrupted.pth').exists()
    assert out.count('told to end (SIGTERM): saved ') == 1
    status, out = ended(launch(tmp_path, '--resume'), 300)
    assert status == 0, out
    assert same_weights(state(tmp_path), state(whole))
