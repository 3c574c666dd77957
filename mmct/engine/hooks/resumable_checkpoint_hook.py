"""Checkpoints that a run can always go on from."""
import inspect
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from mmengine.dist import all_reduce, barrier, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.optim import OptimWrapper
from mmengine.runner import CheckpointLoader, EpochBasedTrainLoop, Runner
from mmengine.runner.checkpoint import load_state_dict
from mmtrack.registry import HOOKS

from ...checkpoint import CheckpointError, read_checkpoint, starting_weights, weights_in
from ...checkpoint.decisive import OF_CHECKPOINT, differences, of_training
from ...checkpoint.resuming import NAMES, check_resumed
from ...datasets.workers import end_with_trainer
from ...utils.files import atomic_write, free_name
from .unwrapped import unwrapped

INTERRUPTED = 'interrupted.pth'
LOGS = re.compile(r'\d{8}_\d{6}')  # folders of MMEngine's logs
ENDS = [getattr(signal, name) for name in ('SIGTERM', 'SIGHUP') if hasattr(signal, name)]
# Slurm signals every process, and torchrun passes on what it gets: that is one wish, not two.
SAME_WISH = 5.


@register_backend('whole_file')
class WholeFileBackend(LocalBackend):
    """MMEngine's access to local files, which writes them whole or not at all."""

    def put(self, obj: bytes, filepath: str) -> None:
        with atomic_write(filepath) as part:
            part.write_bytes(obj)


@HOOKS.register_module()
class ResumableCheckpointHook(CheckpointHook):
    """MMEngine's checkpoints, one more when the run is told to end, and the last one kept.

    SIGTERM and SIGHUP let the iteration end (with accumulated gradients, the step of the
    optimizer), save ``interrupted.pth`` and exit with status 143 or 129; all processes do so after
    the same iteration. Another one, seconds later, ends the process at once. Old checkpoints go
    when the new one is written, whole or not at all. What a run starts or goes on from is read by
    :func:`load_checkpoint`.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if unknown := self.args.keys() - inspect.signature(Runner.save_checkpoint).parameters:
            raise TypeError(f'{type(self).__name__} takes no {", ".join(sorted(unknown))}')
        if not self.backend_args and '://' not in str(self.out_dir):
            self.backend_args = dict(backend='whole_file')

    def before_run(self, runner: Runner) -> None:
        # Only of this runner, which loads and resumes by it soon after.
        runner.load_checkpoint = partial(load_checkpoint, runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if runner._resume:
            check_resumed(runner._load_from or runner.work_dir, checkpoint,
                          unwrapped(runner.model), runner.optim_wrapper)
            self.forget_other_best(runner, checkpoint)
            self.check_same(runner, checkpoint)

    def check_same(self, runner: Runner, checkpoint: dict) -> None:
        """See that a checkpoint is of a run with the same data and settings, and name those that
        apply in place of the config's. Checkpoints of 0.2 do not say."""
        info = checkpoint['message_hub'].get('runtime_info', {})
        if not isinstance(runner.optim_wrapper, OptimWrapper):
            return  # not trained, or by several
        now = of_training(runner.cfg, runner.train_dataloader.dataset)
        before = info.get('decisive', now)
        if found := differences(before, now, lambda key: not key.startswith(OF_CHECKPOINT)):
            raise CheckpointError(
                f'{runner._load_from or runner.work_dir} is of a run with other settings: {found} '
                'changed; resume with those that it was begun with, or start anew with load_from')
        if found := differences(before, now, lambda key: key.startswith(OF_CHECKPOINT)):
            runner.logger.warning(
                'the settings of the optimizer and the schedules of the checkpoint apply, not '
                f'those of the config: {found}; to train with other ones, start anew with '
                'load_from')
        name = 'max_epochs' if isinstance(runner.train_loop, EpochBasedTrainLoop) else 'max_iters'
        length = getattr(runner, name)
        if (begun := info.get(name, length)) != length:
            runner.logger.warning(
                f'the run was begun with train_cfg.{name}={begun} and goes on to {length}: '
                'schedules of the learning rate stay those of the checkpoint, what hooks schedule '
                '(replace_prob, for one) is for the new length')

    def move_aside(self, runner: Runner) -> None:
        """Move what an earlier run left, which checkpoints of this one would mix with."""
        for folder in {Path(self.out_dir), Path(runner.work_dir)}:
            old = [path for name in (*NAMES, 'best_*.pth') for path in folder.glob(name)]
            if old:
                aside = free_name(folder)
                aside.mkdir()
                logs = [path for path in folder.glob('[0-9]*_[0-9]*') if path.is_dir()
                        and LOGS.fullmatch(path.name) and path.name != runner.timestamp]
                for path in [*old, *logs, *folder.glob('last_checkpoint')]:
                    path.rename(aside / path.name)
                runner.logger.warning(f'checkpoints and logs of an earlier run are in {aside} now')

    def forget_other_best(self, runner: Runner, checkpoint: dict) -> None:
        """Begin anew with the best checkpoint if a resumed run chose it by another metric."""
        info = checkpoint['message_hub'].get('runtime_info', {})
        before = Path(str(info.get('best_ckpt', ''))).name
        if not self.save_best or not before or len(self.key_indicators) > 1:
            return
        metric, = self.key_indicators
        name = f'best_{metric}_'.replace('/', '_')
        if metric != 'auto' and not before.startswith((f'{name}epoch_', f'{name}iter_')):
            for key in ('best_ckpt', 'best_score'):
                info.pop(key, None)
            runner.logger.warning(f'save_best={metric} counts from here on; {before} was the best '
                                  'by another metric, and stays')

    def check_save_best(self, metrics: Sequence[BaseMetric]) -> None:
        """See that there is the metric of the best checkpoint. Metrics of others, which do not say
        what they give, may give anything."""
        if not self.save_best or not all(hasattr(metric, 'names') for metric in metrics):
            return
        known = [f'{metric.prefix}/{name}' for metric in metrics for name in metric.names]
        for name in {*self.key_indicators} - {'auto', *known}:
            raise ValueError(f'save_best={name!r} of the checkpoint hook is not one of '
                             f'{", ".join(known)}; set default_hooks.checkpoint.save_best')

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        if runner.val_loop is not None:
            self.check_save_best(runner.val_loop.evaluator.metrics)
        if getattr(self, 'best_ckpt_path', None):
            # It will be removed: of this run only, whatever folder the checkpoint comes from.
            name = Path(self.best_ckpt_path).name
            self.best_ckpt_path = name.startswith('best_') and self.file_backend.join_path(
                self.out_dir, name)
        if not runner._resume or 'decisive' not in runner.message_hub.runtime_info:
            runner.message_hub.update_info(
                'decisive', of_training(runner.cfg, runner.train_dataloader.dataset))
        if is_main_process():
            for part in Path(self.out_dir).glob('.*.pth.*.part'):  # of a run that was killed
                part.unlink()
            if not runner._resume and '://' not in str(self.out_dir):
                self.move_aside(runner)
        self.told_to_end, self.ending = None, signal.SIGTERM
        self.handlers = {number: signal.getsignal(number) for number in ENDS}
        for number, handler in self.handlers.items():
            if handler != signal.SIG_IGN:  # as nohup has it
                signal.signal(number, self.tell_to_end)
        for loop in filter(None, (runner.train_loop, runner.val_loop)):
            loader = loop.dataloader
            loader.worker_init_fn = partial(end_with_trainer, loader.worker_init_fn)

    def after_train(self, runner: Runner) -> None:
        super().after_train(runner)
        for number, handler in self.handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def tell_to_end(self, number: int, frame: object) -> None:
        """Handler of SIGTERM and SIGHUP."""
        now = time.monotonic()
        if self.told_to_end is None:
            self.told_to_end, self.ending = now, signal.Signals(number)
        elif now - self.told_to_end > SAME_WISH:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: object = None) -> None:
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        told = torch.tensor(float(self.told_to_end is not None))
        all_reduce(told, 'max')
        if told and runner.optim_wrapper.should_update():
            self.save_interrupted(runner, runner.iter + 1)
            barrier()  # the first process to leave would have the others killed
            sys.exit(128 + self.ending)

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                       outputs: object = None) -> None:
        # No weight changes here, so that one process need not agree with the others.
        if self.told_to_end is not None and is_main_process():
            for hook in runner.hooks:
                if isinstance(hook, EMAHook):  # which lent the network its weights to validate
                    hook.after_val_epoch(runner)
            self.save_interrupted(runner, runner.iter)
            sys.exit(128 + self.ending)

    def save_interrupted(self, runner: Runner, iteration: int) -> None:
        self.last_ckpt = self.file_backend.join_path(self.out_dir, INTERRUPTED)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir, INTERRUPTED, save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler, backend_args=self.backend_args,
            meta={'epoch': runner.epoch, 'iter': iteration}, **self.args)
        if is_main_process():
            Path(runner.work_dir, 'last_checkpoint').write_text(self.last_ckpt)
        runner.logger.warning(f'told to end ({self.ending.name}): saved {self.last_ckpt} after '
                              f'{iteration} iterations; --resume goes on from there')

    @contextmanager
    def removing_last(self) -> Iterator[list[str]]:
        """MMEngine removes old checkpoints before it writes, and a run that ends in between has
        none; paths of those to remove."""
        outdated, remove = [], self.file_backend.remove
        self.file_backend.remove = outdated.append
        try:
            yield outdated
        finally:
            self.file_backend.remove = remove
        for path in outdated:
            remove(path)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        with self.removing_last() as outdated:
            super()._save_checkpoint_with_step(runner, step, meta)
            interrupted = self.file_backend.join_path(self.out_dir, INTERRUPTED)
            if is_main_process() and self.file_backend.isfile(interrupted):
                outdated.append(interrupted)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        with self.removing_last():
            super()._save_best_checkpoint(runner, metrics)


def load_checkpoint(runner: Runner, filename: str, map_location: object = 'cpu',
                    strict: bool = False, revise_keys: Sequence = ()) -> dict:
    """Do what ``Runner.load_checkpoint`` does, but read the file as data, and understand names of
    released checkpoints, without ``revise_keys``.

    MMEngine's own starts from random weights if names do not fit, and ``Runner.resume``, which
    calls it, runs what a checkpoint holds as ``meta.config``.
    """
    if '://' in filename:  # MMEngine fetches it
        content = CheckpointLoader.load_checkpoint(filename, map_location)
    else:
        content = read_checkpoint(os.path.expanduser(filename), map_location)
    if isinstance(content.get('meta'), dict):
        content['meta'].pop('config', None)
    model = unwrapped(runner.model)
    if not runner._resume:
        content['state_dict'], lacking = starting_weights(
            model, weights_in(content, filename), filename)
        if lacking:
            parts = sorted({'.'.join(key.split('.')[:2]) for key in lacking})
            runner.logger.warning(f'{filename} has no fitting weights for {len(lacking)} of the '
                                  f'network, in {", ".join(parts)}: they start at random')
    runner.call_hook('after_load_checkpoint', checkpoint=content)
    load_state_dict(model, content['state_dict'], strict)
    runner._has_loaded = True
    runner.logger.info(f'Load checkpoint from {filename}')
    return content
