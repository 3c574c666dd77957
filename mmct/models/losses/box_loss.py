"""IoU loss and L1 between boxes."""
import math

import torch
import torch.nn.functional as F
from mmdet.models.losses.iou_loss import giou_loss
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_overlaps
from torch import Tensor, nn

from ...utils.checks import check_number

# The published losses have no epsilon; one below any possible area only avoids 0 / 0.
EPS = 1e-12


def ciou_loss(boxes: Tensor, target: Tensor, eps: float) -> Tensor:
    """Mean of ``1 − CIoU`` (Zheng et al., arXiv 2005.03572) as published with MixFormerV2;
    MMDetection's is not a number if both boxes are the same.

    Args:
        boxes, target: (B, 4) x1, y1, x2, y2; x2 < x1 or y2 < y1 make a negative size, IoU 0.
        eps: below any possible area, in place of 0 in denominators.
    """
    low, high = torch.max(boxes[:, :2], target[:, :2]), torch.min(boxes[:, 2:], target[:, 2:])
    hull = torch.max(boxes[:, 2:], target[:, 2:]) - torch.min(boxes[:, :2], target[:, :2])
    sizes = [xyxy[:, 2:] - xyxy[:, :2] for xyxy in (boxes, target)]
    both = (high - low).clamp(min=0).prod(dim=1)
    iou = both / (sizes[0].prod(dim=1) + sizes[1].prod(dim=1) - both + eps)
    shift = (boxes[:, :2] + boxes[:, 2:] - target[:, :2] - target[:, 2:]) / 2
    distance = shift.square().sum(dim=1) / (hull.clamp(min=0).square().sum(dim=1) + eps)
    angles = [torch.atan(size[:, 0] / (size[:, 1] + eps)) for size in sizes]
    shape = 4 / math.pi**2 * (angles[1] - angles[0]).square()
    with torch.no_grad():
        # Rounding can bring the IoU of a box with itself above 1.
        rest = (1 - iou).clamp(min=0) + shape
        share = torch.where((iou > 0.5) & (rest > 0), shape / rest, 0.)
    return (1 - (iou - distance - share * shape).clamp(-1, 1)).mean()


IOU_LOSSES = dict(giou=giou_loss, ciou=ciou_loss)


class BoxLoss(nn.Module):
    """``iou_weight · (1 − IoU term) + l1_weight · L1`` of xyxy boxes (OSTrack, equation 3).

    Args:
        iou_weight, l1_weight: of the terms.
        iou: 'giou', or 'ciou' as in MixFormerV2.
    """

    def __init__(self, iou_weight: float = 2., l1_weight: float = 5., iou: str = 'giou') -> None:
        super().__init__()
        check_number('iou_weight', iou_weight, '[0, inf)')
        check_number('l1_weight', l1_weight, '[0, inf)')
        if iou not in IOU_LOSSES:
            raise ValueError(f'iou={iou!r} is not one of {list(IOU_LOSSES)}')
        self.iou_weight = iou_weight
        self.l1_weight = l1_weight
        self.iou = iou

    def forward(self, boxes: Tensor, target: Tensor, clamp_target: bool) -> dict[str, Tensor]:
        """Weighted ``giou`` (or ``ciou``) and ``l1``, each a mean over the batch.

        Args:
            boxes, target: (B, 4) cx, cy, w, h in [0, 1].
            clamp_target: cut the target to [0, 1]; done with ground truth, not with a teacher.
        """
        boxes, target = bbox_cxcywh_to_xyxy(boxes), bbox_cxcywh_to_xyxy(target)
        if clamp_target:
            target = target.clamp(0., 1.)
        iou_loss = IOU_LOSSES[self.iou]
        return {self.iou: self.iou_weight * iou_loss(boxes, target, eps=EPS),
                'l1': self.l1_weight * F.l1_loss(boxes, target)}


@torch.no_grad()
def mean_iou(boxes: Tensor, target: Tensor) -> Tensor:
    """Mean IoU, in [0, 1], of two sets of boxes (B, 4) cx, cy, w, h."""
    return bbox_overlaps(bbox_cxcywh_to_xyxy(boxes), bbox_cxcywh_to_xyxy(target),
                         is_aligned=True, eps=EPS).mean()
