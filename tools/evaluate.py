"""Evaluate box files: success, precision and normalised precision, as papers quote them.

RESULTS holds NAME.txt for each sequence, x,y,w,h a line, as tools/test.py and the usual toolkits
write them.
"""
import argparse
import json
from pathlib import Path

from cli import run, without_mmtracking
from tabulate import tabulate


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', type=Path, metavar='RESULTS')
    parser.add_argument('--annotations', type=Path, required=True, metavar='FOLDER|ARCHIVE',
                        help="in LaSOT's own layout or in its toolkit's")
    parser.add_argument('--metric', choices=['published', 'official'], default='published',
                        help='frames where the target is absent are failures (published, the '
                        "figures of papers), or left out (official, LaSOT's toolkit)")
    parser.add_argument('--sequences', nargs='+', metavar='NAME',
                        help='these alone; default: all of the annotations')
    parser.add_argument('--json', type=Path, metavar='OUT')
    return parser.parse_args()


def main(args) -> None:
    with without_mmtracking():
        from mmct.analysis import evaluate, read_annotations, read_results
        from mmct.files import write_text

    annotations = read_annotations(args.annotations)
    unknown = sorted(set(args.sequences or ()) - annotations.keys())
    if unknown:
        raise ValueError(f'{args.annotations} has no sequences {", ".join(unknown)}')
    lengths = {name: len(annotation.boxes) for name, annotation in annotations.items()}
    found = evaluate(read_results(args.results, lengths, args.sequences), annotations, args.metric)
    if args.json:
        write_text(args.json, json.dumps(found, indent=1))
    total = found['total']
    rows = [dict(attribute=f'all {total["sequences"]} sequences', **columns(total))]
    rows += [dict(attribute=f'{code} ({own["sequences"]})', **columns(own))
             for code, own in found['per_attribute'].items()]
    print(tabulate(rows, headers='keys', tablefmt='github'))
    print(f'\nin percent, {total["frames"]} frames, {args.metric} convention; OP50 '
          f'{total["op50"]:.2f}, OP75 {total["op75"]:.2f}')


def columns(found: dict) -> dict:
    return {'AUC': f'{found["auc"]:.2f}', 'precision': f'{found["precision"]:.2f}',
            'norm. precision': f'{found["norm_precision"]:.2f}'}


if __name__ == '__main__':
    run(parse_args, main)
