"""Convert annotations of LaSOT's evaluation toolkit to LaSOT's own layout."""
import argparse

from cli import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='archive or folder with NAME.txt and absent/NAME.txt')
    parser.add_argument('target', help='root of LaSOT, such as data/lasot')
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from data_preparation.lasot import convert_lasot_annotations

    count = convert_lasot_annotations(args.source, args.target)
    print(f'{count} videos written to {args.target}/LaSOTBenchmark, listed in '
          f'{args.target}/annotations/lasot_test_infos.txt')


if __name__ == '__main__':
    run(parse_args, main)
