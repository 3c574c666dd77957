"""ODTrack (arXiv 2401.01686), and the names of its weights: of released files (no student was
released), and of the masked auto-encoder that training starts from."""
from dataclasses import replace

import torch
from mmtrack.registry import MODELS

from ...checkpoint.names import State
from ..layers.tokens import Tokens
from ..structures import Prediction
from .base import OneStreamTracker
from .ostrack import CENTER, CLASSIFIER, OSTrackNames, released

PLAIN = released('blocks', CENTER)
QUERY = {name: name for name in ('backbone.cls_token', 'backbone.cls_pos_embed')}


class ODTrackNames(OSTrackNames):
    """OSTrack's, and the query's."""
    own_sign = 'backbone.cls_pos_embed'
    released = (PLAIN._replace(
        sign=own_sign, student=None, rules=PLAIN.rules | QUERY,
        ignored={'backbone.pos_embed': CLASSIFIER}), )
    pretrained = OSTrackNames.pretrained._replace(needs=('pos_embed', 'cls_token'))

    def unused(self, width: int) -> State:
        return {'backbone.pos_embed': torch.zeros(1, 197, width)}

    def from_pretrained(self, state: State, source: str, crops: tuple[int, int]) -> State:
        """OSTrack's, and the class token and its place, which become the query's."""
        return super().from_pretrained(state, source, crops) | {
            'backbone.cls_token': state['cls_token'],
            'backbone.cls_pos_embed': state['pos_embed'][:, :1].clone()}


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
