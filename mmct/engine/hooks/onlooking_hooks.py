"""Looking at networks in the midst of their training, which goes on as if nothing had been."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmtrack.registry import HOOKS
from torch import nn

from ...models import ReplacementDistiller
from ...models.losses import mean_iou
from ...models.structures import Clip
from ...utils.checks import check_number
from ...visualization.batch_picture import Answer, draw_pairs
from .unwrapped import unwrapped


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Evaluate a model without gradients, without batch statistics, and without moving on the
    random numbers."""
    modes = [(module, module.training) for module in model.modules()]
    device = next(model.parameters()).device
    with torch.no_grad(), torch.random.fork_rng([device] if device.type == 'cuda' else []):
        model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


def clips(model: ReplacementDistiller, data_batch: dict,
          samples: int | None = None) -> tuple[Clip, Clip]:
    """A data loader's batch, or so many samples of it, as the student and as the teacher see it."""
    data = {name: clip.first(samples) for name, clip in data_batch['inputs'].items()}
    inputs = model.data_preprocessor(dict(inputs=data))['inputs']
    if model.teacher is None:
        # The first iteration would; a new student starts from it.
        model.build_teacher()
    return inputs.get('student_clip', inputs['clip']), inputs['clip']


@HOOKS.register_module()
class StudentIoUHook(Hook):
    """Logs ``iou_student`` at intervals: the mean IoU with ground truth of the student by itself,
    on the pairs that it is about to be trained on.

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


@HOOKS.register_module()
class BatchPictureHook(Hook):
    """Draws some pairs of the next iteration at intervals, for MMEngine's visualizer: ground truth,
    boxes and score maps of the teacher and of the student by itself.

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
        inputs = data_batch['inputs']
        with undisturbed(model):
            own, theirs = clips(model, data_batch, self.samples)
            shown = inputs['clip' if model.bridge.share is None else 'student_clip'].first(
                self.samples)
            size = shown.searches.size(-1)
            *_, taught = model.teacher.predictions(theirs)
            *_, learned = model.student.predictions(own)
            answers = {}
            for name, prediction in (('teacher', model.bridge.in_view((), taught)[1]),
                                     ('student', learned)):
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
