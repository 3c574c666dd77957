"""SUTrack (arXiv 2412.19138), tracking in RGB without language."""
from dataclasses import replace

from mmtrack.registry import MODELS
from torch import Tensor

from ...runtime.network import NetworkInfo
from ..layers.tokens import Tokens, run_layers
from ..structures import Prediction
from .base import OneStreamTracker
from .sutrack_names import SUTrackNames


@MODELS.register_module()
class SUTrack(OneStreamTracker):
    """Templates with the target's box in each, and a search crop, through a ``FastITPN``.

    Arguments as of :class:`OneStreamTracker`. Boxes in crops are SUTrack's, see
    ``geometry.box_to_crop``, ``stretched``; the score that is reported, and that templates are
    updated by, is the one after the window.
    """
    names = SUTrackNames()
    template_policy = dict(type='RecentConfident', copies=2, interval=25, threshold=0.7)

    def forward_head(self, tokens: Tokens) -> Prediction:
        """With the task, which no step of tracking asks for."""
        finalized = self.backbone.finalize(tokens)
        outputs = self.head(finalized) | self.head.task_logits(finalized)
        return Prediction(outputs, self.init_memory(tokens.x), self.head.decode)

    def step(self, encoded: dict[str, Tensor], search: Tensor, memory: Tensor) -> Prediction:
        tokens = self.backbone.join(encoded, search)
        return super().forward_head(run_layers(self.backbone.layers, tokens))

    @property
    def info(self) -> NetworkInfo:
        return replace(super().info, stretched_boxes=True, score='windowed')
