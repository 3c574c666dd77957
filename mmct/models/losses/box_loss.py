"""IoU loss and L1 between boxes."""
import torch
import torch.nn.functional as F
from mmdet.models.losses.iou_loss import ciou_loss, giou_loss
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_overlaps
from torch import Tensor, nn

from ...utils.checks import check_number

# The published losses have no epsilon; one below any possible area only avoids 0 / 0.
EPS = 1e-12
IOU_LOSSES = dict(giou=giou_loss, ciou=ciou_loss)


class BoxLoss(nn.Module):
    """``iou_weight · (1 − IoU term) + l1_weight · L1`` of xyxy boxes (OSTrack, equation 3).

    Args:
        iou_weight: weight of the IoU term.
        l1_weight: weight of the L1 term.
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
        """
        Args:
            boxes: (B, 4) predicted cx, cy, w, h in [0, 1].
            target: (B, 4) likewise.
            clamp_target: cut the target to [0, 1]; done with ground truth, not with a teacher.

        Returns:
            weighted ``giou`` (or ``ciou``) and ``l1``, each a mean over the batch.
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
