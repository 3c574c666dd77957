"""The losses to ground truth, of boxes with their heat map, or of a score."""
import torch
import torch.nn.functional as F
from mmdet.models.losses import GaussianFocalLoss
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from ..structures import Prediction
from .box_loss import BoxLoss

MIN_OVERLAP = 0.7


def gaussian_radius(wh: Tensor) -> Tensor:
    """Radius (B,), whole cells, in which a shifted box of sizes (B, 2) in cells still overlaps the
    true one enough. As published: all three roots take the plus sign and the plain 2 as divisor."""
    w, h = wh.unbind(-1)
    area, overlap = w * h, MIN_OVERLAP
    cases = (
        (1., h + w, area * (1 - overlap) / (1 + overlap)),
        (4., 2 * (h + w), (1 - overlap) * area),
        (4 * overlap, -2 * overlap * (h + w), (overlap - 1) * area),
    )
    roots = torch.stack([(b + (b**2 - 4 * a * c).sqrt()) / 2 for a, b, c in cases])
    return roots.min(dim=0).values.clamp(min=0).trunc()


def gaussian_heatmap(boxes: Tensor, grid: int) -> Tensor:
    """Maps (B, 1, n, n) with a Gaussian around the cell of each box's centre (CenterNet, arXiv
    1904.07850): 1 in that cell, nowhere if it lies off the map.

    Args:
        boxes: (B, 4) cx, cy, w, h in [0, 1] of the search crop; may reach outside.
        grid: n, cells a side.
    """
    centre = (boxes[:, :2] * grid).round()
    radius = gaussian_radius(boxes[:, 2:] * grid)
    cells = torch.arange(grid, device=boxes.device, dtype=boxes.dtype)
    dx = (cells - centre[:, :1])[:, None, :]
    dy = (cells - centre[:, 1:])[:, :, None]
    radius = radius[:, None, None]
    sigma = (2 * radius + 1) / 6
    heat = torch.exp(-(dx**2 + dy**2) / (2 * sigma**2))
    inside = (dx.abs() <= radius) & (dy.abs() <= radius)
    visible = inside & (heat >= torch.finfo(heat.dtype).eps)
    return torch.where(visible, heat, 0.).unsqueeze(1)


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


@MODELS.register_module()
class ScoreLoss(nn.Module):
    """Binary cross-entropy of the score (MixFormerV2, arXiv 2305.15896, second training stage)."""

    def __init__(self, loss_weight: float = 1.) -> None:
        super().__init__()
        check_number('loss_weight', loss_weight, '[0, inf)')
        self.loss_weight = loss_weight

    def forward(self, prediction: Prediction, gt_boxes: Tensor,
                labels: Tensor | None = None) -> dict[str, Tensor]:
        """``loss_score``; arguments as of ``Head.loss``."""
        if labels is None:
            raise ValueError('ScoreLoss needs clips with labels, some of which do not show the '
                             'target; change the data set of the config')
        return dict(loss_score=self.loss_weight * F.binary_cross_entropy_with_logits(
            prediction.outputs['score_logits'], labels))
