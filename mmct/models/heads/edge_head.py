"""MixFormerV2's head (arXiv 2305.15896): a distribution for each edge of the box."""
import torch
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from ..layers.tokens import Tokens
from .base import Head, at_least_float32


@MODELS.register_module()
class EdgeHead(Head):
    """The box between the expected places of its four edges (MixFormerV2, section 3.1).

    Args:
        in_channels: C of the backbone.
        bins: n, places of an edge on the search crop; need not divide its size.
        with_score: with a head for the score, which is trained after all else; without it the
            score is 1.
        loss: config of the loss, of the box if None, or a ``ScoreLoss``.
    """
    kind = 'edge'

    def __init__(self, in_channels: int = 768, bins: int = 96, with_score: bool = True,
                 loss: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(in_channels, loss or dict(type='TrackLoss', iou='ciou'), init_cfg)
        check_number('bins', bins, '[2, 16384]', whole=True)
        self.box_head = nn.Sequential(
            nn.Linear(in_channels, in_channels), nn.LayerNorm(in_channels), nn.ReLU(),
            nn.Linear(in_channels, bins), nn.LayerNorm(bins))
        self.score_head = nn.Sequential(
            nn.Linear(in_channels, in_channels), nn.ReLU(), nn.Linear(in_channels, 1)
        ) if with_score else None

    def forward(self, tokens: Tokens) -> dict[str, Tensor]:
        """Of the prediction group of finalized tokens: left, right, top, bottom.

        Returns:
            ``box`` (B, 4) cx, cy, w, h in [0, 1] of the search crop, negative sizes if edges
            are the wrong way round; ``score`` (B,) in (0, 1), 1 without a score head;
            ``edges`` (B, 4, n) the distributions and ``edge_logits`` what they are made of;
            ``score_logits`` (B,) with a score head. In float32 also under autocast.
        """
        prediction = tokens.group('prediction')
        logits = at_least_float32(self.box_head(prediction))
        edges = logits.softmax(dim=-1)
        places = torch.arange(logits.size(-1), device=logits.device, dtype=logits.dtype)
        left, right, top, bottom = (edges * (places / logits.size(-1))).sum(dim=-1).unbind(dim=1)
        box = torch.stack(
            [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], dim=1)
        outputs = dict(box=box, edges=edges, edge_logits=logits)
        if self.score_head is None:
            return dict(outputs, score=torch.ones_like(left))
        score = at_least_float32(self.score_head(prediction)).mean(dim=(1, 2))
        return dict(outputs, score=score.sigmoid(), score_logits=score)
