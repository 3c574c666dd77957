"""OSTrack (arXiv 2203.11991)."""
from dataclasses import replace

from mmtrack.registry import MODELS
from torch import Tensor

from ..layers.tokens import Tokens, run_layers
from ..structures import Prediction
from .base import OneStreamTracker


@MODELS.register_module()
class OSTrack(OneStreamTracker):
    """One template for the whole video, and a search crop, through one ViT.

    Arguments as of :class:`OneStreamTracker`; VitTrack is one with a ``ConvStem``.
    """

    def embed(self, templates: Tensor, template_boxes: Tensor | None, search: Tensor,
              memory: Tensor) -> Tokens:
        tokens = self.backbone.join(self.encode(templates, template_boxes), search)
        # Also where only a teacher, whose stages may follow, ranks by the box.
        return replace(tokens, template_boxes=template_boxes)

    def step(self, encoded: dict[str, Tensor], search: Tensor, memory: Tensor) -> Prediction:
        tokens = self.backbone.join(encoded, search)
        return self.read_out(run_layers(self.backbone.layers, tokens))
