"""What tools/train.py and tools/test.py share: command line and config."""
import argparse
import os
from pathlib import Path

from mmengine.config import Config, DictAction


def base_parser(description: str) -> argparse.ArgumentParser:
    """The options that MMEngine's tools have in common."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and results '
                        '(default: work_dirs/NAME of the config)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={},
                        help='settings that replace those of the config, key=value')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how the processes of a distributed run are started')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0,
                        help=argparse.SUPPRESS)
    return parser


def load_config(args: argparse.Namespace) -> Config:
    """The config with what the command line says on top.

    Raises:
        FileNotFoundError: there is no such config.
    """
    if not Path(args.config).is_file():
        raise FileNotFoundError(f'config {args.config} does not exist')
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or f'work_dirs/{Path(args.config).stem}'
    return cfg
