"""ODTrack (arXiv 2401.01686)."""
from dataclasses import replace

from mmtrack.registry import MODELS

from ..layers.tokens import Tokens
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
    score = 'highest'

    def forward_head(self, tokens: Tokens) -> Prediction:
        tokens = self.backbone.finalize(tokens)
        outputs = self.head(weighted_by_query(tokens))
        return Prediction(outputs, tokens.group('query').detach(), self.head.decode)


def weighted_by_query(tokens: Tokens) -> Tokens:
    """The search tokens, each times its inner product with the query of the same frame, without
    scale or activation, and with gradient through both (section 3.4)."""
    search = tokens.group('search')
    weight = (search * tokens.group('query')).sum(dim=-1, keepdim=True)
    return replace(tokens, x=search * weight, groups=dict(search=tokens.groups['search']))
