"""Write the student of a compression's checkpoint as a checkpoint of its own."""
import argparse
from pathlib import Path

from cli import run


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', metavar='SRC', type=Path, help='checkpoint of a compression')
    parser.add_argument('target', metavar='DST', type=Path, help='file to write')
    return parser.parse_args()


def main(args) -> None:
    from mmct.checkpoint import extract_student

    extract_student(args.source, args.target)
    print(f'student of {args.source} written to {args.target}')


if __name__ == '__main__':
    run(parse_args, main)
