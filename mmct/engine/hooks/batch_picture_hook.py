"""A picture of what is trained on, and of what teacher and student make of it."""
import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmtrack.registry import HOOKS

from ...utils.checks import check_number
from ...visualization.batch_picture import Answer, draw_pairs
from .undisturbed import clips, undisturbed
from .unwrapped import unwrapped


@HOOKS.register_module()
class BatchPictureHook(Hook):
    """Draws some pairs of the next iteration at intervals, for MMEngine's visualizer: ground truth,
    boxes and score maps of the teacher and of the student alone. The training does not change.

    Args:
        interval: iterations from one picture to the next, beginning with the first; the last has
            one, too. 0 for never.
        samples: pairs in a picture.
    """

    def __init__(self, interval: int = 5000, samples: int = 4) -> None:
        check_number('interval', interval, '[0, inf)', whole=True)
        check_number('samples', samples, '[1, inf)', whole=True)
        self.interval, self.samples = interval, samples

    def before_train_iter(self, runner, batch_idx: int, data_batch: dict | None = None) -> None:
        if self.interval < 1 or not is_main_process():
            return
        if runner.iter % self.interval and runner.iter + 1 < runner.max_iters:
            return
        model = unwrapped(runner.model)
        shown = data_batch['inputs']['clip'].first(self.samples)
        size = shown.searches.size(-1)
        with undisturbed(model):
            own, theirs = clips(model, data_batch, self.samples)
            answers = {}
            for name, tracker, clip in (('teacher', model.teacher, theirs),
                                        ('student', model.student, own)):
                *_, prediction = tracker.predictions(clip)
                boxes = bbox_cxcywh_to_xyxy(prediction.boxes) * size
                scores = prediction.score_map
                answers[name] = Answer(boxes.cpu().numpy(),
                                       None if scores is None else scores[:, 0].cpu().numpy())
        # The first template and, as predicted, the last search frame.
        crops = [images.permute(0, 2, 3, 1).flip(-1).byte().numpy()
                 for images in (shown.templates[:, 0], shown.searches[:, -1])]
        x, y, w, h = shown.template_boxes[:, 0].unbind(-1)
        boxes = [torch.stack([x, y, x + w, y + h], dim=-1).numpy(),
                 (bbox_cxcywh_to_xyxy(shown.gt_boxes[:, -1]) * size).numpy()]
        title = (f'epoch {runner.epoch + 1}, iteration {runner.iter}, '
                 f'p = {model.replace_prob:.2f}')
        runner.visualizer.add_image('train_batch', draw_pairs(*crops, *boxes, answers, title),
                                    step=runner.iter)
