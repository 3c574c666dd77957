"""Test a tracker or the student of a compression.

CHECKPOINT may be that of a compression, an extracted student, a tracker, or a released one.
Exit status 1: some sequences could not be tracked; they are named, the others are evaluated.
"""
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmct.checkpoint import load_weights
from mmct.cli import run
from mmct.datasets.sources import build_checked
from mmct.engine.launch import base_parser, load_config


def main() -> int:
    parser = base_parser(__doc__)
    parser.add_argument('checkpoint', help='weights to test')
    args = parser.parse_args()
    cfg = load_config(args)
    # Loaded here, because MMEngine only warns where weights and network differ.
    cfg.load_from, cfg.resume = None, False
    runner = Runner.from_cfg(cfg)
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    load_weights(getattr(model, 'student', model), args.checkpoint)
    build_checked(cfg.test_dataloader.dataset)
    metrics = runner.test()
    return 1 if metrics.get('sot/failed_sequences') else 0


if __name__ == '__main__':
    run(main)
