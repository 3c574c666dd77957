"""Convert weights between released checkpoints and mmct.

SRC may be a released OSTrack or CompressTracker checkpoint (its training checkpoints too), an
MAE-pretrained ViT, or a checkpoint of mmct.
"""
import argparse
from pathlib import Path

from cli import run


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', metavar='SRC', type=Path)
    parser.add_argument('target', metavar='DST', type=Path)
    parser.add_argument('--to', choices=['mmct', 'released'], default='mmct',
                        help='whose names DST has (default %(default)s)')
    parser.add_argument('--template-size', type=int, default=128,
                        help='pixels, for a pretrained ViT alone (default %(default)s)')
    parser.add_argument('--search-size', type=int, default=256,
                        help='pixels, for a pretrained ViT alone (default %(default)s)')
    return parser.parse_args()


def main(args) -> None:
    from mmct.checkpoint import convert

    found = convert(args.source, args.target, args.to, args.template_size, args.search_size)
    print(f'{args.source}: {found}, written to {args.target} ({args.to} layout)')


if __name__ == '__main__':
    run(parse_args, main)
