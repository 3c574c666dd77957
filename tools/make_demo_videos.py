"""Write synthetic tracking videos in LaSOT's layout: train, val and test.

Validation and test videos use other photographs than training videos (docs/demo.md). Existing
videos are kept, so an interrupted run goes on where it was.
"""
import argparse
import os
from pathlib import Path

from cli import bars, count, run


def size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.split('x'))
    except ValueError:
        raise argparse.ArgumentTypeError(f'expected WIDTHxHEIGHT, got {text!r}') from None
    if min(width, height) < 64:
        raise argparse.ArgumentTypeError(f'expected at least 64x64 pixels, got {text}')
    return width, height


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path, help='where to write, such as data/demo')
    for split, videos, frames in (('train', 600, 24), ('val', 40, 24), ('test', 64, 100)):
        parser.add_argument(f'--{split}', type=int, default=videos, metavar='N',
                            help=f'{split} videos (default {videos})')
        parser.add_argument(f'--{split}-frames', type=count, default=frames, metavar='N',
                            help=f'frames of each (default {frames})')
    parser.add_argument('--size', type=size, default=(320, 240), metavar='WIDTHxHEIGHT',
                        help='size of the frames, in pixels (default 320x240)')
    parser.add_argument('--photos', type=Path, metavar='FOLDER',
                        help='more photographs, in addition to those in installed packages')
    parser.add_argument('--seed', type=int, default=0, help='(default %(default)s)')
    parser.add_argument('--workers', type=count, default=os.cpu_count(), metavar='N',
                        help='number of processes (default: one for each core)')
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from synthetic_videos import SPLITS, write_videos

    splits = {split: (getattr(args, split), getattr(args, f'{split}_frames')) for split in SPLITS}
    with bars() as progress:
        # Of frames: videos of one split are longer than those of another.
        task = progress.add_task('frames of videos', total=sum(
            count * length for count, length in splits.values()))
        write_videos(args.folder, splits, args.size, args.seed, args.workers,
                     lambda split: progress.advance(task, splits[split][1]),
                     args.photos and str(args.photos.resolve()))


if __name__ == '__main__':
    run(parse_args, main, stopped='stopped; the same command goes on from here')
