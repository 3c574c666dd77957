"""Export a tracker to files that run without PyTorch, and compare them with PyTorch.

Two files are written, OUT and, beside it, OUT.template: ONNX (.onnx) or OpenVINO (.xml, .bin).
With --layout opencv it is one file, which OpenCV's TrackerVit reads.
"""
import argparse
from pathlib import Path

from cli import bars, box, existing_config, run


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', type=Path, help='config of a tracker, or of a compression')
    parser.add_argument('checkpoint', type=Path, help='weights')
    parser.add_argument('out', type=Path, metavar='OUT', help='file to write, .onnx or .xml')
    parser.add_argument('--format', choices=['onnx', 'openvino'],
                        help='format of the files (default: openvino if OUT ends in .xml, else '
                        'onnx)')
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument('--layout', choices=['mmct', 'opencv', 'opencv-bgr'], default='mmct',
                       help="opencv: one file with the inputs and outputs of OpenCV's VitTrack, "
                       'which cv2.TrackerVit runs without mmct; opencv-bgr: the same for the BGR '
                       'planes that TrackerVit gives (default %(default)s)')
    kinds.add_argument('--target', choices=['mnn', 'ncnn'],
                       help='two ONNX files for the converter of this runtime, which take one '
                       'target and planes of floats (docs/deployment.md, "Small devices")')
    parser.add_argument('--precision', choices=['fp32', 'fp16', 'int8'], default='fp32',
                        help='precision of the weights (default %(default)s)')
    parser.add_argument('--calibration', metavar='VIDEO', help='for int8: a video or folder of '
                        'frames, tracked from --box (default: the validation set of the config)')
    parser.add_argument('--box', type=box, metavar='X,Y,W,H',
                        help='the target in the first frame of --calibration, in pixels')
    parser.add_argument('--levels', type=float, nargs=2, metavar=('LOW', 'HIGH'),
                        help='for 16-bit images in --calibration: the levels that become black '
                        'and white (default: the whole range)')
    parser.add_argument('--samples', type=int, default=128, metavar='N',
                        help='number of calibration crops (default %(default)s)')
    parser.add_argument('--bias-correction', choices=['exact', 'fast'], default='exact',
                        help='for int8: exact takes minutes, fast is less accurate '
                        '(default %(default)s)')
    parser.add_argument('--opset', type=int, metavar='N', help='opset of ONNX, 14 to 20 (default), '
                        'for runtimes that know no later one')
    return parser.parse_args()


def main(args) -> None:
    from mmct import load_tracker
    from mmct.deploy import export_tracker
    from mmct.deploy.calibration import samples_of_config, samples_of_video
    from mmct.runtime.frames import Frames

    if args.precision != 'int8' and (args.calibration or args.box):
        raise ValueError('--calibration and --box are for --precision int8, not for '
                         f'{args.precision}')
    if args.calibration and args.box is None:
        raise ValueError('--calibration needs the box of a target in its first frame: --box '
                         'X,Y,W,H')
    if args.levels and not (args.calibration and args.precision == 'int8'):
        raise ValueError('--levels is for the images of --calibration, with --precision int8')
    other = f'--layout {args.layout}' if args.layout != 'mmct' else \
        f'--target {args.target}' if args.target else ''
    if other and (args.precision != 'fp32' or args.opset is not None
                  or args.format == 'openvino'):
        raise ValueError(f'{other} writes ONNX in float32 with an opset of its own; leave out '
                         '--precision, --opset and --format')
    tracker = load_tracker(args.config, args.checkpoint)
    if args.layout != 'mmct':
        return write_for_opencv(tracker, args.out, args.layout == 'opencv-bgr')
    if args.target:
        return write_for_target(tracker, args.out, args.target)
    samples = []
    if args.precision == 'int8' and args.calibration:
        frames = Frames(args.calibration, args.levels)
        with bars() as progress:
            samples = samples_of_video(
                tracker, progress.track(frames, frames.length, description='calibration'),
                args.box, args.samples)
    elif args.precision == 'int8':
        found = samples_of_config(existing_config(args.config), args.samples)
        with bars() as progress:
            samples = list(progress.track(found, args.samples, description='calibration'))
    kind = args.format or ('openvino' if args.out.suffix == '.xml' else 'onnx')
    written = export_tracker(tracker, args.out, kind, args.precision, samples,
                             bias=args.bias_correction,
                             **({} if args.opset is None else {'opset': args.opset}))
    what = 'mean IoU with PyTorch on the calibration crops' if args.precision == 'int8' else \
        'largest error against PyTorch, of the largest value'
    print(f'{written.path} and {written.path.stem}.template{written.path.suffix}, '
          f'{args.precision}; {what}: {figures(written)}')


def write_for_target(tracker, out: Path, target: str) -> None:
    from mmct.deploy.targets import export_for

    written = export_for(tracker, out, target)
    print(f'{out} and {out.stem}.template.onnx, for the converter of {target}; largest error '
          f'against PyTorch, of the largest value: {figures(written)}')


def figures(written) -> str:
    return ', '.join(f'{name} {value:.2g}' for name, value in written.agreement.items())


def write_for_opencv(tracker, out: Path, bgr: bool) -> None:
    import cv2
    from vittrack.writing import write_vittrack

    error = write_vittrack(tracker, out, bgr)
    print(f'{out}, for cv2.TrackerVit; largest error of OpenCV {cv2.__version__} against PyTorch, '
          f'of the largest value: {error:.2g}')


if __name__ == '__main__':
    run(parse_args, main)
