"""ODTrack's ViT (arXiv 2401.01686): OSTrack's with several templates and a query token."""
import torch
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ..layers import Tokens
from .one_stream_vit import OneStreamViT

ATTENTIONS = ('concat', 'separate')


@MODELS.register_module()
class ODTrackViT(OneStreamViT):
    """A query token, any number of templates and a search crop through one plain ViT.

    The templates have one position table and none for their order, which so does not matter. The
    query is what the frame before has handed on, added to a class token and its place.

    Args:
        attention: 'concat', every token sees every token, as all published weights were trained;
            or 'separate' (section 3.3): templates see templates, the search crop templates and
            itself, the query all.
        **kwargs: of :class:`OneStreamViT`.
    """
    sees = dict(template=('template', ), search=('template', 'search'))

    def __init__(self, attention: str = 'concat', elimination: dict | None = None,
                 block: dict | None = None, **kwargs) -> None:
        if attention not in ATTENTIONS:
            raise ValueError(f'attention={attention!r} is not one of {ATTENTIONS}')
        if attention == 'separate':
            if elimination:
                raise ValueError("elimination ranks by the attention of templates to the search "
                                 "crop, of which attention='separate' has none; leave out "
                                 "elimination, or set attention='concat'")
            block = dict(type='RestrictedBlock', sees=self.sees) | (block or {})
        super().__init__(elimination=elimination, block=block, **kwargs)
        self.groups = dict(query=(1, ), **self.groups)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))
        self.cls_pos_embed = nn.Parameter(torch.zeros(1, 1, self.embed_dims))
        for token in (self.cls_token, self.cls_pos_embed):
            nn.init.trunc_normal_(token, std=.02)

    def join(self, encoded: dict[str, Tensor], search: Tensor, memory: Tensor) -> Tokens:
        """Tokens before the first layer, from what :meth:`encode` gave, search crops
        (B, 3, Sx, Sx), normalised RGB, and the memory (B, 1, C) of the frame before."""
        templates, grid = encoded['template_tokens'], self.template_grid
        query = self.cls_token + memory + self.cls_pos_embed
        x = torch.cat([query, templates, self.patch_embed(search) + self.pos_embed_x], dim=1)
        # Not made a plain number, so that an exported graph takes any number of templates.
        count = templates.size(1) // grid**2
        groups = dict(self.groups, template=(count, grid, grid))
        return Tokens(x, groups, template_boxes=encoded.get('template_boxes'))
