"""Prediction guidance: the teacher's box supervises the student (CompressTracker, section 3.4)."""
import torch.nn.functional as F
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
        iou_weight, l1_weight, iou: as of :class:`BoxLoss`.
        focal_weight: weight of the focal loss of the mixed path's score map to the heat map of the
            teacher's box. The paper describes it, the published code lacks it: off by default.
        edge_kl: weight of the divergence of the mixed path's edge distributions from the
            teacher's, as in MixFormerV2's own distillation; off by default.
    """

    def __init__(self, loss_weight: float = 1., iou_weight: float = 2., l1_weight: float = 5.,
                 focal_weight: float = 0., iou: str = 'giou', edge_kl: float = 0.) -> None:
        super().__init__()
        for name, weight in (('loss_weight', loss_weight), ('focal_weight', focal_weight),
                             ('edge_kl', edge_kl)):
            check_number(name, weight, '[0, inf)')
        self.loss_weight, self.focal_weight, self.edge_kl = loss_weight, focal_weight, edge_kl
        self.box_loss = BoxLoss(iou_weight, l1_weight, iou)

    def forward(self, mixed: Prediction, teacher: Prediction, **_) -> dict[str, Tensor]:
        """``loss_guidance_giou`` (or ``…_ciou``), ``loss_guidance_l1`` and, if on,
        ``loss_guidance_focal`` and ``loss_guidance_edge_kl``; ValueError if the heads do not give
        what these compare."""
        terms = self.box_loss(mixed.boxes, teacher.boxes, clamp_target=False)
        if self.focal_weight:
            if mixed.score_map is None:
                raise ValueError(f"guidance_loss.focal_weight={self.focal_weight} is of the score "
                                 "map, but the student's head gives none; leave out focal_weight")
            terms['focal'] = self.focal_weight * focal_loss(mixed.score_map, teacher.boxes)
        if self.edge_kl:
            own, theirs = (found.outputs.get('edge_logits') for found in (mixed, teacher))
            bins = ['none' if logits is None else logits.size(-1) for logits in (own, theirs)]
            if 'none' in bins or bins[0] != bins[1]:
                raise ValueError(
                    "guidance_loss.edge_kl compares distributions over the same bins, but the "
                    f"student's head has {bins[0]}, the teacher's {bins[1]}; make head.bins agree, "
                    'or leave out edge_kl, as of a student that sees less of the frame')
            terms['edge_kl'] = self.edge_kl * edge_divergence(own, theirs)
        return {f'loss_guidance_{name}': self.loss_weight * term for name, term in terms.items()}


def edge_divergence(mixed: Tensor, teacher: Tensor) -> Tensor:
    """Mean over samples and edges of KL(teacher ‖ mixed), of logits (B, 4, n) each."""
    mixed, teacher = (logits.log_softmax(dim=-1).flatten(0, 1) for logits in (mixed, teacher))
    return F.kl_div(mixed, teacher, reduction='batchmean', log_target=True)
