"""Compare mmct with recorded outputs of the published code."""
import argparse
from pathlib import Path

from cli import run
from tabulate import tabulate


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path,
                        help='folder with meta.json, tensors.npz and released checkpoints, or a '
                        'folder of such folders')
    parser.add_argument('--sequences', type=Path,
                        help='folder of image sequences (NAME/img/*.jpg) for crops and tracking')
    return parser.parse_args()


def main(args) -> int:
    from mmct.evaluation.parity import verify_folder

    folders = [args.folder]
    if args.folder.is_dir() and not (args.folder / 'meta.json').is_file():
        folders = sorted(meta.parent for meta in args.folder.glob('*/meta.json')) or folders
    rows = []
    for folder in folders:
        prefix = f'{folder.name}: ' if len(folders) > 1 else ''
        for row in verify_folder(folder, args.sequences):
            rows.append(row._replace(item=prefix + row.item))
    print(tabulate(
        [[row.item, '-' if row.error is None else f'{row.error:.2e}', f'{row.tolerance:g}',
          '' if row.passed else 'EXCEEDS', row.note] for row in rows],
        headers=['item', 'largest error', 'tolerance', '', 'note']))
    failed, skipped = (sum(map(f, rows)) for f in (lambda r: not r.passed,
                                                   lambda r: r.error is None))
    print(f'\n{len(rows) - failed - skipped} agree, {failed} exceed, {skipped} not compared')
    return 1 if failed else 0


if __name__ == '__main__':
    run(parse_args, main)
