"""Training in two processes, on CPUs: what DDP makes of gates, gradients and faults."""
import os
import signal
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from running.processes import join_training, lost_processes_reported
from tiny import build, distiller, packed_pairs, save_teacher

from mmct.engine import FiniteOptimWrapper
from mmct.engine.loops import ResumableTrainLoop
from mmct.models.structures import Clip

PROCESSES, PAIRS, STEPS = 2, 8, 5


def in_two_processes(function, folder, *args) -> list:
    """What ``function(rank, *args)`` gives in each of two processes that know each other.

    They are forked, which takes no time: all that they need is imported here already. Where there
    is a GPU, autograd refuses to work in forks.
    """
    torch.multiprocessing.start_processes(
        _one_process, (function, folder, args), PROCESSES,
        start_method='spawn' if torch.cuda.is_available() else 'fork')
    return [torch.load(folder / f'{rank}.pt') for rank in range(PROCESSES)]


def _one_process(rank, function, folder, args):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meeting', rank=rank, world_size=PROCESSES)
    torch.save(function(rank, *args), folder / f'{rank}.pt')
    torch.distributed.destroy_process_group()


def compression(teacher, **kwargs):
    """A model whose batch norm is at rest: its statistics are those of a process."""
    model = build(distiller(teacher, frozen=['head'], **kwargs))
    model.student.head.requires_grad_(True)
    return model.train()


def wrapped(model):
    return MMDistributedDataParallel(
        model, broadcast_buffers=False, find_unused_parameters=True)


def optimizer(model):
    # SGD: Adam's first steps have the size of the learning rate, however small the gradient.
    return FiniteOptimWrapper(torch.optim.SGD(model.parameters(), 1e-2, momentum=0.9),
                              clip_grad={'max_norm': 1.})


def batches(rank=0, processes=1):
    """The pairs of each step that a process gets, as ``EpochIndexSampler`` deals them."""
    for step in range(STEPS):
        whole = packed_pairs(PAIRS, seed=step)
        yield {'inputs': {'clip': Clip(*(part if part is None else part[rank::processes]
                                         for part in whole['inputs']['clip']))},
               'img_path': whole['img_path'][rank::processes]}


def weights(model) -> dict:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def train(rank, teacher, seen=None, **kwargs):
    """Weights after some steps of this process."""
    processes = PROCESSES if torch.distributed.is_initialized() else 1
    model = compression(teacher, **kwargs)
    parallel = wrapped(model) if processes > 1 else model
    steps, gates = optimizer(model), []
    losses = model.losses
    model.losses = lambda *args: gates.append(args[-1]) or losses(*args)
    for batch in batches(rank, processes):
        parallel.train_step(batch, steps)
    return {'weights': weights(model), 'gates': gates}


@pytest.fixture(scope='module')
def teacher(tmp_path_factory):
    return save_teacher(tmp_path_factory.mktemp('teacher') / 'teacher.pth')


def test_two_processes_learn_what_one_learns_from_the_whole_batch(teacher, tmp_path):
    alone = train(0, teacher, shared_gates=True)
    first, second = in_two_processes(shared, tmp_path, teacher)
    assert first['gates'] == second['gates'] == alone['gates']
    assert {True, False} == {gate for gates in alone['gates'] for gate in gates}
    start = weights(compression(teacher))
    for name, value in alone['weights'].items():
        assert torch.equal(first['weights'][name], second['weights'][name])
        torch.testing.assert_close(first['weights'][name], value, rtol=1e-4, atol=1e-6)
        assert 'bridge' in name or not torch.equal(value, start[name])


def shared(rank, teacher):
    return train(rank, teacher, shared_gates=True)


def test_each_process_draws_its_own_gates(teacher, tmp_path):
    """Stages that only some processes, or none, have in use must not hold the others up."""
    first, second = in_two_processes(train, tmp_path, teacher)
    assert first['gates'] != second['gates']
    assert first['gates'] == train(0, teacher)['gates']
    for name, value in first['weights'].items():
        assert torch.equal(value, second['weights'][name])


def test_all_processes_leave_out_a_step_together(teacher, tmp_path):
    for rank, found in enumerate(in_two_processes(faulty, tmp_path, teacher)):
        assert found['finite'] == [True, rank == 0, True]
        assert found['skipped'] == [0, 1, 0]
        assert found['changed'] == [True, False, True]


def faulty(rank, teacher):
    """An infinite loss without infinite gradients, in one process."""
    model = compression(teacher)
    parallel, steps = wrapped(model), optimizer(model)
    found = {'finite': [], 'skipped': [], 'changed': []}
    losses = model.losses
    for step, batch in zip(range(3), batches(rank, PROCESSES)):
        extra = {'loss_extra': torch.tensor(torch.inf if rank == step == 1 else 0.)}
        model.losses = lambda *args, extra=extra: losses(*args) | extra
        before = weights(model)
        parallel.train_step(batch, steps)
        found['finite'].append(bool(steps.loss_is_finite))
        found['skipped'].append(steps.skipped_in_row)
        found['changed'].append(
            any(not torch.equal(value, before[name]) for name, value in weights(model).items()))
    return found


def test_processes_that_resume_from_different_checkpoints(tmp_path):
    assert in_two_processes(from_elsewhere, tmp_path) == [
        'the processes go on from different checkpoints, (epoch, iteration) [(0, 0), (1, 3)]; all '
        'machines need the same work folder'] * 2


def from_elsewhere(rank):
    with pytest.raises(ValueError, match='processes') as error:
        ResumableTrainLoop.run(SimpleNamespace(_epoch=rank, _iter=3 * rank))
    return str(error.value)


def test_a_process_that_dies_is_reported_by_the_other(tmp_path):
    with pytest.raises(torch.multiprocessing.ProcessExitedException, match='exit code 9'):
        in_two_processes(lonely, tmp_path, tmp_path)
    assert (tmp_path / 'said').read_text().startswith('process 0 of 2 lost another one (')
    assert (tmp_path / 'said').read_text().endswith('; start all again with --resume')


def lonely(rank, folder):
    if rank == 1:
        # Once the other waits, or start_processes would end that at once.
        torch.distributed.barrier()
        os._exit(0)
    torch.distributed.barrier()
    try:
        with lost_processes_reported():
            for _ in range(3):
                torch.distributed.all_reduce(torch.zeros(1))
    except ConnectionError as error:
        (folder / 'said').write_text(str(error))
    os._exit(9)


# Launchers

@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
@pytest.mark.parametrize(('launcher', 'message'), [
    ('slurm', '--launcher slurm needs GPUs, but none was found; on CPUs use torchrun'),
    ('pytorch', '--launcher pytorch needs to be started by torchrun')])
def test_launchers_that_cannot_work(monkeypatch, launcher, message):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(ValueError, match=message):
        join_training(Config({'launcher': launcher}))


def test_a_reader_that_dies_is_reported(tmp_path):
    for said in in_two_processes(without_reader, tmp_path):
        assert said.startswith('a process that reads ahead is gone (DataLoader worker (pid')
        assert '\n' not in said


class Dying(torch.utils.data.Dataset):

    def __len__(self):
        return 1

    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)


def without_reader(rank):
    with pytest.raises(ChildProcessError) as error, lost_processes_reported():
        list(torch.utils.data.DataLoader(Dying(), num_workers=1))
    return str(error.value)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match='shapes'), lost_processes_reported():
        raise RuntimeError('shapes do not fit')
