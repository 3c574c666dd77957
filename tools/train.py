"""Train a tracker, or compress one."""
from cli import run, runner_config, runner_parser


def parse_args():
    parser = runner_parser(__doc__)
    parser.add_argument('--resume', action='store_true',
                        help='go on from the latest checkpoint in the work folder')
    parser.add_argument('--amp', nargs='?', const='fp16', choices=['fp16', 'bf16'],
                        help='mixed precision: fp16 with loss scaling, which needs a GPU (default '
                        'if nothing is named), or bf16')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate with the total batch size')
    return parser.parse_args()


def main(args) -> None:
    import torch
    from mmengine.runner import Runner

    import mmct  # noqa: F401  registers all that configs name

    cfg = runner_config(args)
    cfg.resume = args.resume
    if args.amp == 'bf16':
        cfg.optim_wrapper.update(type='Bf16OptimWrapper')
    elif args.amp:
        if not torch.cuda.is_available():
            raise ValueError('--amp fp16 needs a GPU, none is found; use --amp bf16')
        cfg.optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise ValueError('--auto-scale-lr needs auto_scale_lr.base_batch_size in the config')
        cfg.auto_scale_lr.enable = True
    Runner.from_cfg(cfg).train()


if __name__ == '__main__':
    run(parse_args, main)
