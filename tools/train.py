"""Train a tracker, or compress one."""
import sys
from pathlib import Path

from cli import run, runner_config, runner_parser


def parse_args():
    parser = runner_parser(__doc__)
    parser.add_argument('--resume', action='store_true',
                        help='go on from the newest intact checkpoint in the work folder, or '
                        'start if there is none')
    parser.add_argument('--amp', nargs='?', const='fp16', choices=['fp16', 'bf16'],
                        help='mixed precision: fp16 with loss scaling, which needs a GPU (the '
                        'default of --amp alone), or bf16')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate with the total batch size')
    return parser.parse_args()


def main(args) -> None:
    import torch
    from running.memory import keep_freed_memory
    from running.processes import join_training, lost_processes_reported
    from running.start_checks import check_start, clear_start

    import mmct  # noqa: F401  registers all that configs name

    keep_freed_memory()
    cfg = runner_config(args)
    if cfg.launcher != 'none':
        join_training(cfg)
    if args.resume:
        resume(cfg)
    if args.amp == 'bf16':
        cfg.optim_wrapper.update(type='Bf16OptimWrapper')
    elif args.amp:
        if not torch.cuda.is_available():
            raise ValueError('--amp fp16 needs a GPU, but none was found; use --amp bf16')
        cfg.optim_wrapper.update(type='Fp16OptimWrapper', loss_scale='dynamic')
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise ValueError('--auto-scale-lr needs auto_scale_lr.base_batch_size in the config')
        cfg.auto_scale_lr.enable = True
    with clear_start(cfg) as runner, lost_processes_reported():
        check_start(runner)
        runner.train()


def resume(cfg) -> None:
    """Let the run go on from the newest checkpoint that is whole."""
    from mmct.checkpoint import newest_intact

    folder = (cfg.get('default_hooks') or {}).get('checkpoint', {}).get('out_dir')
    if folder:  # of several runs, each in one of its own
        folder = Path(folder, Path(cfg.work_dir).name)
    found, broken = newest_intact(cfg.work_dir, folder)
    for path in broken:
        print(f'warning: {path} is cut short or damaged and passed over', file=sys.stderr)
    if found:
        cfg.update(resume=True, load_from=str(found))
    else:
        print(f'warning: {folder or cfg.work_dir} has no checkpoint to go on from, training starts',
              file=sys.stderr)


if __name__ == '__main__':
    run(parse_args, main)
