"""The tracking loss on the centre head's maps."""

from mmdet.models.losses import GaussianFocalLoss
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from .box_loss import BoxLoss
from .heatmap import gaussian_heatmap


def focal_loss(score: Tensor, boxes: Tensor) -> Tensor:
    """CenterNet's focal loss (α 2, β 4) of a score map to the heat map of boxes.

    Args:
        score: (B, 1, n, n) in (0, 1).
        boxes: (B, 4) cx, cy, w, h in [0, 1] of the search crop.

    Returns:
        the sum over the batch, divided by the number of centres on the map (by 1 if none).
    """
    target = gaussian_heatmap(boxes, score.size(-1))
    num_centres = target.eq(1).sum().clamp(min=1)
    return GaussianFocalLoss(reduction='sum')(score, target) / num_centres


@MODELS.register_module()
class TrackLoss(nn.Module):
    """``focal + 2 · GIoU + 5 · L1`` to the ground truth (OSTrack, equation 3).

    Args:
        focal_weight: weight of the score map's focal loss.
        giou_weight: weight of the GIoU term.
        l1_weight: weight of the L1 term.
    """

    def __init__(self,
                 focal_weight: float = 1.,
                 giou_weight: float = 2.,
                 l1_weight: float = 5.) -> None:
        super().__init__()
        check_number('focal_weight', focal_weight, '[0, inf)')
        self.focal_weight = focal_weight
        self.box_loss = BoxLoss(giou_weight, l1_weight)

    def forward(self, score, boxes: Tensor, gt_boxes: Tensor) -> dict[str, Tensor]:
        """
        Args:
            score: (B, 1, n, n) score map in (0, 1), or None for a head that has none.
            boxes: (B, 4) predicted cx, cy, w, h in [0, 1] of the search crop.
            gt_boxes: (B, 4) likewise; may reach outside the crop.

        Returns:
            ``loss_track_focal`` (with a score map), ``loss_track_giou``, ``loss_track_l1``.
        """
        losses = {}
        if score is not None:
            losses['loss_track_focal'] = self.focal_weight * focal_loss(score, gt_boxes)
        box = self.box_loss(boxes, gt_boxes, clamp_target=True)
        return {**losses, 'loss_track_giou': box['giou'], 'loss_track_l1': box['l1']}
