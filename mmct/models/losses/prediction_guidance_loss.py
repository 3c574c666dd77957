"""Prediction guidance: the teacher's box supervises the student (CompressTracker, section 3.4)."""

from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from .box_loss import BoxLoss
from .track_loss import focal_loss


@MODELS.register_module()
class PredictionGuidanceLoss(nn.Module):
    """GIoU and L1 between the mixed path's box and the teacher's.

    Args:
        loss_weight: weight of the whole.
        giou_weight: weight of the GIoU term.
        l1_weight: weight of the L1 term.
        focal_weight: weight of the focal loss of the mixed path's score map to the heat map of the
            teacher's box. The paper describes it, the published code has none: off by default.
    """

    def __init__(self,
                 loss_weight: float = 1.,
                 giou_weight: float = 2.,
                 l1_weight: float = 5.,
                 focal_weight: float = 0.) -> None:
        super().__init__()
        check_number('loss_weight', loss_weight, '[0, inf)')
        check_number('focal_weight', focal_weight, '[0, inf)')
        self.loss_weight = loss_weight
        self.focal_weight = focal_weight
        self.box_loss = BoxLoss(giou_weight, l1_weight)

    def forward(self, score, boxes: Tensor, teacher_boxes: Tensor) -> dict[str, Tensor]:
        """
        Args:
            score: (B, 1, n, n) the mixed path's score map, or None for a head that has none.
            boxes: (B, 4) the mixed path's cx, cy, w, h in [0, 1] of the search crop.
            teacher_boxes: (B, 4) the teacher's, without gradient.

        Returns:
            ``loss_guidance_giou``, ``loss_guidance_l1`` and, where on, ``loss_guidance_focal``.
        """
        terms = self.box_loss(boxes, teacher_boxes, clamp_target=False)
        if self.focal_weight and score is not None:
            terms['focal'] = self.focal_weight * focal_loss(score, teacher_boxes)
        return {f'loss_guidance_{name}': self.loss_weight * term for name, term in terms.items()}
