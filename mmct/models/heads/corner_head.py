"""The corner head of OSTrack's family."""
import torch
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from mmtrack.models import CornerPredictorHead
from mmtrack.registry import MODELS
from torch import Tensor

from ...utils.checks import check_number
from ..layers.tokens import Tokens
from .base import Head, at_least_float32


@MODELS.register_module()
class CornerHead(Head):
    """The box between the expected positions of two corners (STARK, section 3.1).

    Args:
        in_channels: C of the backbone.
        channels: width of the first conv of each branch.
        loss: config of the tracking loss; its focal term is never used.
    """
    kind = 'corner'

    def __init__(self, in_channels: int = 768, channels: int = 256, loss: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(in_channels, loss or dict(type='TrackLoss'), init_cfg)
        check_number('channels', channels, '[8, 16384]', whole=True)
        self.predictor = CornerPredictorHead(in_channels, channels)

    def forward(self, tokens: Tokens) -> dict[str, Tensor]:
        """Of the search group of finalized tokens, in float32 also under autocast.

        Returns:
            ``box`` (B, 4) cx, cy, w, h in [0, 1] of the search crop, and as ``score`` (B,) the
            mean probability of the two best cells. A window has no meaning for corners.
        """
        corners = [at_least_float32(logits)
                   for logits in self.predictor.get_score_map(tokens.search_map())]
        peaks = [logits.flatten(1).softmax(dim=1).amax(dim=1) for logits in corners]
        box = bbox_xyxy_to_cxcywh(torch.cat([expected_cell(logits) for logits in corners], dim=1))
        return dict(box=box, score=(peaks[0] + peaks[1]) / 2)


def expected_cell(logits: Tensor) -> Tensor:
    """(B, 1, n, n) logits -> (B, 2) expected x, y in [0, 1): cell index / n, no half cell."""
    grid = logits.size(-1)
    prob = logits.flatten(1).softmax(dim=1).unflatten(1, (grid, grid))
    cells = torch.arange(grid, device=prob.device, dtype=prob.dtype) / grid
    with torch.autocast(prob.device.type, enabled=False):
        return torch.stack([prob.sum(dim=1) @ cells, prob.sum(dim=2) @ cells], dim=1)
