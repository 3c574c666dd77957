"""The loss of a score head: whether a search frame shows the target."""
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from ..structures import Prediction


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
        logits = prediction.outputs.get('score_logits')
        if logits is None:
            raise ValueError('ScoreLoss trains a score head; set head.with_score=True')
        if labels is None:
            raise ValueError('ScoreLoss needs clips with labels, some of which do not show the '
                             'target; change the data set of the config')
        return dict(loss_score=self.loss_weight * F.binary_cross_entropy_with_logits(
            logits, labels))
