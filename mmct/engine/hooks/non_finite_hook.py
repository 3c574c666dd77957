"""The end of a training that learns nothing any more."""
from mmengine.dist import all_gather_object, get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmtrack.registry import HOOKS

from ...utils.checks import check_number


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Counts and reports the steps that the optimizer left out (``SkipNonFinite``), as the scalar
    ``skipped_steps``.

    Args:
        max_in_row: with more of them in a row, training ends and names the frames of the batch; the
            last checkpoint is from before. Loss scaling needs up to 16 to come down from its first
            scale.
    """

    def __init__(self, max_in_row: int = 20) -> None:
        check_number('max_in_row', max_in_row, '[0, inf)', whole=True)
        self.max_in_row = max_in_row

    def before_train(self, runner: Runner) -> None:
        self.reported = 0

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: object = None) -> None:
        hub, in_row = runner.message_hub, getattr(runner.optim_wrapper, 'skipped_in_row', 0)
        skipped = hub.runtime_info.get('skipped_steps', 0) + (in_row > self.reported)
        hub.update_info('skipped_steps', skipped)
        hub.update_scalar('train/skipped_steps', skipped)
        if not in_row:
            self.reported = 0
            return
        finite = bool(runner.optim_wrapper.loss_is_finite)
        fault = f'{"a gradient" if finite else "the loss"} is not finite'
        if in_row > self.reported:
            runner.logger.warning(
                f'step {runner.iter + 1} is left out, {in_row} in a row: {fault}')
        self.reported = in_row
        if in_row > self.max_in_row:
            # All processes are here, because all of them skip together.
            frames = ', '.join(' and '.join(paths) for paths in data_batch['img_path'])
            batches = all_gather_object((finite, f'process {get_rank()}: {frames}'))
            faulty = [text for finite, text in batches if not finite]
            raise ValueError(
                f'{in_row} steps in a row were left out, the last checkpoint is from before them; '
                f'in step {runner.iter + 1} {fault}, for '
                + '; '.join(faulty or [text for _, text in batches]))
