"""Settings of MMEngine and PyTorch that would end in a traceback of theirs."""
import math
from collections.abc import Mapping

from mmengine.config import Config
from mmengine.device import get_device

from ..utils.checks import check_number

FROM_1, FROM_0 = '[1, inf)', '[0, inf)'
# Each with its interval, and whether it has to be a whole number.
NUMBERS = {
    'train_dataloader.batch_size': (FROM_1, True),
    'train_dataloader.num_workers': (FROM_0, True),
    'val_dataloader.batch_size': (FROM_1, True),
    'val_dataloader.num_workers': (FROM_0, True),
    'test_dataloader.batch_size': ('[1, 1]', True),  # one frame after another
    'test_dataloader.num_workers': (FROM_0, True),
    'train_cfg.max_epochs': (FROM_1, True),
    'train_cfg.max_iters': (FROM_1, True),
    'train_cfg.val_interval': (FROM_1, True),
    'optim_wrapper.optimizer.lr': (FROM_0, False),
    'optim_wrapper.optimizer.weight_decay': (FROM_0, False),
    'optim_wrapper.accumulative_counts': (FROM_1, True),
    'optim_wrapper.clip_grad.max_norm': ('(0, inf)', False),
    'default_hooks.logger.interval': (FROM_1, True),
    'default_hooks.checkpoint.interval': ('[-1, inf)', True),
    'default_hooks.checkpoint.max_keep_ckpts': ('[-1, inf)', True),
    'auto_scale_lr.base_batch_size': (FROM_1, True),
    'randomness.seed': ('[0, 4294967295]', True),  # what NumPy takes
}
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
OF_WORKERS = ('persistent_workers', 'prefetch_factor')  # refused by PyTorch where there are none

OF_GPUS = ('AmpOptimWrapper', 'Fp16OptimWrapper', 'ApexOptimWrapper')


def check_settings(cfg: Config) -> None:
    """See that the numbers of a config that are not for mmct's own classes make sense; take what is
    about workers out of data loaders without.

    Raises:
        ValueError: one does not; it is named as ``--cfg-options`` has it.
    """
    for name, (interval, whole) in NUMBERS.items():
        *groups, key = name.split('.')
        found = cfg
        for i, group in enumerate(groups, 1):
            found = found.get(group) or {}
            if not isinstance(found, Mapping):
                raise ValueError(f'{".".join(groups[:i])}={found!r} must be a dict, which may have '
                                 f'{".".join([*groups[i:], key])}')
        if found.get(key) is not None:
            check_number(name, found[key], interval, whole)
    check_no_nan(cfg.to_dict())
    for loader in (cfg.get(name) for name in LOADERS):
        if loader and not loader.get('num_workers'):
            for key in OF_WORKERS:
                loader.pop(key, None)


def check_device(cfg: Config) -> None:
    """Raises:
        ValueError: the optimizer wrapper scales losses for float16, and there is no GPU.
    """
    wrapper = (cfg.get('optim_wrapper') or {}).get('type')
    if wrapper in OF_GPUS and get_device() in ('cpu', 'mps'):
        raise ValueError(f'optim_wrapper.type={wrapper} needs a GPU, but none was found; '
                         'use Bf16OptimWrapper, as --amp bf16 does, or FiniteOptimWrapper')


def check_no_nan(value: object, *keys) -> None:
    """Raises:
        ValueError: a number in a config, or what is in it under ``keys``, is NaN.
    """
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(f'{".".join(map(str, keys))}={value} is no number')
    items = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, own in items:
        check_no_nan(own, *keys, key)
