"""From crops and boxes to batches."""
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from mmengine.registry import FUNCTIONS  # where MMEngine looks for a collate_fn
from mmengine.structures import InstanceData
from mmtrack.registry import TRANSFORMS
from mmtrack.structures import TrackDataSample
from torch import Tensor

from ...models.structures import Clip
from .augment import crops_by_size
from .load import kinds


@TRANSFORMS.register_module()
class PackPair(BaseTransform):
    """Pack crops and boxes as a :class:`Clip` without its first axis, BGR, 0 to 255.

    With ``labels`` in the results, S numbers, the clip has them. Crops of a second size, for a
    student of another resolution, make a second clip.
    """

    def transform(self, results: dict) -> dict:
        """Give ``inputs``, ``clip`` and ``student_clip`` of crops (S, S, 3) and boxes x, y, w, h in
        units of their sides; and ``img_path``, the names of all frames."""
        count, labels = kinds(results).count(0), results.get('labels')
        if labels is not None:
            labels = torch.tensor(labels)
        inputs = {}
        for crops, own, name in zip(crops_by_size(results),
                                    (results['boxes'], results.get('student_boxes')),
                                    ('clip', 'student_clip')):
            if own is not None:
                template_boxes, gt_boxes = boxes_of(own, crops, count)
                unit = crops[0].shape[0]
            templates, searches = (
                torch.from_numpy(np.array([crop.transpose(2, 0, 1) for crop in part]))
                for part in (crops[:count], crops[count:]))
            inputs[name] = Clip(templates, template_boxes * (templates.size(-1) / unit),
                                searches, gt_boxes, labels)
        return {'inputs': inputs, 'img_path': results.get('img_path', ())}


def boxes_of(boxes: list, crops: list[np.ndarray], count: int) -> tuple[Tensor, Tensor]:
    """Of boxes x, y, w, h in units of the sides of crops (S, S, 3): those of so many templates in
    pixels, and those of the search frames behind, cx, cy, w, h in [0, 1]."""
    # Corners, in pixels and float32, in between: one rounding less gives other weights.
    boxes = np.array(boxes, float)
    boxes[:, 2:] += boxes[:, :2]
    boxes *= [[crop.shape[0]] for crop in crops]
    boxes = torch.from_numpy(boxes.astype(np.float32))
    templates = torch.cat([boxes[:count, :2], boxes[:count, 2:] - boxes[:count, :2]], dim=1)
    return templates, bbox_xyxy_to_cxcywh(boxes[count:]) / crops[-1].shape[0]


@FUNCTIONS.register_module()
def collate_pairs(samples: list[dict]) -> dict:
    """Stack B packed samples of ``PackPair`` in the worker: ``inputs`` of clips, and ``img_path``,
    lists of names."""
    inputs = {}
    for name in samples[0]['inputs']:
        parts = zip(*(sample['inputs'][name] for sample in samples))
        inputs[name] = Clip(*(part[0] if part[0] is None else torch.stack(part) for part in parts))
    return {'inputs': inputs, 'img_path': [sample['img_path'] for sample in samples]}


@TRANSFORMS.register_module()
class PackFrame(BaseTransform):
    """Pack a frame to track in, in the layout of MMTracking's ``PackTrackInputs``.

    Gives ``inputs`` with ``img`` (1, 3, H, W) BGR uint8, a view of the frame as OpenCV has it, and
    a ``TrackDataSample`` whose ``gt_instances`` holds the box (1, 4), x1, y1, x2, y2 in pixels of
    the frame.
    """

    META = ('frame_id', 'video_id', 'video_length', 'img_path', 'ori_shape', 'img_shape',
            'instances', 'load_error')

    def transform(self, results: dict) -> dict:
        """Give ``inputs`` and ``data_samples`` of a frame (H, W, 3) and its ``instances``."""
        sample = TrackDataSample(metainfo={key: results[key] for key in self.META
                                           if key in results})
        boxes = [instance['bbox'] for instance in results['instances'] if 'bbox' in instance]
        sample.gt_instances = InstanceData(
            bboxes=np.array(boxes, np.float32).reshape(-1, 4))
        return {'inputs': {'img': torch.from_numpy(results['img']).permute(2, 0, 1)[None]},
                'data_samples': sample}
