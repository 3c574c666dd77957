"""How far jobs are, and when all of them will be done."""
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from statistics import fmean

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from .jobs import Job

LIMIT = 15  # minutes; a longer demo says how to shorten it
PERIOD = 600  # seconds over which speeds are measured


def time_left(jobs: Sequence[Job], lanes: int, speeds: Mapping[Job, float], rest: float = 0.
              ) -> float | None:
    """Seconds until all are done, as ``run_jobs`` runs them; None as long as nobody can know.

    Args:
        speeds: cost a second of some jobs; the others are taken to be as fast as these on average.
        rest: cost of what follows them.
    """
    if not speeds:
        return None
    mean = fmean(speeds.values())
    left = {job: (1 - job.share) * job.cost / speeds.get(job, mean) for job in jobs}
    chains = [seconds + left.get(job.after, 0.) for job, seconds in left.items()]
    return max(sum(left.values()) / lanes, *chains) + rest / mean


def announcement(seconds: float, left: float, pairs: int) -> str:
    """When all will be done.

    Args:
        seconds: that all of it takes.
        left: seconds of these from now on.
        pairs: of an epoch of the training.
    """
    minutes, until = seconds / 60, datetime.now() + timedelta(seconds=left)
    text = f'All of it takes about {minutes:.0f} minutes on this machine, until {until:%H:%M}.'
    if minutes > LIMIT:
        fewer = max(int(pairs * LIMIT / minutes) // 100 * 100, 100)
        command = shlex.join([sys.executable, *sys.argv, '--cfg-options',
                              f'train_dataloader.dataset.pairs_per_epoch={fewer}'])
        text += f'\nFor {LIMIT} minutes stop it, and run\n{command}'
    return text


@contextmanager
def shown(jobs: Sequence[Job], lanes: int, rest: float, start: float, pairs: int
          ) -> Iterator[Callable[[], None]]:
    """Show bars of everything and of the jobs that were started; without a terminal a line for
    each tenth of a job.

    Args:
        jobs, lanes, rest: see :func:`time_left`.
        start: ``time.monotonic()`` when everything began.
        pairs: see :func:`announcement`.

    Yields:
        what brings the bars up to date.
    """
    console = Console(soft_wrap=True, highlight=False)
    bars = Progress(
        TextColumn('{task.description:<42}'), BarColumn(), TaskProgressColumn(),
        TimeRemainingColumn(), TextColumn('left'), console=console,
        disable=not console.is_terminal, speed_estimate_period=PERIOD)
    everything = bars.add_task('everything', total=None)
    tasks, tenths, announced = {}, dict.fromkeys(jobs, 0), False
    for job in jobs:
        if job.done:
            console.print(f'{job.name}: done before')

    def update() -> None:
        nonlocal announced
        for job in jobs:
            if job.process and job not in tasks:
                number = bars.add_task(job.name, total=job.cost)
                tasks[job] = bars.tasks[number]
        for job, task in tasks.items():
            bars.update(task.id, completed=job.share * job.cost)
        speeds = {job: task.speed for job, task in tasks.items() if task.speed}
        left = time_left(jobs, lanes, speeds, rest)
        if left is not None:
            passed = time.monotonic() - start
            bars.update(everything, completed=passed, total=passed + left)
            if not announced and all(job.done or job in speeds for job in tasks):
                announced = True
                console.print(announcement(passed + left, left, pairs))
        for job in tasks:
            if int(10 * job.share) > tenths[job]:
                tenths[job] = int(10 * job.share)
                if not console.is_terminal:
                    until = '-:--:--' if left is None else timedelta(seconds=round(left))
                    print(f'{job.name}: {job.share:.0%}, {until} left of all', flush=True)

    with bars:
        yield update
