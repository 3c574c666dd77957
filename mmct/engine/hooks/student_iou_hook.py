"""How well the student tracks by itself while it is still trained in a mixed path."""
from mmengine.hooks import Hook
from mmtrack.registry import HOOKS

from ...models.losses import mean_iou
from ...utils.checks import check_number
from .undisturbed import clips, undisturbed
from .unwrapped import unwrapped


@HOOKS.register_module()
class StudentIoUHook(Hook):
    """Logs ``iou_student`` at intervals: the mean IoU with ground truth of the student alone on the
    pairs that it is about to be trained on. The training does not change.

    Args:
        interval: iterations from one time to the next, beginning with the first; 0 for never.
    """

    def __init__(self, interval: int = 500) -> None:
        check_number('interval', interval, '[0, inf)', whole=True)
        self.interval = interval

    def before_train_iter(self, runner, batch_idx: int, data_batch: dict | None = None) -> None:
        if self.interval < 1 or runner.iter % self.interval:
            return
        model = unwrapped(runner.model)
        with undisturbed(model):
            clip, _ = clips(model, data_batch)
            frames = zip(model.student.predictions(clip), clip.gt_boxes.unbind(1))
            iou = sum(mean_iou(found.boxes, gt_boxes) for found, gt_boxes in frames)
        runner.message_hub.update_scalar('train/iou_student', iou / clip.num_frames)
