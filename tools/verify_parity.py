"""Compare mmct with recorded outputs of the published code."""
import argparse
from pathlib import Path

from cli import run


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path,
                        help='folder with meta.json, tensors.npz and released checkpoints, or with '
                        "VitTrack's ONNX file, or a folder of such folders")
    parser.add_argument('--sequences', type=Path,
                        help='folder of sequences (NAME/img/*.jpg or NAME.avi) for crops and '
                        'tracking')
    return parser.parse_args()


def main(args) -> int:
    from parity.folders import SIGNS, verify_folder

    folders = [args.folder]
    if not any((args.folder / sign).is_file() for sign in SIGNS):
        folders = sorted({file.parent for sign in SIGNS
                          for file in args.folder.glob(f'*/{sign}')}) or folders
    rows, idle = [], []
    for folder in folders:
        prefix = f'{folder.name}: ' if len(folders) > 1 else ''
        own = list(verify_folder(folder, args.sequences))
        rows += [row._replace(item=prefix + row.item) for row in own]
        if all(row.error is None for row in own):
            idle.append(f'{folder} ({own[0].note})' if own else str(folder))
    if len(idle) < len(folders):
        report(rows)
    if idle:
        raise ValueError(f'nothing was compared in {", ".join(idle)}')
    return 0 if all(row.passed for row in rows) else 1


def report(rows) -> None:
    from tabulate import tabulate

    print(tabulate(
        [[row.item, '-' if row.error is None else f'{row.error:.2e}', f'{row.tolerance:g}',
          '' if row.passed else 'EXCEEDS', row.note] for row in rows],
        headers=['item', 'largest error', 'tolerance', '', 'note']))
    failed, skipped = (sum(map(f, rows)) for f in (lambda r: not r.passed,
                                                   lambda r: r.error is None))
    print(f'\n{len(rows) - failed - skipped} agree, {failed} exceed, {skipped} not compared')


if __name__ == '__main__':
    run(parse_args, main)
