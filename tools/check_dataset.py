"""Report what is missing in a data set, sequence by sequence.

The tool lists folders, reads annotations and counts the frames of videos. --decode also decodes
each image. That finds empty and broken files, but takes hours instead of seconds.
Exit status 1: something is missing.
"""
import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from cli import bars, run

SHOWN = 10  # of the sequences that have no frames


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', metavar='NAME', help='lasot, lasot_ext, tnl2k, trackingnet, '
                        'got10k, uav123, nfs, otb100, vot, vasttrack, or own for a folder of your '
                        'own data')
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='such as data/lasot')
    parser.add_argument('--split', metavar='SPLIT', help='such as test (default: all that are on '
                        'disk)')
    parser.add_argument('--decode', action='store_true', help='also decode each frame')
    return parser.parse_args()


def main(args: argparse.Namespace) -> int:
    from data_preparation.check import check_sequence, check_together
    from data_preparation.layouts import layout_of

    layout = layout_of(args.name)
    splits = layout.present(args.folder)
    if args.split is not None:
        if args.split not in splits:
            raise ValueError(f'--split {args.split} is not one of those that are there: '
                             f'{", ".join(splits)}')
        splits = {args.split: splits[args.split]}
    rows, summary = [], []
    with bars() as progress, ThreadPoolExecutor(os.cpu_count()) as pool:
        for key, sequences in splits.items():
            title, split = f'{args.name} {key}'.strip(), layout.splits[key]
            check = partial(check_sequence, args.folder, layout, secret=split.secret,
                            decode=args.decode)
            found = pool.map(check, sequences)
            found = list(progress.track(found, len(sequences), description=title))
            absent = [sequence.name for sequence in sequences
                      if not (args.folder / layout.prefix / sequence.frames).exists()]
            if len(absent) > SHOWN:  # a part of the data set, which needs no line for each other
                rows.append((title, '', f'{len(absent)} of {len(sequences)} sequences have no '
                             f'frames: {", ".join(absent[:SHOWN])}, …'))
            else:
                absent = []
            rows += [(title, sequence.name, problem)
                     for sequence, problems in zip(sequences, found)
                     if sequence.name not in absent for problem in problems]
            complete = sum(not problems for problems in found)
            expected = max(split.count or 0, len(sequences))
            if len(sequences) < expected:
                rows.append((title, '', f'{expected - len(sequences)} of {expected} sequences '
                             'are missing'))
            summary.append(f'{title}: {complete} of {expected} sequences are complete')
            if complete == len(sequences):
                summary += [f'{title}: boxes may be {other}; expected x,y,w,h in pixels'
                            for other in check_together(args.folder, layout, sequences)]
    if args.split is None:
        summary += [f'{args.name} {key}: nothing is there' for key in layout.splits
                    if key not in splits]
    if rows:
        from tabulate import tabulate
        print(tabulate(rows, headers=['data set', 'sequence', 'what is wrong'], tablefmt='github'))
    print('\n'.join(summary))
    return int(bool(rows))


if __name__ == '__main__':
    run(parse_args, main)
