"""What can be wrong with a run is said in a line before it begins."""
import difflib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.registry import OPTIMIZERS
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from mmct.checkpoint import read_checkpoint, starting_weights, weights_in
from mmct.checkpoint.resuming import check_resumed
from mmct.datasets import PairDataset
from mmct.datasets.transforms import CropPair
from mmct.engine.hooks import unwrapped
from mmct.models import ReplacementDistiller
from mmct.models.distillers.connector import middle_share
from mmct.utils.checks import check_number
from mmct.utils.files import errors_of

from .quiet_runner import QuietRunner

# Numbers of MMEngine's that do harm without a word, or hours later: each with its interval.
NUMBERS = {
    'test_dataloader.batch_size': '[1, 1]',  # one frame after another
    'test_dataloader.batch_sampler.batch_size': '[1, inf)',
    'train_cfg.val_interval': '[1, inf)',
    'optim_wrapper.accumulative_counts': '[1, inf)',
    'optim_wrapper.clip_grad.max_norm': '(0, inf)',
    'default_hooks.checkpoint.interval': '[-1, inf)',
    'auto_scale_lr.base_batch_size': '[1, inf)',
}
KINDS = 'template', 'search'
CLEARLY = 1.1  # times as wide; MixFormerV2-S is published with 4.5 and 4.4
OF_WORKERS = ('persistent_workers', 'prefetch_factor')  # which PyTorch refuses without any


class StartHook(Hook):
    """Checks a training before other hooks touch anything; knows when an iteration is done."""

    priority = 'HIGHEST'
    begun = False

    def before_train(self, runner: Runner) -> None:
        check_training(runner)

    def after_train_iter(self, *args, **kwargs) -> None:
        self.begun = True

    after_test_iter = after_train_iter


@contextmanager
def clear_start(cfg: Config) -> Iterator[Runner]:
    """MMEngine's Runner, to train or test with. Until an iteration is done, what MMEngine and
    PyTorch make of a wrong config is a ValueError in one line."""
    start = StartHook()
    try:
        check_settings(cfg)
        with errors_of(cfg.work_dir):
            runner = QuietRunner.from_cfg(cfg)
        runner.register_hook(start)
        yield runner
    except (AssertionError, AttributeError, KeyError, TypeError) as error:
        if start.begun:
            raise
        # MMEngine's error for a missing key ends with the defaults, None.
        text = str(error.args[0] if error.args else '').removesuffix('\nNone')
        if ' ' not in text:
            text = f'{type(error).__name__} {error}'
        raise ValueError(f'the run cannot begin, its config has a fault: {text}') from error


def check_settings(cfg: Config) -> None:
    """See that ``NUMBERS`` make sense; take what is about workers out of data loaders without."""
    for name, interval in NUMBERS.items():
        *groups, key = name.split('.')
        found = cfg
        for group in groups:
            found = found.get(group) or {}
        if found.get(key) is not None:
            check_number(name, found[key], interval, whole=key != 'max_norm')
    for loader in (cfg.get(f'{name}_dataloader') for name in ('train', 'val', 'test')):
        if loader and not loader.get('num_workers'):
            for key in OF_WORKERS:
                loader.pop(key, None)


def check_start(runner: Runner) -> None:
    """See that a training can start from ``load_from``, before its data are read, which may take
    minutes; then that an epoch has a batch."""
    cfg, model = runner.cfg, unwrapped(runner.model)
    if not cfg.get('optim_wrapper'):
        raise ValueError('the config has no optim_wrapper, which training needs')
    kind = cfg.optim_wrapper.get('optimizer', {}).get('type')
    if isinstance(kind, str) and OPTIMIZERS.get(kind) is None:  # of which MMEngine calls None
        raise ValueError(f'optim_wrapper.optimizer.type={kind} is not a registered optimizer')
    check_custom_keys(cfg, model)
    source = cfg.get('load_from')
    if source and '://' not in source:
        content = read_checkpoint(os.path.expanduser(source))
        if cfg.get('resume'):
            check_resumed(source, content, model, runner.optim_wrapper)
        else:
            starting_weights(model, weights_in(content, source), source)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    loader = runner.train_dataloader
    if not len(loader):
        raise ValueError(f'an epoch has {len(loader.sampler)} pairs for each process, fewer than a '
                         f'batch of {loader.batch_size}; set train_dataloader.batch_size lower or '
                         'train_dataloader.dataset.pairs_per_epoch higher')


def check_custom_keys(cfg: Config, model: nn.Module) -> None:
    """See that each key of ``paramwise_cfg.custom_keys`` is of a parameter, frozen or not."""
    keys = (cfg.optim_wrapper.get('paramwise_cfg') or {}).get('custom_keys') or {}
    names = [name if '.' in name else f'.{name}' for name, _ in model.named_parameters()]
    for key in keys if isinstance(keys, dict) else ():  # MMEngine refuses anything else
        if not any(key in name for name in names):
            parts = {part for name in names for part in name.split('.')}
            close = difflib.get_close_matches(key.split('.')[-1], parts, 1)
            raise ValueError(
                f'optim_wrapper.paramwise_cfg.custom_keys.{key} has no effect: no parameter has '
                f'that in its name' + (f'; {close[0]} is one' if close else
                                       f', such as {names[0].lstrip(".")}'))


def check_training(runner: Runner) -> None:
    """See that the network of a training fits its data and, of a compression, its teacher; and
    that learning rate and checkpoints go by what the loop counts."""
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        check_counting(runner)
    model = unwrapped(runner.model)
    if isinstance(model, ReplacementDistiller):
        if model.teacher is None:
            model.train()
            model.build_teacher()  # as the first iteration would
        trained, validated = dict(teacher=model.teacher, student=model.student), model.student
    else:
        trained, validated = dict(tracker=model), model
    check_crops('train_dataloader', runner.train_dataloader.dataset, trained)
    if runner.val_loop is not None:
        check_crops('val_dataloader', runner.val_dataloader.dataset, dict(tracker=validated))


def check_counting(runner: Runner) -> None:
    """See that nothing counts epochs in a loop over iterations."""
    for schedule in runner.param_schedulers or ():
        if getattr(schedule, 'by_epoch', False):
            raise ValueError(f'{type(schedule).__name__} of param_scheduler counts epochs, the '
                             'loop of the config iterations; give its numbers in iterations, '
                             'with by_epoch=False')
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.by_epoch and hook.interval > 0:
            raise ValueError(f'default_hooks.checkpoint saves every {hook.interval} epochs, '
                             'the loop of the config counts iterations; give its interval in '
                             'iterations, with by_epoch=False')


def check_crops(loader: str, dataset: object, networks: dict[str, nn.Module]) -> None:
    """See that the crops of a data set have the sizes that networks take; warn if they show clearly
    more or less of the frame than those that networks track in."""
    crop = next((own for own in dataset.pipeline if isinstance(own, CropPair)), None) \
        if isinstance(dataset, PairDataset) else None
    if crop is None:
        return
    if 'student' in networks:
        tracks = [networks['student'].test_cfg[f'{kind}_factor'] for kind in KINDS]
        middle = middle_share(networks['student'], networks['teacher']) is not None
        if middle != (crop.student_factor is not None):
            raise ValueError(f'{loader}: CropPair.student_factor is {crop.student_factor}, but the '
                             f"student's test_cfg has factors {tracks}; a student that sees the "
                             "middle of its teacher's crops needs both, any other neither")
    for name, network in networks.items():
        sizes, factors = ([setting[i] for setting in crop.settings] for i in (0, 1))
        if name == 'student':
            sizes, factors = crop.student_size or sizes, crop.student_factor or factors
        for kind, size in zip(KINDS, sizes):
            taken = getattr(network.backbone, f'{kind}_size')
            if size != taken:
                raise ValueError(
                    f'{loader}, {name}: {kind} crops are {size, size} pixels, the backbone takes '
                    f'{kind}_size={taken}; make CropPair.size (student_size for a student of '
                    'another resolution) and the config of the backbone agree')
        for kind, factor in zip(KINDS, factors):
            own = (getattr(network, 'test_cfg', None) or {}).get(f'{kind}_factor', factor)
            if not 1 / CLEARLY < factor / own < CLEARLY:
                print_log(f'{loader}, {name}: CropPair.factor of {kind} crops is {factor}, it '
                          f'tracks with test_cfg.{kind}_factor={own}', 'current', logging.WARNING)
