"""Rows of a benchmark: a line for each when it is measured, and tables of all that were."""
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabulate import tabulate

from mmct.utils.files import write_text

from .machine import RowError
from .peers import ORIGINAL
from .peers import ROLE as PEER
from .tracking import Row as Tracking
from .training import Row as Training


@dataclass
class Job:
    """What is to be measured.

    Attributes:
        name: for the screen.
        rows: measures it when it is iterated over; raises :class:`RowError`.
        after: jobs of a smaller number go first.
        count: how many rows there will be.
    """
    name: str
    rows: Iterator[Any]
    after: int = 0
    count: int = 1


@dataclass
class Report:
    """What has been measured so far.

    Attributes:
        about: of the machine and the run, for the file.
        path: a JSON file that is written anew after each row, or None.
    """
    about: dict
    path: Path | None
    rows: list = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def measure_all(self, jobs: list[Job]) -> None:
        """Do the jobs, and say how far they are and how long it took."""
        self._total, self._start = sum(job.count for job in jobs), time.monotonic()
        for job in sorted(jobs, key=lambda job: job.after):
            self.measure(job)

    def measure(self, job: Job) -> None:
        """Take the rows of a job, and print each as soon as it is there."""
        try:
            for row in job.rows:
                self.rows.append(row)
                seconds = time.monotonic() - self._start
                print(f'{row.line()} [{len(self.rows)} of {self._total} rows in {seconds:.0f} s]',
                      flush=True)
                self.write()
        except RowError as error:
            self.failed[job.name] = str(error)
            print(f'{job.name}: failed, {error}', flush=True)
            self.write()

    def write(self) -> None:
        """Put all that there is into the file."""
        if self.path:
            write_text(self.path, json.dumps(dict(
                self.about, rows=[row.record() for row in self.rows], failed=self.failed),
                indent=1))

    def tables(self) -> str:
        """All rows as Markdown, one table of each kind, and what failed."""
        parts = []
        for kind, table in ((Tracking, tracking_table), (Training, training_table)):
            rows = [row for row in self.rows if isinstance(row, kind)]
            parts += [tabulate(table(rows), headers='keys', tablefmt='github')] if rows else []
        others = [row for row in self.rows if not isinstance(row, (Tracking, Training))]
        parts += [tabulate(data_table(others), headers='keys', tablefmt='github')] if others else []
        parts += ['\n'.join(f'failed: {name}: {why}' for name, why in self.failed.items())] \
            if self.failed else []
        return '\n\n'.join(parts)


def tracking_table(rows: list[Tracking]) -> list[dict[str, str]]:
    """With how much faster each is than the published step, the teacher, and the file of a peer."""
    by = {(row.contestant.source, row.contestant.role, *kind_of(row)): row for row in rows}
    peaks = any(row.demand for row in rows)
    several = len({source for source, *_ in by if source}) > 1
    lines = []
    for row in rows:
        source, role = row.contestant.source, row.contestant.role
        teacher = by.get((row.contestant.teacher, 'teacher', *kind_of(row)))
        base = by.get((source, role, 'published', 'fp32'))
        peer = by.get(('', PEER, ORIGINAL, 'fp32'))
        backend, precision = kind_of(row)
        lines.append({
            **({'config': source} if several else {}),
            'tracker': role, 'backend': backend, 'precision': precision,
            'crop': f'{row.crop:.2f}', 'network': f'{row.network:.2f}',
            'decode': f'{row.decode:.2f}', 'update ms': f'{row.update:.2f}',
            '10-90 %': '{:.2f}-{:.2f}'.format(*row.spread), 'FPS': f'{1e3 / row.update:.0f}',
            'first frame ms': f'{row.first:.2f}',
            'to published': f'{base.update / row.update:.2f} x' if base else '',
            **({'to the file': f'{peer.update / row.update:.2f} x'} if peer else {}),
            'to teacher': f'{teacher.update / row.update:.2f} x' if teacher else '',
            'GMACs': f'{row.macs / 1e9:.3g}', 'encode GMACs': f'{row.encode_macs / 1e9:.3g}',
            'parameters': f'{row.parameters / 1e6:.3g} M',
            'memory MB': '' if row.memory is None else f'{row.memory:.0f}',
            **({'demand ms': row.demand and f'{row.demand:.2f}',
                'of demand': row.demand and f'{row.network / row.demand:.2f}'} if peaks else {}),
            **({'video FPS': f'{1e3 / row.video:.0f}'} if row.video else {}),
            **{f'{count} targets/s': f'{1e3 * count / ms:.0f}' for count, ms in row.many.items()}})
    return lines


def kind_of(row: Tracking) -> tuple[str, str]:
    """Backend and precision."""
    return row.contestant.backend, row.contestant.precision


def training_table(rows: list[Training]) -> list[dict[str, str]]:
    """With what each takes of the published step, and of what its multiply-accumulates would take
    at the rate of the student alone."""
    by = {(row.name, row.prob): row for row in rows}
    lines = []
    for row in rows:
        base, plain = by.get(('published', row.prob)), by.get(('student alone', None))
        demand = plain and plain.seconds * row.macs / plain.macs
        lines.append({
            'training': row.name, 'p': '' if row.prob is None else row.prob,
            's': f'{row.seconds:.3g}',
            'time of published': f'{row.seconds / base.seconds:.2f}' if base else '',
            'GMACs': f'{row.macs / 1e9:.3g}', 'demand s': f'{demand:.3g}' if plain else '',
            'of demand': f'{row.seconds / demand:.2f}' if plain else '',
            'loss': f'{row.loss:.4f}', 'memory MB': '' if row.memory is None else
            f'{row.memory:.0f}', 'memory of published': f'{row.memory / base.memory:.2f}'
            if base and base.memory and row.memory is not None else ''})
    return lines


def data_table(rows: list) -> list[dict[str, str]]:
    """Beside the first row."""
    return [{
        'pipeline': row.name, 'ms a pair': f'{row.ms:.1f}',
        'pairs/s a worker': f'{row.pairs_per_second:.1f}',
        'relative to the first': f'{rows[0].ms / row.ms:.2f} x', 'decoding': f'{row.decoding:.0%}'}
        for row in rows]
