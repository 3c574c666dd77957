"""Commands side by side, which are not done twice and go on where they were broken off."""
import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmct.utils.files import free_name, write_text

POLL = 0.2  # seconds
GRACE = 60.  # seconds that a command has to save what it did
# Two processes of one thread do nearly twice as much as one of two.
ONE_THREAD = dict.fromkeys(
    ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'), '1')
# Epoch, which a test does not have, iteration and how many there are.
PROGRESS = re.compile(r'Epoch\((?:train|test)\)\s+(?:\[\s*(\d+)\])?\[\s*(\d+)/(\d+)\]')


@dataclass(eq=False)
class Job:
    """A command with a folder of its own. What is known of it is in a file beside its log.

    Attributes:
        name: on the screen.
        log: file for its output. What an earlier command with other settings left in its folder is
            moved aside.
        command: program and arguments.
        settings: stands for whatever decides its result.
        cost: how long it takes, in a unit that all jobs share.
        epochs: how many its log counts.
        resume: further arguments, if it was begun before.
        after: job whose result it needs.
        done: with these settings.
        share: how much of it is done, in [0, 1].
        seconds: that it ran, all times together.
    """
    name: str
    log: Path
    command: Sequence[str]
    settings: str
    cost: float = 1.
    epochs: int = 1
    resume: Sequence[str] = ()
    after: 'Job | None' = None

    def __post_init__(self) -> None:
        self.file, self.process = self.log.with_suffix('.json'), None
        before = {}
        with contextlib.suppress(OSError, ValueError):
            before = json.loads(self.file.read_text())
        self.begun = before.get('settings') == self.settings
        self.done = self.begun and before['done']
        self.seconds = before['seconds'] if self.begun else 0.
        self.share = float(self.done)

    def start(self) -> None:
        folder = self.log.parent
        if not self.begun and folder.exists():
            folder.rename(free_name(folder))
        folder.mkdir(parents=True, exist_ok=True)
        command = [*self.command, *(self.resume if self.begun else ())]
        with self.log.open('a') as output:
            self.first = output.tell()  # byte of its own in the log
            # In a session of its own: Ctrl-C is for the demo, which then lets it save its state.
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                env=os.environ | ONE_THREAD)
        self.since = time.monotonic()
        self.keep()

    def poll(self) -> bool:
        """Take in what the log says; whether the job is done.

        Raises:
            ValueError: the command failed; names the log and the error in it.
        """
        status = self.process.poll()  # before the log, whose end it would miss otherwise
        text = self.log.read_bytes()[self.first:].decode(errors='replace')
        if found := PROGRESS.findall(text):
            epoch, iteration, length = found[-1]
            self.share = (int(epoch or 1) - 1 + int(iteration) / int(length)) / self.epochs
        if status:
            last = text.rstrip().rpartition('\n')[2]
            reason = f': {last.removeprefix("error: ")}' if last.startswith('error: ') else ''
            raise ValueError(f'{self.name} failed with exit status {status}{reason}; its log is '
                             f'{self.log}')
        if status == 0:
            self.done, self.share = True, 1.
            self.keep()
        return self.done

    def wait(self) -> None:
        """See that the command ends, as it was told to."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        self.process.kill()
        self.process.wait()
        self.keep()

    def keep(self) -> None:
        """Write down what is known of the job."""
        now = time.monotonic()
        self.seconds, self.since = self.seconds + now - self.since, now
        write_text(self.file, json.dumps(
            dict(settings=self.settings, done=self.done, seconds=self.seconds), indent=1))


def run_jobs(jobs: Sequence[Job], lanes: int, watch: Callable[[], None] = lambda: None) -> None:
    """Run those jobs that are not done, in their order, ``lanes`` of them side by side.

    Args:
        watch: called after each look at the jobs.

    Raises:
        ValueError: a job failed. The others were stopped and can be gone on with.
    """
    waiting, running = [job for job in jobs if not job.done], []
    try:
        while waiting or running:
            ready = [job for job in waiting if job.after is None or job.after.done]
            for job in ready[:lanes - len(running)]:
                waiting.remove(job)
                job.start()
                running.append(job)
            running = [job for job in running if not job.poll()]
            watch()
            time.sleep(POLL)
    finally:
        for job in running:
            job.process.terminate()
        for job in running:
            job.wait()
