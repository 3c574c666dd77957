"""ODTrack (arXiv 2401.01686)."""
from dataclasses import replace

from mmtrack.registry import MODELS
from torch import Tensor

from ...runtime.network import NetworkInfo
from ..layers.tokens import Tokens, run_layers
from ..structures import Prediction
from .base import OneStreamTracker
from .odtrack_names import ODTrackNames


@MODELS.register_module()
class ODTrack(OneStreamTracker):
    """The first template, some from all over the past, and what the last frame has handed on,
    through an ``ODTrackViT``.

    Arguments as of :class:`OneStreamTracker`. The memory is the query token behind the last norm.
    """
    names = ODTrackNames()
    memory_tokens = 1
    template_policy = dict(type='SpreadHistory', count=3)

    @property
    def info(self) -> NetworkInfo:
        return replace(super().info, score='highest')

    def embed(self, templates: Tensor, template_boxes: Tensor | None, search: Tensor,
              memory: Tensor) -> Tokens:
        tokens = self.backbone.join(self.encode(templates, template_boxes), search, memory)
        # Also where only a teacher, whose stages may follow, ranks by the box.
        return replace(tokens, template_boxes=template_boxes)

    def forward_head(self, tokens: Tokens) -> Prediction:
        tokens = self.backbone.finalize(tokens)
        outputs = self.head(weighted_by_query(tokens))
        return Prediction(outputs, tokens.group('query').detach(), self.head.decode)

    def step(self, encoded: dict[str, Tensor], search: Tensor, memory: Tensor) -> Prediction:
        tokens = self.backbone.join(encoded, search, memory)
        return self.forward_head(run_layers(self.backbone.layers, tokens))


def weighted_by_query(tokens: Tokens) -> Tokens:
    """The search tokens, each times its inner product with the query of the same frame, without
    scale or activation, and with gradient through both (section 3.4)."""
    search = tokens.group('search')
    weight = (search * tokens.group('query')).sum(dim=-1, keepdim=True)
    return replace(tokens, x=search * weight, groups=dict(search=tokens.groups['search']))
