"""GIoU and L1 between boxes."""

import torch
import torch.nn.functional as F
from mmdet.models.losses.iou_loss import giou_loss
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_overlaps
from torch import Tensor, nn

from ...utils.checks import check_number


class BoxLoss(nn.Module):
    """``giou_weight · GIoU + l1_weight · L1`` of xyxy boxes (OSTrack, equation 3).

    Args:
        giou_weight: weight of the GIoU term.
        l1_weight: weight of the L1 term.
    """

    def __init__(self, giou_weight: float = 2., l1_weight: float = 5.) -> None:
        super().__init__()
        check_number('giou_weight', giou_weight, '[0, inf)')
        check_number('l1_weight', l1_weight, '[0, inf)')
        self.giou_weight = giou_weight
        self.l1_weight = l1_weight

    def forward(self, boxes: Tensor, target: Tensor, clamp_target: bool) -> dict[str, Tensor]:
        """
        Args:
            boxes: (B, 4) predicted cx, cy, w, h in [0, 1].
            target: (B, 4) likewise.
            clamp_target: cut the target to [0, 1]; done with ground truth, not with a teacher.

        Returns:
            weighted ``giou`` and ``l1``, each a mean over the batch.
        """
        boxes, target = bbox_cxcywh_to_xyxy(boxes), bbox_cxcywh_to_xyxy(target)
        if clamp_target:
            target = target.clamp(0., 1.)
        # The published loss has no epsilon; one below any possible area only avoids 0 / 0.
        return dict(
            giou=self.giou_weight * giou_loss(boxes, target, eps=1e-12),
            l1=self.l1_weight * F.l1_loss(boxes, target))


@torch.no_grad()
def mean_iou(boxes: Tensor, target: Tensor) -> Tensor:
    """Mean IoU, in [0, 1], of two sets of boxes (B, 4) cx, cy, w, h."""
    return bbox_overlaps(bbox_cxcywh_to_xyxy(boxes), bbox_cxcywh_to_xyxy(target),
                         is_aligned=True, eps=1e-12).mean()
