"""Test a tracker or the student of a compression.

CHECKPOINT may be that of a compression, an extracted student, a tracker, or a released one.
Exit status 1: some sequences could not be tracked; they are named, the others are evaluated.
"""
import json
from pathlib import Path

from cli import run, runner_config, runner_parser


def parse_args():
    parser = runner_parser(__doc__)
    parser.add_argument('checkpoint', help='weights to test')
    parser.add_argument('--boxes', metavar='FOLDER',
                        help='also write the boxes of each sequence, NAME.txt, x,y,w,h a line')
    parser.add_argument('--json', type=Path, help='also write the metrics to this file')
    return parser.parse_args()


def main(args) -> int:
    from mmengine.runner import Runner

    from mmct.checkpoint import load_weights
    from mmct.datasets.sources import build_checked
    from mmct.engine.hooks import unwrapped

    cfg = runner_config(args)
    if args.boxes:
        cfg.test_evaluator.saved_track_res_path = args.boxes
    # Loaded here, because MMEngine only warns where weights and network differ.
    cfg.load_from, cfg.resume = None, False
    runner = Runner.from_cfg(cfg)
    model = unwrapped(runner.model)
    load_weights(getattr(model, 'student', model), args.checkpoint)
    build_checked(cfg.test_dataloader.dataset)
    metrics = runner.test()
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(metrics, indent=1))
    return 1 if metrics.get('sot/failed_sequences') else 0


if __name__ == '__main__':
    run(parse_args, main)
