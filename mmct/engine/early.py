"""What can be wrong with a run is said before MMEngine's Runner writes hundreds of lines and a
folder, which it does before it builds anything."""
import copy
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from logging.handlers import BufferingHandler
from typing import Any

from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend
from mmtrack.registry import DATASETS, HOOKS, MODELS
from torch.utils.data import Dataset

from ..checkpoint import read_checkpoint, starting_weights, weights_in
from ..models import ReplacementDistiller
from .hooks.resumable_checkpoint_hook import ResumableCheckpointHook
from .hooks.starting import check_resumed


def training_runner(cfg: Config) -> Runner:
    """MMEngine's Runner for a training, whose data sets are read, and whose network, weights,
    optimizer, hooks and metrics have been built once, for a try.

    Raises:
        ValueError, OSError: one of them cannot be built, or does not fit.
    """
    with before_runner(cfg) as records:
        check_network(cfg)
        check_hooks(cfg)
        # The Runner takes these: reading annotations may take minutes.
        datasets = {name: build(f'{name}.dataset', DATASETS.build, cfg[name].dataset)
                    for name in ('train_dataloader', 'val_dataloader') if cfg.get(name)}
    runner = make_runner(cfg, records)
    hand_over(runner._train_dataloader, datasets.get('train_dataloader'))
    hand_over(runner._val_dataloader, datasets.get('val_dataloader'))
    return runner


def check_network(cfg: Config) -> None:
    """See that the network of a training can be built, and has the weights that it starts from or
    goes on with.

    Raises:
        ValueError, OSError: it cannot, or has not.
    """
    model = build('model', MODELS.build, cfg.model)
    kind = (cfg.optim_wrapper.get('optimizer') or {}).get('type')  # MMEngine's error lacks it
    wrapper = build(f'optim_wrapper with {kind}', build_optim_wrapper, model, cfg.optim_wrapper)
    source = cfg.get('load_from')
    if source and '://' not in source:
        content = read_checkpoint(os.path.expanduser(source))
        if cfg.get('resume'):
            check_resumed(source, content, model, wrapper)
        else:
            starting_weights(model, weights_in(content, source), source)
    if isinstance(model, ReplacementDistiller):
        model.build_teacher()
    model.train()


def check_hooks(cfg: Config) -> None:
    """See that the hooks of a training can be built, and that its metrics have the one by which the
    best checkpoint is chosen. Hooks of others, which may do something when they are built, are
    left to the Runner.

    Raises:
        ValueError: they cannot, or have not.
    """
    given = (*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or ()))
    hooks = [build('hooks', HOOKS.build, hook) for hook in given if isinstance(hook, dict)
             and getattr(HOOKS.get(hook.type), '__module__', 'mmct').startswith('mmct')]
    if cfg.get('val_evaluator'):
        metrics = build('val_evaluator', Evaluator, cfg.val_evaluator).metrics
        for hook in hooks:
            if isinstance(hook, ResumableCheckpointHook):
                hook.check_save_best(metrics)


def build(name: str, how: Callable[..., Any], *args: Any) -> Any:
    """Build a part of a config.

    Raises:
        ValueError: MMEngine does not know its type or its arguments; ``name`` is named.
    """
    *before, own = args
    try:
        return how(*before, copy.deepcopy(own))  # which building changes
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{name} of the config cannot be built: {error.args[0]}') from error


def hand_over(loader: dict | None, dataset: Dataset | None) -> None:
    """Let a data loader that the Runner will build have a data set that is built already."""
    if dataset is not None:
        # The Runner copies what is in the config, and asks a registry for it.
        loader['dataset'] = dict(type=lambda: dataset)


@contextmanager
def before_runner(cfg: Config) -> Iterator[list[logging.LogRecord]]:
    """Build in the scope of a config, and keep what is logged meanwhile for :func:`make_runner`."""
    logger = MMLogger.get_instance('early')
    handlers, keep = list(logger.handlers), BufferingHandler(10**6)
    logger.handlers[:] = [keep]
    try:
        with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
            yield keep.buffer
    finally:
        logger.handlers[:] = handlers
        MMLogger._instance_dict.pop('early')


def make_runner(cfg: Config, records: Iterable[logging.LogRecord]) -> Runner:
    """MMEngine's Runner, which begins by logging what was kept; where the disk under its logs is
    full, the error names the file."""
    runner = Runner.from_cfg(cfg)
    for handler in runner.logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handleError = partial(raise_named, handler)
    for backend in runner.visualizer._vis_backends.values():
        if isinstance(backend, LocalVisBackend):
            backend._dump = partial(dump_named, backend._dump)
    for record in records:
        runner.logger.handle(record)
    return runner


def raise_named(handler: logging.FileHandler, record: logging.LogRecord) -> None:
    """Instead of Python's traceback for each line that a log cannot take.

    Raises:
        OSError: what went wrong, with the log's name.
    """
    error = sys.exc_info()[1]
    with suppress(OSError):
        handler.close()  # or the end of the process would try again
    if not isinstance(error, OSError):
        raise error
    raise OSError(error.errno, error.strerror, handler.baseFilename) from None


def dump_named(dump: Callable, values: dict, path: str, file_format: str) -> None:
    """Write figures into a file of the visualizer.

    Raises:
        OSError: they cannot be written; the file is named.
    """
    try:
        dump(values, path, file_format)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
