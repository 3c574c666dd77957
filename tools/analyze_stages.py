"""Where to divide a teacher: its layers' tokens compared, and the stages that this suggests.

Similarities of the tokens after all layers are computed on pairs of the config, as linear CKA or as
cosine. The division into N stages of the least change within stages (docs/insight.md) is printed
beside the even one and written as OUT/stages_N.json, for a student with division='auto', with a
heat map OUT/stages_N.png.
"""
import argparse
from pathlib import Path

from cli import bars, existing_config, run
from tabulate import tabulate


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='of a tracker, or of a compression: its teacher')
    parser.add_argument('checkpoint', type=Path, help="the teacher's weights")
    parser.add_argument('--stages', type=int, nargs='+', default=[4], metavar='N',
                        help='of the student (default 4)')
    parser.add_argument('--samples', type=int, default=256, metavar='K',
                        help='pairs that are looked at (default %(default)s)')
    parser.add_argument('--metric', choices=['cosine', 'cka'], default='cosine',
                        help='default %(default)s')
    parser.add_argument('--pairs', choices=['val', 'train'], default='val',
                        help='which pairs of the config (default %(default)s)')
    parser.add_argument('--batch-size', type=int, default=8, metavar='B')
    parser.add_argument('--device', default='cpu', help='such as cuda (default %(default)s)')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/stages'), metavar='DIR',
                        help='default %(default)s')
    return parser.parse_args()


def main(args) -> None:
    from mmct.evaluation import stage_analysis
    from mmct.evaluation.layer_similarity import build_teacher, layer_similarity, pair_loader

    config = existing_config(args.config)
    if args.samples < 1 or args.batch_size < 1:
        raise ValueError(f'--samples {args.samples} and --batch-size {args.batch_size} must be '
                         'positive')
    teacher = build_teacher(config, args.checkpoint).to(args.device)
    # Before anything takes long.
    even = {number: stage_analysis.even_division(len(teacher.backbone.layers), number)
            for number in args.stages}
    loader = pair_loader(config, args.pairs, args.samples, args.batch_size)
    samples = len(loader.dataset)
    with bars() as progress:
        task = progress.add_task('pairs', total=samples)
        similarity = layer_similarity(teacher, loader, args.metric,
                                      lambda pairs: progress.advance(task, pairs))
    rows = []
    for number in even:
        suggested = stage_analysis.best_division(similarity, number)
        file = args.out / f'stages_{number}.json'
        stage_analysis.write_division(
            file, similarity, suggested, config=str(args.config), checkpoint=str(args.checkpoint),
            metric=args.metric, pairs=args.pairs, samples=samples)
        stage_analysis.draw_divisions(
            file.with_suffix('.png'), similarity, suggested, even[number], args.metric,
            f'{args.checkpoint.name} on {samples} {args.pairs} pairs')
        rows += [{'stages': number, 'way': way, 'division': sizes,
                  'change within stages': stage_analysis.total_change(similarity, sizes),
                  'file': written} for way, sizes, written in (
                      ('even', even[number], ''), ('suggested', suggested, file))]
    print(tabulate(rows, headers='keys', tablefmt='github', floatfmt='.4f'))
    print("\nIn the student's backbone: division='auto', division_file='FILE', or the division "
          'itself')


if __name__ == '__main__':
    run(parse_args, main)
