"""The tracking loss: to ground truth."""
from mmdet.models.losses import GaussianFocalLoss
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from ..structures import Prediction
from .box_loss import BoxLoss
from .heatmap import gaussian_heatmap


def focal_loss(score: Tensor, boxes: Tensor) -> Tensor:
    """CenterNet's focal loss (α 2, β 4) of a score map (B, 1, n, n) in (0, 1) to the heat map of
    boxes (B, 4) cx, cy, w, h in [0, 1] of the search crop, summed over the batch and divided by the
    number of centres on the map (by 1 if none)."""
    target = gaussian_heatmap(boxes, score.size(-1))
    num_centres = target.eq(1).sum().clamp(min=1)
    return GaussianFocalLoss(reduction='sum')(score, target) / num_centres


@MODELS.register_module()
class TrackLoss(nn.Module):
    """``focal + 2 · GIoU + 5 · L1`` to the ground truth (OSTrack, equation 3).

    Args:
        focal_weight: weight of the score map's focal loss.
        iou_weight, l1_weight, iou: as of :class:`BoxLoss`.
    """

    def __init__(self, focal_weight: float = 1., iou_weight: float = 2., l1_weight: float = 5.,
                 iou: str = 'giou') -> None:
        super().__init__()
        check_number('focal_weight', focal_weight, '[0, inf)')
        self.focal_weight = focal_weight
        self.box_loss = BoxLoss(iou_weight, l1_weight, iou)

    def forward(self, prediction: Prediction, gt_boxes: Tensor,
                labels: Tensor | None = None) -> dict[str, Tensor]:
        """``loss_track_focal`` (with a score map), ``loss_track_giou`` (or ``…_ciou``) and
        ``loss_track_l1``; arguments as of ``Head.loss``.
        """
        if labels is not None:
            raise ValueError('boxes are trained on clips that all show the target, but these have '
                             "labels; set sampling=dict(type='mixformer') of the data set, or "
                             "head.loss=dict(type='ScoreLoss') to train a score")
        terms = {}
        if prediction.score_map is not None:
            terms['focal'] = self.focal_weight * focal_loss(prediction.score_map, gt_boxes)
        terms.update(self.box_loss(prediction.boxes, gt_boxes, clamp_target=True))
        return {f'loss_track_{name}': term for name, term in terms.items()}
