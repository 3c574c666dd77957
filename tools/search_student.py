"""Find students that fit a time budget: build a grid of them with random weights and time them.

The tool lists the students within the budget by MACs, highest first, writes them as ready configs,
and draws latency over MACs. More arithmetic in the same time mostly means a better tracker.
"""
import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli import bars, compression_config, count, run

if TYPE_CHECKING:
    from analysis.student_search import Student


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config of a compression')
    parser.add_argument('--budget-ms', type=float, required=True, metavar='T',
                        help='milliseconds of a tracking step, from crop to box')
    parser.add_argument('--layers', type=int, nargs='+', metavar='N',
                        help="numbers of layers (default: a half, a third, … of the teacher's)")
    parser.add_argument('--width', type=int, nargs='+', metavar='C',
                        help="widths (default: half, three quarters and all of the teacher's, "
                        'in whole heads)')
    parser.add_argument('--mlp-ratio', type=float, nargs='+', metavar='R', help='MLP ratios '
                        '(default 1 2 4)')
    parser.add_argument('--block', nargs='+', metavar='TYPE', help='registered layer types'
                        ' (default TransformerBlock SeparableBlock)')
    parser.add_argument('--search-size', type=int, nargs='+', metavar='PIXELS',
                        help="search crops (default: the teacher's and the next smaller one)")
    parser.add_argument('--top', type=count, default=10, metavar='N',
                        help='how many configs are written (default %(default)s)')
    parser.add_argument('--steps', type=count, default=15, metavar='N',
                        help='tracking steps to time for each (default %(default)s)')
    parser.add_argument('--threads', type=count, default=os.cpu_count(), metavar='N',
                        help='number of threads (default: one for each core)')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/search'), metavar='FOLDER',
                        help='folder to write to (default %(default)s)')
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    import torch
    from analysis import student_search as search

    config = compression_config(args.config)
    if not args.budget_ms > 0:
        raise ValueError(f'--budget-ms {args.budget_ms:g} must be positive')
    torch.set_num_threads(args.threads)
    choices = search.default_choices(config)
    choices.update({key: getattr(args, key) for key in choices if getattr(args, key)})
    shapes = search.grid(config, choices)
    with bars() as progress:
        configs = {None: config.model.teacher}
        configs.update({s: search.student_config(config, s).model.student for s in shapes})
        task = progress.add_task('students timed', total=2 * len(configs))
        teacher, *students = search.measure(
            configs, args.steps, lambda: progress.advance(task), rounds=2)
    students.sort(key=lambda s: s.macs, reverse=True)
    within = [s for s in students if s.milliseconds <= args.budget_ms]
    picture = args.out / 'latency.png'
    search.draw(students, teacher, args.budget_ms, picture)
    written = [search.write_config(config, s, args.out).name for s in within[:args.top]]
    print(table(within, teacher, written))
    print(f'\n{len(within)} of {len(students)} students take at most {args.budget_ms:g} ms '
          f'({args.threads} thread{"s" * (args.threads > 1)}, eager PyTorch, fp32); the first '
          f'{len(written)} are written to {args.out}, all are drawn in {picture}')
    if not within:
        fastest = min(students, key=lambda s: s.milliseconds)
        raise ValueError(f'no student within {args.budget_ms:g} ms: the fastest of the grid, '
                         f'{fastest.shape.name}, takes {fastest.milliseconds:.3g} ms; raise '
                         '--budget-ms or give smaller shapes')


def table(students: 'Sequence[Student]', teacher: 'Student', written: Sequence[str]) -> str:
    """The students beside their teacher, the first ones with the names of their configs."""
    from tabulate import tabulate

    rows = [dict(student='teacher', **columns(teacher, teacher))]
    for i, student in enumerate(students):
        rows.append(dict(student=student.shape.name, **columns(student, teacher),
                         config=written[i] if i < len(written) else ''))
    return tabulate(rows, headers='keys', tablefmt='github')


def columns(student: 'Student', teacher: 'Student') -> dict[str, str]:
    """What a student costs, in words."""
    return {'GMACs': f'{student.macs / 1e9:.3g}',
            'parameters': f'{student.parameters / 1e6:.3g} M',
            'ms': f'{student.milliseconds:.2f}',
            'speed-up': f'{teacher.milliseconds / student.milliseconds:.2f} x'}


if __name__ == '__main__':
    run(parse_args, main)
