"""Milliseconds of a tracking step, by backend and precision, teacher beside student, in one run.

The first row is the step as the published code has it (eager fp32, attention maps kept, template
embedded in every frame, batch norm not folded); ratios are to it. Weights that are not given are
random, which takes as long.
"""
import argparse
import json
import math
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from mmengine.config import Config
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tabulate import tabulate

from mmct.cli import run
from mmct.evaluation import benchmark
from mmct.files import write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='of a compression, or of a tracker')
    parser.add_argument('checkpoint', type=Path, nargs='?', help='of the student, or the tracker')
    parser.add_argument('--rows', nargs='+', metavar='BACKEND:PRECISION', type=kind,
                        default=list(benchmark.DEFAULT),
                        help='one or more of ' + ' '.join(map(':'.join, benchmark.KINDS)))
    parser.add_argument('--steps', type=int, default=30, metavar='N',
                        help='tracking steps that are timed (default %(default)s)')
    parser.add_argument('--threads', type=int, default=os.cpu_count(), metavar='N')
    parser.add_argument('--json', type=Path, metavar='OUT')
    args = parser.parse_args()
    if not args.config.is_file():
        raise FileNotFoundError(f'config {args.config} does not exist')
    config = Config.fromfile(args.config)
    kinds = list(dict.fromkeys([('published', 'fp32'), *args.rows]))
    with TemporaryDirectory() as folder, Progress(
            TextColumn('{task.description:<8}'), BarColumn(), MofNCompleteColumn(),
            TextColumn('left'), TimeRemainingColumn()) as progress:
        export = progress.add_task('export', total=1)
        contestants, costs = benchmark.prepare(config, args.checkpoint, Path(folder), kinds)
        progress.advance(export)
        tasks = {name: progress.add_task(name, total=total) for name, total in (
            ('load', len(contestants)), ('turn', math.ceil(args.steps / benchmark.TURN)),
            ('memory', len(contestants)))}
        rows = benchmark.measure(contestants, costs, args.threads, args.steps,
                                 lambda name: progress.advance(tasks[name]))
    print(table(rows))
    print(f'\n{benchmark.processor()}, {args.threads} threads, medians of {args.steps} steps in '
          f'turns, frames of {"x".join(map(str, benchmark.FRAME_SIZE[::-1]))}')
    if args.json:
        write_text(args.json, json.dumps(dict(
            processor=benchmark.processor(), threads=args.threads, steps=args.steps,
            rows=[record(row) for row in rows]), indent=1))


def kind(text: str) -> tuple:
    pair = tuple(text.split(':'))
    if pair not in benchmark.KINDS:
        raise argparse.ArgumentTypeError(
            f'{text!r} is none of {" ".join(map(":".join, benchmark.KINDS))}')
    return pair


def record(row) -> dict:
    contestant = row.contestant
    return dict(role=contestant.role, backend=contestant.backend, precision=contestant.precision,
                macs=row.macs, parameters=row.parameters, crop_ms=row.crop,
                network_ms=row.network, decode_ms=row.decode, update_ms=row.update,
                update_10_90_ms=row.spread, fps=1e3 / row.update, peak_memory_mb=row.memory)


def table(rows) -> str:
    by = {(r.contestant.role, r.contestant.backend, r.contestant.precision): r for r in rows}
    lines = []
    for row in rows:
        role, backend, precision = (
            row.contestant.role, row.contestant.backend, row.contestant.precision)
        teacher, base = by.get(('teacher', backend, precision)), by[role, 'published', 'fp32']
        lines.append({
            'tracker': role, 'backend': backend, 'precision': precision,
            'crop': f'{row.crop:.2f}', 'network': f'{row.network:.2f}',
            'decode': f'{row.decode:.2f}', 'update ms': f'{row.update:.2f}',
            '10-90 %': '{:.2f}-{:.2f}'.format(*row.spread), 'FPS': f'{1e3 / row.update:.0f}',
            'to published': f'{base.update / row.update:.2f} x',
            'to teacher': f'{teacher.update / row.update:.2f} x' if teacher else '',
            'GMACs': f'{row.macs / 1e9:.3g}', 'parameters': f'{row.parameters / 1e6:.3g} M',
            'memory MB': '' if row.memory is None else f'{row.memory:.0f}'})
    return tabulate(lines, headers='keys', tablefmt='github')


if __name__ == '__main__':
    run(main)
