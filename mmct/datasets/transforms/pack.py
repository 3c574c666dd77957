"""From crops and boxes to batches."""
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from mmengine.registry import FUNCTIONS  # where MMEngine looks for a collate_fn
from mmengine.structures import InstanceData
from mmtrack.registry import TRANSFORMS
from mmtrack.structures import TrackDataSample

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
        # Corners, in pixels and float32, in between: one rounding less gives other weights.
        boxes = np.array(results['boxes'], float)
        boxes[:, 2:] += boxes[:, :2]
        boxes *= [[crop.shape[0]] for crop in results['img']]
        boxes = torch.from_numpy(boxes.astype(np.float32))
        template_boxes = torch.cat(
            [boxes[:count, :2], boxes[:count, 2:] - boxes[:count, :2]], dim=1)
        sizes = results['img'][0].shape[0], results['img'][-1].shape[0]
        gt_boxes = bbox_xyxy_to_cxcywh(boxes[count:]) / sizes[1]
        if labels is not None:
            labels = torch.tensor(labels)
        inputs = {}
        for crops, name in zip(crops_by_size(results), ('clip', 'student_clip')):
            templates, searches = (
                torch.from_numpy(np.array([crop.transpose(2, 0, 1) for crop in part]))
                for part in (crops[:count], crops[count:]))
            inputs[name] = Clip(templates, template_boxes * (templates.size(-1) / sizes[0]),
                                searches, gt_boxes, labels)
        return {'inputs': inputs, 'img_path': results.get('img_path', ())}


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
