import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from mmengine.structures import InstanceData
from mmtrack.registry import TRANSFORMS
from mmtrack.structures import TrackDataSample

from ...models.structures import Clip
from .views import kinds, views


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
        sides = [crop.shape[0] for crop in results['img']]
        boxes = [np.array([x, y, x + w, y + h]) * side
                 for side, (x, y, w, h) in zip(sides, results['boxes'], strict=True)]
        boxes = torch.from_numpy(np.array(boxes, np.float32))
        template_boxes = boxes[:count].clone()
        template_boxes[:, 2:] -= template_boxes[:, :2]
        gt_boxes = bbox_xyxy_to_cxcywh(boxes[count:]) / sides[-1]
        if labels is not None:
            labels = torch.tensor(labels)
        inputs = {}
        for crops, name in zip(views(results), ('clip', 'student_clip')):
            templates, searches = (
                torch.from_numpy(np.array([crop.transpose(2, 0, 1) for crop in part]))
                for part in (crops[:count], crops[count:]))
            inputs[name] = Clip(templates, template_boxes * (templates.size(-1) / sides[0]),
                                searches, gt_boxes, labels)
        return {'inputs': inputs, 'img_path': results.get('img_path', ())}


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
