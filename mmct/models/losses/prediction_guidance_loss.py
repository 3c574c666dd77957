"""Prediction guidance: the teacher's box supervises the student (CompressTracker, section 3.4)."""

from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from ..structures import Prediction
from .box_loss import BoxLoss
from .track_loss import focal_loss


@MODELS.register_module()
class PredictionGuidanceLoss(nn.Module):
    """IoU loss and L1 between the mixed path's box and the teacher's.

    Args:
        loss_weight: weight of the whole.
        iou_weight: weight of the IoU term.
        l1_weight: weight of the L1 term.
        focal_weight: weight of the focal loss of the mixed path's score map to the heat map of the
            teacher's box. The paper describes it, the published code has none: off by default.
        iou: 'giou' or 'ciou'.
    """

    def __init__(self,
                 loss_weight: float = 1.,
                 iou_weight: float = 2.,
                 l1_weight: float = 5.,
                 focal_weight: float = 0.,
                 iou: str = 'giou') -> None:
        super().__init__()
        check_number('loss_weight', loss_weight, '[0, inf)')
        check_number('focal_weight', focal_weight, '[0, inf)')
        self.loss_weight = loss_weight
        self.focal_weight = focal_weight
        self.box_loss = BoxLoss(iou_weight, l1_weight, iou)

    def forward(self, mixed: Prediction, teacher: Prediction) -> dict[str, Tensor]:
        """
        Args:
            mixed: what the mixed path found.
            teacher: what the teacher found, without gradient.

        Returns:
            ``loss_guidance_giou`` (or ``…_ciou``), ``loss_guidance_l1`` and, if on and the head
            has a score map, ``loss_guidance_focal``.
        """
        terms = self.box_loss(mixed.boxes, teacher.boxes, clamp_target=False)
        if self.focal_weight and mixed.score_map is not None:
            terms['focal'] = self.focal_weight * focal_loss(mixed.score_map, teacher.boxes)
        return {f'loss_guidance_{name}': self.loss_weight * term for name, term in terms.items()}
