"""Commands side by side, which are not done twice and go on where they were broken off."""
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mmct.engine.loops.sequence_test_loop import free_name
from mmct.utils.files import write_text

POLL = 0.2  # seconds
GRACE = 60.  # seconds that a command has to save what it did
# Two processes of one thread do nearly twice as much as one of two.
ONE_THREAD = dict.fromkeys(
    ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'), '1')


class Job:
    """A command with a folder of its own. What is known of it is in a file beside its log.

    Args:
        name: on the screen.
        log: file for its output. What an earlier command with other settings left in its folder is
            moved aside.
        command: program and arguments.
        settings: whatever decides its result, as JSON has it.
        cost: seconds that it may take, right in proportion to those of other jobs.
        resume: further arguments, if it was begun before.
        after: job whose result it needs.
        progress: share in [0, 1] that a line of the log tells, or None.
        finish: called after the command, before the job counts as done.

    Attributes:
        done: its result is there.
        share: how much of it is done, in [0, 1].
        marks: (seconds, share) of the first and the last progress of this process, if there is any.
    """

    def __init__(self, name: str, log: Path, command: Sequence[str], settings: dict,
                 cost: float = 1., resume: Sequence[str] = (), after: 'Job | None' = None,
                 progress: Callable[[str], float | None] = lambda line: None,
                 finish: Callable[[], None] = lambda: None) -> None:
        self.name, self.log, self.cost, self.after = name, log, cost, after
        self.command, self.resume = list(command), list(resume)
        self.progress, self.finish = progress, finish
        self.process, self.marks = None, []
        self.last = ''  # line of the log
        self.record, self.begun = dict(settings=settings, done=False, seconds=0.), False
        with contextlib.suppress(OSError, ValueError):
            before = json.loads(self.file.read_text())
            if before['settings'] == settings:
                self.record, self.begun = before, True
        self.share = float(self.done)

    @property
    def file(self) -> Path:
        return self.log.with_suffix('.json')

    @property
    def done(self) -> bool:
        return self.record['done']

    @property
    def seconds(self) -> float:
        """How long it ran, all times together."""
        return self.record['seconds']

    @property
    def ready(self) -> bool:
        return self.after is None or self.after.done

    def start(self) -> None:
        folder = self.log.parent
        if not self.begun and folder.exists():
            folder.rename(free_name(folder))
        folder.mkdir(parents=True, exist_ok=True)
        command = self.command + (self.resume if self.begun else [])
        with self.log.open('a') as output:
            self.lines = self.log.open(errors='replace')
            self.lines.seek(0, os.SEEK_END)
            # In a session of its own: Ctrl-C is for the demo, which then lets it save its state.
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                env=os.environ | ONE_THREAD)
        self.started = time.monotonic()
        self.keep()

    def poll(self) -> bool:
        """Take in what the log says; whether the job is done.

        Raises:
            ValueError: the command failed; names the log and the error in it.
        """
        status = self.process.poll()  # before the log, whose end it would miss otherwise
        for line in self.lines:
            self.last = line.strip() or self.last
            share = self.progress(line)
            if share is not None:
                self.share = share
                self.marks = [*self.marks[:1], (time.monotonic(), share)]
        if status is None:
            return False
        if status:
            reason = self.last.removeprefix('error: ')
            reason = f': {reason}' if reason != self.last else ''
            raise ValueError(f'{self.name} failed with exit status {status}{reason}; its log is '
                             f'{self.log}')
        self.finish()
        self.share = 1.
        self.keep(done=True)
        return True

    def stop(self) -> None:
        """Tell the command to end; :meth:`wait` sees that it does."""
        self.process.terminate()

    def wait(self) -> None:
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.keep(self.done)

    def keep(self, done: bool = False) -> None:
        """Write down what is known of the job."""
        now = time.monotonic()
        self.record.update(done=done, seconds=self.seconds + now - self.started)
        self.started = now
        write_text(self.file, json.dumps(self.record, indent=1))


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
            for job in [job for job in waiting if job.ready][:lanes - len(running)]:
                waiting.remove(job)
                job.start()
                running.append(job)
            running = [job for job in running if not job.poll()]
            watch()
            time.sleep(POLL)
    finally:
        for job in running:
            job.stop()
        for job in running:
            job.wait()
