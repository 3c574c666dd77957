"""What can be wrong with a run is said in a line, before the hundreds of lines that MMEngine's
Runner logs while it is built, and leaves no folder behind."""
import inspect
import io
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from traceback import walk_tb

import torch
from mmengine.config import Config
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.visualization import LocalVisBackend
from torch import nn

from ..checkpoint import read_checkpoint, starting_weights, weights_in
from ..datasets import PairDataset
from ..datasets.transforms import CropPair
from ..models import ReplacementDistiller
from .hooks.resumable_checkpoint_hook import ResumableCheckpointHook
from .hooks.starting import check_resumed
from .hooks.unwrapped import unwrapped

CLEAR = (ValueError, OSError, ImportError)  # errors that speak for themselves


class QuietRunner(Runner):
    """MMEngine's Runner, which leaves the config of an earlier run alone until it begins."""

    def dump_config(self) -> None:
        """Nothing yet; :func:`quiet_start` writes it."""


class BeginHook(Hook):
    """Calls a function with the runner when an epoch or a test begins, after all other hooks."""

    priority = 'LOWEST'

    def __init__(self, begin: Callable[[Runner], None]) -> None:
        self.before_train_epoch = self.before_test_epoch = begin


@contextmanager
def quiet_start(cfg: Config, check: Callable[[Runner], None] = lambda runner: None
                ) -> Iterator[Runner]:
    """MMEngine's Runner, whose log is held back until its loop begins. Where it does not come to
    that, neither lines nor folder are left.

    Args:
        cfg: of the run.
        check: is called when all is built, and may raise errors.

    Raises:
        ValueError: MMEngine cannot use the config.
    """
    lines, work_dir = io.StringIO(), Path(cfg.work_dir)
    before = {path for path in (work_dir, *work_dir.parents, *work_dir.glob('*')) if path.exists()}
    held = redirect_stdout(lines)

    def begin(runner: Runner) -> None:
        if lines.closed:
            return
        check(runner)
        held.__exit__(None, None, None)
        for handler in runner.logger.handlers:
            if getattr(handler, 'stream', None) is lines:
                handler.setStream(sys.stdout)
        print(lines.getvalue(), end='', flush=True)
        lines.close()
        Runner.dump_config(runner)

    held.__enter__()
    try:
        runner = QuietRunner.from_cfg(cfg)
        name_full_disk(runner)
        runner.register_hook(BeginHook(begin))
        yield runner
        begin(runner)  # a training may have been at its end already
    except BaseException as error:
        if lines.closed:
            raise
        held.__exit__(None, None, None)
        remove_new(work_dir, before)
        if isinstance(error, CLEAR) or not isinstance(error, Exception):
            raise
        raise ValueError(f'{place(error)} of the config cannot be built: {reason(error)}'
                         ) from error


def place(error: Exception) -> str:
    """Which parts of a config MMEngine was building, the outer ones first."""
    methods = (frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)
               if frame.f_code.co_filename == inspect.getfile(Runner))
    parts = [name.partition('_')[2] for name in methods
             if name.startswith(('build_', 'register_'))]
    return ', '.join(dict.fromkeys(parts)) or 'a part'


def reason(error: Exception) -> str:
    """What an error of MMEngine's says; of one for a missing key without the defaults, None."""
    text = str(error.args[0] if error.args else '').removesuffix('\nNone')
    return text if ' ' in text else f'{type(error).__name__} {error}'


def remove_new(work_dir: Path, before: set[Path]) -> None:
    """Remove the logs of a run that did not begin, and the folders that were made for them."""
    for path in set(work_dir.glob('*')) - before:
        if re.fullmatch(r'\d{8}_\d{6}', path.name):
            shutil.rmtree(path, ignore_errors=True)
    for path in (work_dir, *work_dir.parents):
        if path not in before:
            with suppress(OSError):
                path.rmdir()


def check_start(runner: Runner) -> None:
    """See what can be seen of a training before its data are read, which may take minutes: that it
    has an optimizer, weights to start from, and the metric of its best checkpoint.

    Raises:
        ValueError, OSError: it has not.
    """
    cfg, model = runner.cfg, unwrapped(runner.model)
    if not cfg.get('optim_wrapper'):
        raise ValueError('the config has no optim_wrapper, which training needs')
    try:
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        if clip := getattr(runner.optim_wrapper, 'clip_grad_kwargs', None):
            inspect.signature(runner.optim_wrapper.clip_func).bind((), **clip)
    except (TypeError, KeyError) as error:
        kind = (cfg.optim_wrapper.get('optimizer') or {}).get('type')  # MMEngine's error lacks it
        raise ValueError(f'optim_wrapper with {kind} of the config cannot be built: '
                         f'{reason(error)}') from error
    source = cfg.get('load_from')
    if source and '://' not in source:
        content = read_checkpoint(os.path.expanduser(source))
        if cfg.get('resume'):
            check_resumed(source, content, model, runner.optim_wrapper)
        else:
            starting_weights(model, weights_in(content, source), source)
    if cfg.get('val_evaluator'):
        runner._val_evaluator = runner.build_evaluator(runner._val_evaluator)
        for hook in runner.hooks:
            if isinstance(hook, ResumableCheckpointHook):
                hook.check_save_best(runner._val_evaluator.metrics)


def check_built(runner: Runner) -> None:
    """See that the network of a training fits its data and, of a compression, its teacher; and
    that its learning rate is scheduled, and its checkpoints are saved, by what the loop counts.

    Raises:
        ValueError, OSError: it does not.
    """
    if isinstance(runner.train_loop, IterBasedTrainLoop):
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
    model = unwrapped(runner.model)
    model.train()
    if isinstance(model, ReplacementDistiller):
        if model.teacher is None:
            model.build_teacher()  # as the first iteration would
        trained, validated = dict(teacher=model.teacher, student=model.student), model.student
    else:
        trained, validated = dict(tracker=model), model
    check_crops('train_dataloader', runner.train_dataloader.dataset, trained)
    if runner.val_loop is not None:
        check_crops('val_dataloader', runner.val_dataloader.dataset, dict(tracker=validated))


def check_crops(loader: str, dataset: object, networks: dict[str, nn.Module]) -> None:
    """See that the crops of a data set have the sizes that networks take.

    Raises:
        ValueError: they have not.
    """
    crop = next((own for own in dataset.pipeline if isinstance(own, CropPair)), None) \
        if isinstance(dataset, PairDataset) else None
    if crop is None:
        return
    for name, network in networks.items():
        sizes = [size for size, *_ in crop.settings]
        if name == 'student':
            sizes = crop.student_size or sizes
        for kind, size in zip(('template', 'search'), sizes):
            try:
                network.backbone.check_crops(kind, torch.empty(size, size))
            except ValueError as error:
                raise ValueError(f'{loader}, {name}: {error}') from None


def name_full_disk(runner: Runner) -> None:
    """Let an error for a full disk under a run's logs name the file."""
    for handler in runner.logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handleError = partial(raise_named, handler)
    for backend in runner.visualizer._vis_backends.values():
        if isinstance(backend, LocalVisBackend):
            backend._dump = partial(dump_named, backend._dump)


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
