"""Cut things out of photographs along their outlines in a COCO-style annotation file.

What is written is for tools/make_demo_videos.py --photos: cut-outs with a transparent background
become things that move, and with --scenes the photographs become places that they move through.
"""
import argparse
import warnings
from pathlib import Path

from cli import bars, count, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', type=Path,
                        help='COCO-style file, such as instances_train2017.json')
    parser.add_argument('images', type=Path, help='folder of its images')
    parser.add_argument('out', type=Path, help='folder to write to')
    parser.add_argument('--smallest', type=count, default=40, metavar='N',
                        help='pixels that both sides of a thing have at least '
                        '(default %(default)s)')
    parser.add_argument('--scenes', action='store_true', help='also copy the photographs')
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    from synthetic_videos.cutouts import read_outlines, write_cutouts

    from mmct.runtime.frames import FrameError

    outlines = read_outlines(args.annotations)
    cutouts, unreadable = 0, []
    with bars() as progress:
        for image, annotations in progress.track(outlines, description='photographs'):
            try:
                cutouts += write_cutouts(image, annotations, args.images, args.out, args.smallest,
                                         args.scenes)
            except FrameError:
                unreadable.append(image['file_name'])
    if unreadable:
        warnings.warn(f'{len(unreadable)} of {len(outlines)} photographs in {args.images} are '
                      'missing, cannot be read or are not of the width and height in '
                      f'{args.annotations.name}, the first is {unreadable[0]}', stacklevel=2)
    if not cutouts:
        raise ValueError(f'{args.images}: nothing of {args.smallest} pixels or more could be cut '
                         f'out of {len(outlines)} photographs, of which {len(unreadable)} are '
                         'missing, cannot be read or have another size; give the folder of their '
                         'files, or a lower --smallest')
    print(f'{cutouts} cut-outs of {len(outlines) - len(unreadable)} photographs in {args.out}')


if __name__ == '__main__':
    run(parse_args, main)
