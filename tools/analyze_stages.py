"""Suggest how to divide a teacher into the stages of its student.

--metric cosine compares the tokens after all layers, on pairs of the config. It prints the division
into N stages with the least change within stages, beside the even one, and draws a heat map,
OUT/stages_N.png.

--metric start tries the untrained students on these pairs: all divisions if they are at most 200,
otherwise a local search from the even division and from that of cosine. It prints the ten best
beside these two, and draws OUT/stages_N_start.png.

docs/insight.md explains both.
"""
import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli import Settings, bars, existing_config, run

if TYPE_CHECKING:
    import numpy as np
    from analysis.divisions import Division
    from analysis.start_scores import Start, UntrainedStudents

LISTED = 10  # divisions of --metric start


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path,
                        help='config of a tracker, or of a compression, whose teacher is used')
    parser.add_argument('checkpoint', type=Path, help="the teacher's weights")
    parser.add_argument('--stages', type=int, nargs='+', default=[4], metavar='N',
                        help='number of stages; several are possible (default 4)')
    parser.add_argument('--samples', type=int, default=256, metavar='K',
                        help='number of pairs (default %(default)s)')
    parser.add_argument('--metric', choices=['cosine', 'start'], default='cosine',
                        help='what is measured (default %(default)s)')
    parser.add_argument('--groups', nargs='+', default=[], metavar='NAME',
                        help='token groups to compare, such as template search, each with the '
                        'same weight (default: all tokens together)')
    parser.add_argument('--pairs', choices=['val', 'train'], default='val',
                        help='which pairs of the config (default %(default)s)')
    parser.add_argument('--batch-size', type=int, default=8, metavar='B',
                        help='pairs a batch (default %(default)s)')
    parser.add_argument('--device', default='cpu',
                        help='where PyTorch computes, such as cuda (default %(default)s)')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/stages'), metavar='DIR',
                        help='folder for pictures (default %(default)s)')
    parser.add_argument('--cfg-options', nargs='+', action=Settings, default={},
                        help='settings that replace those of the config, key=value')
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from analysis.divisions import best_division, even_division
    from analysis.layer_similarity import build_teacher, layer_similarity, pair_loader
    from analysis.start_scores import UntrainedStudents, check_copies
    from benchmarks.machine import check_device
    from running.options import merge_options

    check_device(args.device)
    config = existing_config(args.config)
    merge_options(config, args.cfg_options)
    if args.samples < 1 or args.batch_size < 1:
        raise ValueError(f'--samples {args.samples} and --batch-size {args.batch_size} must be '
                         'positive')
    teacher = build_teacher(config, args.checkpoint).to(args.device)
    # Before anything takes long.
    even = {number: even_division(len(teacher.backbone.layers), number)
            for number in args.stages}
    if args.metric == 'start':
        check_copies(config, teacher)
    loader = pair_loader(config, teacher, args.pairs, args.samples, args.batch_size)
    title = f'{args.checkpoint.name} on {len(loader.dataset)} {args.pairs} pairs'
    starts = {}
    with bars() as progress:
        def task(name: str, times: int = 1) -> Callable[[int], None]:
            own = progress.add_task(name, total=times * len(loader.dataset))
            return lambda pairs: progress.advance(own, pairs)

        similarity = layer_similarity(teacher, loader, task('pairs compared'), args.groups)
        suggested = {number: best_division(similarity, number) for number in even}
        if args.metric == 'start':
            students = UntrainedStudents(teacher, loader, task('pairs embedded'))
            starts = {number: find_starts(students, [even[number], suggested[number]], task)
                      for number in even}
    for number in even:
        picture = args.out / f'stages_{number}{"_start" if starts else ""}.png'
        if starts:
            report_starts(picture, starts[number], even[number], suggested[number], title)
        else:
            report_changes(picture, similarity, even[number], suggested[number], title)


def find_starts(students: 'UntrainedStudents', first: 'Sequence[Division]',
                task: Callable[[str, int], Callable[[int], None]]) -> 'dict[Division, Start]':
    """Start scores of the divisions that are tried, the best one first.

    Args:
        first: divisions that a search begins with.
        task: makes the callback for a bar, of its name and how often all pairs are run.
    """
    from analysis.division_search import search_divisions

    def score(divisions: 'list[Division]') -> 'dict[Division, Start]':
        name = f'pairs × {len(divisions)} students of {len(first[0])} layers'
        return students.score(divisions, task(name, len(divisions)))

    starts = search_divisions(first, score)
    return dict(sorted(starts.items(), key=lambda item: item[1], reverse=True))


def report_starts(picture: Path, starts: 'dict[Division, Start]', even: 'Division',
                  suggested: 'Division', title: str) -> None:
    """Table and picture of --metric start.

    Args:
        starts: see :func:`find_starts`.
        suggested: the division by cosine.
    """
    from analysis.pictures import draw_starts
    from tabulate import tabulate

    listed = {}
    for rank, (division, start) in enumerate(starts.items(), 1):
        ways = [way for way, known in (('even', even), ('by cosine', suggested))
                if division == known]
        if rank <= LISTED or ways:
            listed[f'{rank}. {", ".join(ways)}'.rstrip()] = division, start
    draw_starts(picture, listed, f'{title}, {len(starts)} divisions tried')
    rows = [{'rank': name, 'division': list(division), 'start IoU': start.truth,
             "IoU with the teacher's boxes": start.teacher}
            for name, (division, start) in listed.items()]
    print(tabulate(rows, headers='keys', tablefmt='github', floatfmt='.4f', disable_numparse=[0]))
    print(f'\n{len(starts)} divisions tried, the best ones drawn in {picture}.')
    print_setting(next(iter(starts)))


def report_changes(picture: Path, similarity: 'np.ndarray', even: 'Division',
                   suggested: 'Division', title: str) -> None:
    """Table and picture of --metric cosine."""
    from analysis.divisions import total_change
    from analysis.pictures import draw_divisions
    from tabulate import tabulate

    draw_divisions(picture, similarity, suggested, even, title)
    rows = [{'way': way, 'division': list(division),
             'change within stages': total_change(similarity, division)}
            for way, division in (('even', even), ('suggested', suggested))]
    print(tabulate(rows, headers='keys', tablefmt='github', floatfmt='.4f'))
    print(f'\nDrawn in {picture}.')
    print_setting(suggested)


def print_setting(division: 'Division') -> None:
    """What is pasted into a config."""
    print('In the config of the compression:\n'
          f'model = dict(student=dict(backbone=dict(division={list(division)})))\n')


if __name__ == '__main__':
    run(parse_args, main)
