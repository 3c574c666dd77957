"""Where to divide a teacher into the stages of its student.

--metric cosine or cka compares the tokens after all layers on pairs of the config. The division
into N stages of the least change within stages is printed beside the even one and written as
OUT/stages_N.json, for a student with division='auto', with a heat map OUT/stages_N.png.

--metric start tries the students themselves, untrained, on these pairs: those of all divisions if
they are at most 200, otherwise those that a local search meets, from the even division and from
that of cosine. The ten best are printed with these two and drawn in OUT/stages_N.png, and the best
one is written as OUT/stages_N.json.

docs/insight.md says how all of them work.
"""
import argparse
from pathlib import Path

from cli import Settings, bars, existing_config, run
from tabulate import tabulate

LISTED = 10  # divisions of --metric start


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='of a tracker, or of a compression: its teacher')
    parser.add_argument('checkpoint', type=Path, help="the teacher's weights")
    parser.add_argument('--stages', type=int, nargs='+', default=[4], metavar='N',
                        help='of the student (default 4)')
    parser.add_argument('--samples', type=int, default=256, metavar='K',
                        help='pairs that are looked at (default %(default)s)')
    parser.add_argument('--metric', choices=['cosine', 'cka', 'start'], default='cosine',
                        help='default %(default)s')
    parser.add_argument('--pairs', choices=['val', 'train'], default='val',
                        help='which pairs of the config (default %(default)s)')
    parser.add_argument('--batch-size', type=int, default=8, metavar='B')
    parser.add_argument('--device', default='cpu', help='such as cuda (default %(default)s)')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/stages'), metavar='DIR',
                        help='default %(default)s')
    parser.add_argument('--cfg-options', nargs='+', action=Settings, default={},
                        help='settings that replace those of the config, key=value')
    return parser.parse_args()


def main(args) -> None:
    from analysis.layer_similarity import build_teacher, layer_similarity, pair_loader
    from analysis.stage_analysis import even_division
    from analysis.start_scores import UntrainedStudents, check_copies

    config = existing_config(args.config)
    config.merge_from_dict(args.cfg_options)
    if args.samples < 1 or args.batch_size < 1:
        raise ValueError(f'--samples {args.samples} and --batch-size {args.batch_size} must be '
                         'positive')
    teacher = build_teacher(config, args.checkpoint).to(args.device)
    # Before anything takes long.
    even = {number: even_division(len(teacher.backbone.layers), number)
            for number in args.stages}
    by_start = args.metric == 'start'
    if by_start:
        check_copies(config, teacher, even[args.stages[0]])
    loader = pair_loader(config, args.pairs, args.samples, args.batch_size)
    with bars() as progress:
        def task(name, times=1):
            own = progress.add_task(name, total=times * len(loader.dataset))
            return lambda pairs: progress.advance(own, pairs)

        similarity = layer_similarity(
            teacher, loader, 'cosine' if by_start else args.metric, task('pairs compared'))
        if by_start:
            students = UntrainedStudents(teacher, loader, task('pairs embedded'))
            starts = {number: find_starts(students, similarity, number, task) for number in even}
    origin = dict(config=str(args.config), checkpoint=str(args.checkpoint), metric=args.metric,
                  pairs=args.pairs, samples=len(loader.dataset))
    if by_start:
        for number in even:
            report_starts(args.out, similarity, number, starts[number], origin)
    else:
        report_changes(args.out, similarity, even, origin)


def named_divisions(similarity, number: int) -> dict[tuple[int, ...], str]:
    """Names of those that a search begins with, and that the best ones are compared with."""
    from analysis.stage_analysis import best_division, even_division

    even = tuple(even_division(len(similarity) - 1, number))
    cosine = tuple(best_division(similarity, number))
    return {even: 'even, by cosine'} if even == cosine else {even: 'even', cosine: 'by cosine'}


def find_starts(students, similarity, number: int, task) -> dict:
    """Start scores of the divisions that are tried, the best one first."""
    from analysis.division_search import search_divisions

    def score(divisions):
        name = f'pairs × {len(divisions)} students of {number} layers'
        return students.score(divisions, task(name, len(divisions)))

    starts = search_divisions(list(named_divisions(similarity, number)), score)
    return dict(sorted(starts.items(), key=lambda item: item[1], reverse=True))


def report_starts(out: Path, similarity, number: int, starts: dict, origin: dict) -> None:
    """Files and table of --metric start."""
    from analysis.stage_analysis import write_division
    from analysis.start_picture import draw_starts

    known = named_divisions(similarity, number)
    listed = {f'{rank}. {known.get(division, "")}'.rstrip(): (division, start)
              for rank, (division, start) in enumerate(starts.items(), 1)
              if rank <= LISTED or division in known}
    best = list(next(iter(starts)))
    file = out / f'stages_{number}.json'
    write_division(file, similarity, best, **origin, starts=[
        dict(division=division, **start._asdict()) for division, start in starts.items()])
    draw_starts(file.with_suffix('.png'), listed,
                f'{Path(origin["checkpoint"]).name} on {origin["samples"]} {origin["pairs"]} '
                f'pairs, {len(starts)} divisions tried')
    rows = [{'rank': name, 'division': list(division), 'start IoU': start.truth,
             "IoU with the teacher's boxes": start.teacher}
            for name, (division, start) in listed.items()]
    print(tabulate(rows, headers='keys', tablefmt='github', floatfmt='.4f', disable_numparse=[0]))
    print(f"\n{len(starts)} divisions tried; the best one is in {file}, for division='auto'.\n"
          'Or in the config of the compression:\n'
          f'model = dict(student=dict(backbone=dict(division={best})))\n')


def report_changes(out: Path, similarity, even: dict, origin: dict) -> None:
    """Files and table of --metric cosine and cka."""
    from analysis import stage_analysis

    rows = []
    for number in even:
        suggested = stage_analysis.best_division(similarity, number)
        file = out / f'stages_{number}.json'
        stage_analysis.write_division(file, similarity, suggested, **origin)
        stage_analysis.draw_divisions(
            file.with_suffix('.png'), similarity, suggested, even[number], origin['metric'],
            f'{Path(origin["checkpoint"]).name} on {origin["samples"]} {origin["pairs"]} pairs')
        rows += [{'stages': number, 'way': way, 'division': sizes,
                  'change within stages': stage_analysis.total_change(similarity, sizes),
                  'file': written} for way, sizes, written in (
                      ('even', even[number], ''), ('suggested', suggested, file))]
    print(tabulate(rows, headers='keys', tablefmt='github', floatfmt='.4f'))
    print("\nIn the student's backbone: division='auto', division_file='FILE', or the division "
          'itself')


if __name__ == '__main__':
    run(parse_args, main)
