"""Evaluate box files: success, precision and normalised precision, as papers quote them.

RESULTS holds NAME.txt for each sequence (or GOT-10k's NAME/NAME_001.txt) with one line x,y,w,h per
frame, as tools/test.py and the usual toolkits write them. docs/evaluation.md explains how the
metrics differ.
Exit status 1: a file cannot be used, and its sequence is left out.

Annotations may lie at any depth of a folder, as
  LaSOT, its extension   NAME/groundtruth.txt, full_occlusion.txt, out_of_view.txt
  LaSOT's toolkit        NAME.txt, absent/NAME.txt, att/NAME.txt; also in a .tar or .zip
  TNL2K                  NAME/groundtruth.txt
  GOT-10k                NAME/groundtruth.txt, cover.label, absence.label, meta_info.ini
  TrackingNet            anno/NAME.txt
  UAV123, OTB100,        annotations/uav123, otb100, nfs, vot, as written by
  NfS, VOT               tools/convert_dataset.py
  own data               NAME.txt beside its frames; OTB100's NAME/groundtruth_rect.txt and
                         UAV123's anno/UAV123/NAME.txt for some of their sequences
  results of a tracker   NAME.txt
"""
import argparse
import csv
import io
import json
import sys
from pathlib import Path

from cli import out_file, run

TITLES = dict(auc='AUC', op50='OP50', op75='OP75', precision='precision',
              norm_precision='norm. precision', ao='AO', sr50='SR0.5', sr75='SR0.75')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', type=Path, metavar='RESULTS', help='folder of box files')
    parser.add_argument('--annotations', type=Path, required=True, metavar='FOLDER|ARCHIVE',
                        help='in one of the layouts above')
    parser.add_argument('--metric', default='published', metavar='NAME',
                        help='published (default, the figures of papers), official, sot, '
                        'sot_visible, got10k (AO and SR), or another of mmct/evaluation; '
                        'docs/evaluation.md says what they are')
    parser.add_argument('--dataset', metavar='NAME',
                        help='published figures differ by data set: uav123, lasot_ext, or any '
                        'other, such as lasot (default: recognised by the names of the sequences '
                        'and the folder of the annotations, otherwise as for LaSOT)')
    parser.add_argument('--sequences', nargs='+', metavar='NAME',
                        help='evaluate only these, each of which must be there (default: all that '
                        'are there)')
    parser.add_argument('--fit', action='store_true',
                        help='cut or fill up files with another number of boxes than the '
                        'annotation, as the published analysis does for all data sets but LaSOT')
    parser.add_argument('--per-sequence', action='store_true',
                        help='also print a row for each sequence, the worst first')
    parser.add_argument('--csv', type=out_file, metavar='OUT',
                        help='write a row for each sequence and one for all of them')
    parser.add_argument('--json', type=out_file, metavar='OUT',
                        help='write all figures, in total, by sequence and by attribute')
    return parser.parse_args()


def main(args: argparse.Namespace) -> int:
    from mmct.evaluation import METRICS, PUBLISHED
    from mmct.formats import dataset_of, read_annotations, read_results
    from mmct.formats.results import result_files
    from mmct.utils.files import write_text

    if args.metric not in METRICS:
        raise ValueError(f'--metric {args.metric} is not one of {", ".join(METRICS)}')
    if args.csv and args.json and args.csv.resolve() == args.json.resolve():
        raise ValueError(f'--csv and --json are both {args.csv}; give each a file of its own')
    not_annotated = {}
    annotations = read_annotations(args.annotations, not_annotated)
    unknown = sorted(set(args.sequences or ()) - annotations.keys())
    if unknown:
        raise ValueError(f'{args.annotations} has no sequence named {", ".join(unknown)}')
    lengths = {name: len(annotation.boxes) for name, annotation in annotations.items()}
    problems = {}
    results = read_results(args.results, lengths, args.sequences, problems, args.fit,
                           {name: one.boxes for name, one in annotations.items()})
    for problem in (*not_annotated.values(), *problems.values()):
        print(f'left out: {problem}', file=sys.stderr)
    if problems and not results:
        raise ValueError('no sequence is left to evaluate')
    dataset = args.dataset or dataset_of(annotations, args.annotations)
    found = METRICS[args.metric](results, annotations, dataset=dataset or 'lasot')
    if args.json:
        write_text(args.json, json.dumps(found, indent=1))
    if args.csv:
        write_text(args.csv, csv_text(found))
    total = found['total']
    if not args.sequences:
        tell_what_is_left_out(lengths, results.keys() | problems.keys(), args.results,
                              args.annotations)
    rows = [dict(attribute=f'all {total["sequences"]} sequences', **columns(total))]
    rows += [dict(attribute=f'{code} ({figures["sequences"]})', **columns(figures))
             for code, figures in found.get('per_attribute', {}).items()]
    print(table(rows))
    if args.per_sequence:
        worst_first = sorted(found['per_sequence'].items(),
                             key=lambda item: next(iter(columns(item[1]).values())))
        print('\n' + table([dict(sequence=name, frames=figures['frames'], **columns(figures))
                            for name, figures in worst_first]))
    of_set = f' of {dataset}' if dataset in PUBLISHED and args.metric == 'published' else ''
    print(f'\nin percent, {total["frames"]} frames, {args.metric} convention{of_set}')
    return int(bool(problems or result_files(args.results, not_annotated)))


def tell_what_is_left_out(lengths: dict[str, int], found: set[str], folder: Path,
                          annotations: Path) -> None:
    """Name the sequences that have an annotation and count nowhere.

    Args:
        lengths: number of boxes of each annotated sequence.
        found: names of those that have results.
        folder: of the results.
        annotations: where they are.
    """
    from mmct.formats.results import listing
    missing = {name for name, length in lengths.items() if length > 1} - found
    if missing:
        from mmct.formats import to_be_tested
        missing = [name for name in to_be_tested(lengths, found, annotations) if name in missing]
    if missing:
        print(f'warning: these are {len(found)} of {len(found) + len(missing)} sequences: '
              f'{folder} lacks the result files of {listing(missing)}; test these sequences, or '
              'name those that you want with --sequences', file=sys.stderr)
    first_only = [name for name, length in lengths.items() if length == 1]
    if first_only:
        print(f'left out, their annotation is a first box alone: {listing(first_only)}\n')


def table(rows: list[dict]) -> str:
    from tabulate import tabulate
    return tabulate(rows, headers='keys', tablefmt='github', floatfmt='.2f')


def csv_text(found: dict) -> str:
    """All figures, a line for each sequence, then one for all, whose name is empty."""
    rows = [dict(sequence=name, frames=figures['frames'], **columns(figures))
            for name, figures in [*found['per_sequence'].items(), ('', found['total'])]]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def columns(found: dict[str, float]) -> dict[str, float]:
    """Figures by their titles in the table."""
    return {TITLES.get(key, key): value for key, value in found.items()
            if key not in ('sequences', 'frames')}


if __name__ == '__main__':
    run(parse_args, main)
