"""Test a tracker or the student of a compression.

CHECKPOINT may be that of a compression, an extracted student, a tracker, or a released one, or a
file written by tools/export.py (.onnx, .xml).
Exit status 1: some sequences could not be tracked; they are named, the others are evaluated.
"""
import json
from pathlib import Path

from cli import run, runner_config, runner_parser


def parse_args():
    parser = runner_parser(__doc__)
    parser.add_argument('checkpoint', type=Path, help='weights to test')
    parser.add_argument('--backend', help='of an exported file; default: what it is for')
    parser.add_argument('--precision', help='of the arithmetic with an exported file; bf16 where '
                        'the backend can')
    parser.add_argument('--threads', type=int, help='of the backend of an exported file')
    parser.add_argument('--boxes', metavar='FOLDER',
                        help='also write the boxes of each sequence, NAME.txt, x,y,w,h a line')
    parser.add_argument('--json', type=Path, help='also write the metrics to this file')
    return parser.parse_args()


def main(args) -> int:
    from mmengine.runner import Runner

    from mmct.checkpoint import load_weights
    from mmct.datasets.sources import build_checked
    from mmct.engine.hooks import unwrapped
    from mmct.runtime import open_network

    cfg = runner_config(args)
    if args.boxes:
        cfg.test_evaluator.saved_track_res_path = args.boxes
    # Loaded here, because MMEngine only warns where weights and network differ.
    cfg.load_from, cfg.resume = None, False
    runner = Runner.from_cfg(cfg)
    model = unwrapped(runner.model)
    tracker = getattr(model, 'student', model)
    if args.checkpoint.suffix in ('.onnx', '.xml'):
        tracker.track_by(open_network(args.checkpoint, backend=args.backend,
                                      precision=args.precision, threads=args.threads))
    else:
        load_weights(tracker, args.checkpoint)
    build_checked(cfg.test_dataloader.dataset)
    metrics = runner.test()
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(metrics, indent=1))
    return 1 if metrics.get('sot/failed_sequences') else 0


if __name__ == '__main__':
    run(parse_args, main)
