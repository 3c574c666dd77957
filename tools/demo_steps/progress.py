"""How far jobs are, and when all of them will be done."""
import re
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from .jobs import Job

LIMIT = 15  # minutes
TELL = 0.1  # share of a job between two lines where there is no terminal
TRAIN_LINE = re.compile(r'Epoch\(train\)\s+\[\s*(\d+)\]\[\s*(\d+)/(\d+)\]')
TEST_LINE = re.compile(r'Epoch\(test\)\s+\[\s*(\d+)/(\d+)\]')


def train_share(line: str, epochs: int) -> float | None:
    """Share of a training that a line of its log tells."""
    if match := TRAIN_LINE.search(line):
        epoch, iteration, length = map(int, match.groups())
        return (epoch - 1 + iteration / length) / epochs


def test_share(line: str) -> float | None:
    """Share of a test that a line of its log tells."""
    if match := TEST_LINE.search(line):
        return int(match[1]) / int(match[2])


def measured(job: Job) -> tuple[float, float]:
    """Seconds of which the progress of a job is known, and the cost that was done in them."""
    if len(job.marks) < 2:
        return 0., 0.
    (begin, first), (end, last) = job.marks
    return end - begin, (last - first) * job.cost


def seconds_left(job: Job, pace: float) -> float:
    """Until a job is done, by its own pace if that is known, else by ``pace``, seconds a cost."""
    seconds, cost = measured(job)
    return (1 - job.share) * job.cost * (seconds / cost if cost else pace)


def time_left(jobs: Sequence[Job], lanes: int, rest: float = 0.) -> float | None:
    """Seconds until all are done, as ``run_jobs`` runs them; None as long as nobody can know.

    Args:
        rest: cost of what follows them.
    """
    seconds, costs = map(sum, zip(*map(measured, jobs)))
    if not costs:
        return None
    pace = seconds / costs
    ends, free = {}, [0.] * lanes
    for job in sorted(jobs, key=lambda job: job.process is None):  # what runs has a lane already
        if not job.done:
            start = max(min(free), ends.get(job.after, 0.))
            free[free.index(min(free))] = ends[job] = start + seconds_left(job, pace)
    return max(free) + rest * pace


def announcement(minutes: float, left: float, pairs: int | None = None) -> str:
    """When all will be done.

    Args:
        minutes: that all of it takes.
        left: minutes of these from now on.
        pairs: of an epoch of the default training, which should end within ``LIMIT`` minutes; None
            for another one.
    """
    until = datetime.now() + timedelta(minutes=left)
    text = f'All of it takes about {minutes:.0f} minutes on this machine, until {until:%H:%M}.'
    if pairs is None or minutes <= LIMIT:
        return text
    fewer = max(int(pairs * LIMIT / minutes) // 100 * 100, 100)
    return (f'{text}\nThis machine is slower than the two free cores on which the demo takes '
            f'{LIMIT} minutes. Training goes on; for fewer pairs stop it, and start '
            'tools/demo.py with\n'
            f'--cfg-options train_dataloader.dataset.pairs_per_epoch={fewer}')


def clock(seconds: float | None) -> str:
    """Minutes and seconds."""
    return '-:--' if seconds is None else f'{int(seconds // 60)}:{int(seconds % 60):02d}'


class Screen:
    """Bars of the jobs that run and of everything; lines now and then if there is no terminal.

    Args:
        jobs, lanes: as of ``run_jobs``.
        rest: cost of what follows them.
        start: ``time.monotonic()`` when everything began.
        pairs: see :func:`announcement`.
    """

    def __init__(self, jobs: Sequence[Job], lanes: int, rest: float, start: float,
                 pairs: int | None = None) -> None:
        self.jobs, self.lanes, self.rest, self.start, self.pairs = jobs, lanes, rest, start, pairs
        self.console = Console(soft_wrap=True)
        self.bars = Progress(
            TextColumn('{task.description:<42}'), BarColumn(),
            TextColumn('{task.percentage:3.0f} %'), TextColumn('{task.fields[left]} left'),
            console=self.console,
            disable=not self.console.is_terminal)
        self.all = self.bars.add_task('everything', total=1., left=clock(None))
        self.tasks, self.told = {}, {}
        self.announced = False
        for job in jobs:
            if job.done:
                self.console.print(f'{job.name}: done before', highlight=False)

    def __enter__(self) -> 'Screen':
        self.bars.start()
        return self

    def __exit__(self, *exception) -> None:
        self.bars.stop()

    def update(self) -> None:
        """Show how far the jobs are."""
        left = time_left(self.jobs, self.lanes, self.rest)
        running = [job for job in self.jobs if job.process and not job.done]
        if left is not None and not self.announced and all(measured(job)[1] for job in running):
            self.announced = True
            total = time.monotonic() - self.start + left
            self.console.print(announcement(total / 60, left / 60, self.pairs), highlight=False)
        for job in self.jobs:
            if job.process:
                self.show(job, left)
        done = sum(job.share * job.cost for job in self.jobs)
        total = sum(job.cost for job in self.jobs) + self.rest
        self.bars.update(self.all, completed=done / total, left=clock(left))

    def show(self, job: Job, left: float | None) -> None:
        if job not in self.tasks:
            self.tasks[job] = self.bars.add_task(job.name, total=1., left=clock(None))
        own = seconds_left(job, 0.) if measured(job)[1] or job.done else None
        self.bars.update(self.tasks[job], completed=job.share, left=clock(own))
        told = self.told.get(job, 0.)
        if not self.console.is_terminal and (job.share >= told + TELL or job.done and told < 1):
            self.told[job] = job.share
            print(f'{job.name}: {job.share:.0%}, {clock(left)} left of all', flush=True)
