import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import InstanceData
from mmtrack.registry import TRANSFORMS
from mmtrack.structures import TrackDataSample

from .views import VIEWS, kinds


@TRANSFORMS.register_module()
class PackPair(BaseTransform):
    """Pack crops in the layout of MMTracking's ``PackTrackInputs``.

    Gives ``inputs`` with ``img``, templates (T, 3, Sz, Sz), and ``search_img``, search frames
    (S, 3, Sx, Sx), and a ``TrackDataSample`` whose ``gt_instances`` and ``search_gt_instances``
    hold the target's boxes, (T, 4) and (S, 4), x1, y1, x2, y2 in pixels of the crop; a box may
    reach out of it. With ``labels`` in the results, ``search_gt_instances.labels`` is (S,) float32:
    1 for a search frame that shows the target, 0 for one that does not.

    Crops of a second size, for a student of another resolution, are ``student_img`` and
    ``student_search_img``; the boxes stay in pixels of the first. ``img_path`` of the sample names
    all frames.

    Boxes and labels are NumPy arrays, boxes until ``PairDataPreprocessor``: handing a small tensor
    from worker to trainer takes a shared memory file, which ``PackTrackInputs`` pays six times a
    pair, more than the pair itself costs.
    """

    def transform(self, results: dict) -> dict:
        """Give ``inputs`` and ``data_samples`` of crops (S, S, 3) and boxes in units of their
        sides."""
        inputs, sample = {}, TrackDataSample(metainfo={'img_path': results.get('img_path', ())})
        count = kinds(results).count(0)
        for prefix, own in (('', slice(count)), ('search_', slice(count, None))):
            boxes = [np.array([x, y, x + w, y + h]) * crop.shape[0]
                     for crop, (x, y, w, h) in zip(results['img'][own], results['boxes'][own],
                                                   strict=True)]
            instances = InstanceData(bboxes=np.array(boxes, np.float32))
            setattr(sample, f'{prefix}gt_instances', instances)
            for key, view in VIEWS.items():
                if key in results:
                    images = np.array([crop.transpose(2, 0, 1) for crop in results[key][own]])
                    inputs[f'{view}{prefix}img'] = torch.from_numpy(images)
        if 'labels' in results:
            sample.search_gt_instances.labels = np.array(results['labels'], np.float32)
        return {'inputs': inputs, 'data_samples': sample}


@TRANSFORMS.register_module()
class PackFrame(BaseTransform):
    """Pack a frame to track in, in the layout of MMTracking's ``PackTrackInputs``.

    Gives ``inputs`` with ``img`` (1, 3, H, W) BGR uint8, a view of the frame as OpenCV has it, and
    a ``TrackDataSample`` whose ``gt_instances`` holds the box (1, 4), x1, y1, x2, y2 in pixels of
    the frame. The box is a NumPy array, as those of :class:`PackPair` and for the same reason.
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
