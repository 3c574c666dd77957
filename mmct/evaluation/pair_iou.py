"""Validation on pairs of frames, or clips of more."""
from collections.abc import Sequence

from mmengine.evaluator import BaseMetric
from mmtrack.registry import METRICS
from torch import Tensor

from ..models.losses import mean_iou


@METRICS.register_module()
class PairIoU(BaseMetric):
    """Mean IoU, in [0, 1], of predicted boxes and the target's, over all search crops."""

    default_prefix = 'pair'
    names = ('iou',)

    def process(self, data_batch: dict, data_samples: Sequence[Tensor]) -> None:
        """Take the clip of a data loader, and the boxes (S, 4) cx, cy, w, h in [0, 1] of its
        samples."""
        for found, truth in zip(data_samples, data_batch['inputs']['clip'].gt_boxes, strict=True):
            self.results.append(mean_iou(found.cpu(), truth).item())

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return dict(iou=sum(results) / len(results))
