"""Put trackers side by side: plots, and one HTML page with tables and a player.

RESULTS are folders of box files NAME.txt, one for each tracker, the teacher first, as tools/test.py
and the usual toolkits write them. NAME=FOLDER names a tracker. Speed comes from times beside the
boxes (NAME_time.txt).
Exit status 1: a file cannot be used, its sequence is left out, and the page says so.
"""
import argparse
from pathlib import Path

from cli import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', nargs='+', metavar='RESULTS')
    parser.add_argument('--annotations', type=Path, required=True, metavar='FOLDER|ARCHIVE',
                        help='as tools/evaluate.py')
    parser.add_argument('--frames', type=Path, metavar='FOLDER',
                        help='frames of the sequences: images or videos, as in LaSOT or a folder a '
                        'sequence; without them there is no player')
    parser.add_argument('--levels', type=float, nargs=2, metavar=('LOW', 'HIGH'),
                        help='for 16-bit frames, as tools/demo_video.py')
    parser.add_argument('--sequences', nargs='+', metavar='NAME',
                        help='to show in the player; default: the best, the worst, and those that '
                        'compression cost most')
    parser.add_argument('--metric', default='published',
                        choices=['published', 'official', 'sot', 'sot_visible'],
                        help='as tools/evaluate.py (default %(default)s)')
    parser.add_argument('--dataset', metavar='NAME', help='as tools/evaluate.py')
    parser.add_argument('--fit', action='store_true', help='as tools/evaluate.py')
    parser.add_argument('--out', type=Path, default=Path('report'), metavar='FOLDER',
                        help='folder of the page (default %(default)s)')
    return parser.parse_args()


def main(args: argparse.Namespace) -> int:
    from report_page.write import write_report

    whole = write_report(args.results, args.annotations, args.out, args.frames, args.sequences,
                         args.metric, args.dataset, args.fit, args.levels)
    return int(not whole)


if __name__ == '__main__':
    run(parse_args, main)
