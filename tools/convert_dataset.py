"""Write the info files of a data set, annotations/*_infos.txt, from what is on disk.

For UAV123, NfS, OTB100 and VOT the tool also writes annotations/NAME/SEQUENCE.txt, which
tools/evaluate.py reads. docs/datasets.md shows the expected folders.
Exit status 1: incomplete sequences were left out.
"""
import argparse
from pathlib import Path

from cli import bars, run

SHOWN = 10  # of the sequences that are left out


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', metavar='NAME', help='lasot, lasot_ext, tnl2k, trackingnet, '
                        'got10k, uav123, nfs, otb100, vot, vasttrack')
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='such as data/lasot')
    return parser.parse_args()


def main(args: argparse.Namespace) -> int:
    from data_preparation.infos import write_infos
    from data_preparation.layouts import layout_of

    if args.name == 'own':
        raise ValueError('own data needs no info file: give its folder to FolderDataset')
    layout = layout_of(args.name)
    total = sum(map(len, layout.present(args.folder).values()))
    with bars() as progress:
        task = progress.add_task(args.name, total=total)
        written = write_infos(args.folder, args.name, layout, lambda: progress.advance(task))
    for file, (count, left_out) in written.items():
        print(f'{count} sequences written to {file}')
        for problem in left_out[:SHOWN]:
            print(f'  left out: {problem}')
        if len(left_out) > SHOWN:
            print(f'  and {len(left_out) - SHOWN} more; see tools/check_dataset.py')
    return int(any(left_out for _, left_out in written.values()))


if __name__ == '__main__':
    run(parse_args, main)
