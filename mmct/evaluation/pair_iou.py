"""Validation on pairs of frames, or clips of more."""
from collections.abc import Sequence

import torch
from mmdet.structures.bbox import bbox_overlaps
from mmengine.evaluator import BaseMetric
from mmtrack.registry import METRICS


@METRICS.register_module()
class PairIoU(BaseMetric):
    """Mean IoU, in [0, 1], of predicted boxes and the target's, over all search crops."""

    default_prefix = 'pair'
    names = ('iou',)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            predicted = sample['pred_track_instances']['bboxes'].cpu()
            target = sample['search_gt_instances']['bboxes'].to(predicted)
            self.results.append(bbox_overlaps(predicted, target, is_aligned=True).mean().item())

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return dict(iou=torch.tensor(results).mean().item())
