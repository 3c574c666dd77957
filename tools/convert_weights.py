"""Convert weights between released checkpoints and mmct.

SRC may be a released checkpoint of OSTrack, CompressTracker (also one of its training),
MixFormerV2, ODTrack or SUTrack, an MAE-pretrained ViT, OpenCV's VitTrack (.onnx), or a checkpoint
of mmct.
"""
import argparse
from pathlib import Path

from cli import existing_config, run


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', metavar='SRC', type=Path, help='file to read')
    parser.add_argument('target', metavar='DST', type=Path, help='file to write')
    parser.add_argument('--to', choices=['mmct', 'released'], default='mmct',
                        help='whose names the weights in DST have (default %(default)s)')
    parser.add_argument('--template-size', type=int, default=128,
                        help='in pixels, for a pretrained ViT only (default %(default)s)')
    parser.add_argument('--search-size', type=int, default=256,
                        help='in pixels, for a pretrained ViT only (default %(default)s)')
    parser.add_argument('--starts', metavar='TRACKER', default='OSTrack', help='tracker that a '
                        'pretrained ViT is made for, such as ODTrack (default %(default)s)')
    parser.add_argument('--imports', nargs='+', metavar='MODULE', default=[], help='modules that '
                        'register trackers of your own, as custom_imports of their configs')
    parser.add_argument('--released', type=Path, metavar='FILE', help='for SUTrack with --to '
                        'released: the file that it or its teacher came from, which holds CLIP')
    parser.add_argument('--calibration', type=Path, metavar='CONFIG', help='measure the statistics '
                        'of batch norm, which VitTrack lacks and training needs, on the validation '
                        'pairs of this config')
    parser.add_argument('--samples', type=int, default=320, metavar='N',
                        help='pairs to measure with (default %(default)s)')
    return parser.parse_args()


def main(args) -> None:
    if args.source.suffix == '.onnx':
        return vittrack(args)
    from mmengine.utils import import_modules_from_strings

    from mmct.checkpoint import convert

    import_modules_from_strings(args.imports)
    if args.calibration:
        raise ValueError(f'--calibration is for a VitTrack (.onnx), {args.source} has its own '
                         'statistics of batch norm; leave it out')
    if args.released and args.to != 'released':
        raise ValueError('--released is for --to released; leave it out')
    found = convert(args.source, args.target, args.to, args.template_size, args.search_size,
                    starts=args.starts, rest=args.released)
    print(f'{args.source}: {found}, written to {args.target} ({args.to} layout)')


def vittrack(args) -> None:
    from vittrack.conversion import convert_vittrack

    from mmct.deploy.calibration import samples_of_config
    from mmct.utils.checks import check_number

    if args.to == 'released':
        raise ValueError(f'{args.source} is a released VitTrack; --to released is for checkpoints')
    check_number('--samples', args.samples, '[1, inf)', whole=True)
    pairs = samples_of_config(existing_config(args.calibration), args.samples) \
        if args.calibration else ()
    count = convert_vittrack(args.source, args.target, pairs)
    norm = f'statistics of batch norm measured on {count} pairs' if count else \
        'batch norm has identity statistics: fit for inference, not for training (--calibration)'
    print(f'{args.source}: VitTrack, written to {args.target}; {norm}')


if __name__ == '__main__':
    run(parse_args, main)
