"""Checkpoints that a run can always go on from."""
import inspect
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from mmengine.dist import all_reduce, barrier, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.runner import Runner
from mmtrack.registry import HOOKS

from ...datasets.workers import end_with_trainer
from ...utils.files import write_text
from .starting import check_resumed, load_checkpoint, warn_of_changed_settings
from .unwrapped import unwrapped

INTERRUPTED = 'interrupted.pth'
ENDS = [getattr(signal, name) for name in ('SIGTERM', 'SIGHUP') if hasattr(signal, name)]
# Slurm signals every process, and torchrun passes on what it gets: that is one wish, not two.
SAME_WISH = 5.


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
        # Of this runner alone, whichever tool made it; it loads and resumes by it soon after.
        runner.load_checkpoint = partial(load_checkpoint, runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raises:
            CheckpointError: as of :func:`check_resumed`.
        """
        if runner._resume:
            check_resumed(runner._load_from or runner.work_dir, checkpoint,
                          unwrapped(runner.model), runner.optim_wrapper)
            warn_of_changed_settings(runner, checkpoint)
            self.forget_other_best(runner, checkpoint)

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
        """Raises:
            ValueError: the best checkpoint is chosen by a metric that there is not. Metrics of
                others, which do not say what they give, may give anything.
        """
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
        if is_main_process():
            for part in Path(self.out_dir).glob('.*.pth.*.part'):  # of a run that was killed
                part.unlink()
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
            signal.signal(number, handler)

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
        self.save(runner, INTERRUPTED, {'epoch': runner.epoch, 'iter': iteration})
        runner.logger.warning(f'told to end ({self.ending.name}): saved {self.last_ckpt} after '
                              f'{iteration} iterations; --resume goes on from there')

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        old = [INTERRUPTED]
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                old.append(self.filename_tmpl.format(self.keep_ckpt_ids.popleft()))
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self.save(runner, self.filename_tmpl.format(step), meta)
        if is_main_process():
            for name in old:
                path = self.file_backend.join_path(self.out_dir, name)
                if self.file_backend.isfile(path):
                    self.file_backend.remove(path)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        # MMEngine removes the best one first, and a run that ends in between has none.
        outdated, remove = [], self.file_backend.remove
        self.file_backend.remove = outdated.append
        super()._save_best_checkpoint(runner, metrics)
        self.file_backend.remove = remove
        for path in outdated:
            remove(path)

    def save(self, runner: Runner, name: str, meta: dict) -> None:
        """Write the state of the run, then its name into ``last_checkpoint``."""
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir, name, save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler, meta=meta,
            backend_args=self.backend_args, **self.args)
        if is_main_process():
            write_text(Path(runner.work_dir, 'last_checkpoint'), self.last_ckpt)
