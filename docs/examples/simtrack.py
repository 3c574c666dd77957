"""A sixth tracker beside mmct's: SimTrack's foveal window (arXiv 2203.05328, section 3.3).

SimTrack is a plain ViT over a template and a search crop, like OSTrack. It cuts the middle of the
template into patches a second time, shifted by half a patch, because the borders of the first cut
may run through important parts of the target. So its backbone has one more group of tokens, and
everything else is OSTrack's. Here the ViT has OSTrack's two position tables, and one for the
window.
"""
import torch
from mmtrack.registry import MODELS
from torch import Tensor, nn

from mmct.models.backbones import OneStreamViT, StageDivision
from mmct.models.layers import Tokens
from mmct.models.trackers import OSTrack

AROUND = 3  # patches of a side that are not in the window, 1.5 at each end


@MODELS.register_module()
class FovealViT(OneStreamViT):
    """Template, the middle of it once more, and search crop through one plain ViT.

    Arguments as of :class:`OneStreamViT`; the template has at least 4×4 patches.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        grid = self.template_grid
        window = grid - AROUND
        if window < 1:
            raise ValueError(f'template_size={self.template_size} is too small for a foveal '
                             f'window; it needs at least {AROUND + 1} patches of '
                             f'{self.patch_size} pixels')
        self.groups = dict(template=(1, grid, grid), fovea=(window, window),
                           search=self.groups['search'])
        self.pos_embed_f = nn.Parameter(torch.zeros(1, window**2, self.embed_dims))
        nn.init.trunc_normal_(self.pos_embed_f, std=.02)

    def encode(self, templates: Tensor, template_boxes: Tensor | None = None) -> dict[str, Tensor]:
        """(B, 1, 3, Sz, Sz) -> ``template_tokens`` (B, Lz + Lf, C)."""
        whole = super().encode(templates)['template_tokens']
        start = AROUND * self.patch_size // 2
        middle = templates[:, 0, :, start:-start, start:-start]
        fovea = self.patch_embed(middle) + self.pos_embed_f
        return dict(template_tokens=torch.cat([whole, fovea], dim=1))

    def join(self, encoded: dict[str, Tensor], search: Tensor, memory: Tensor | None = None
             ) -> Tokens:
        """Tokens before the first layer, in the order of ``groups``."""
        found = self.patch_embed(search) + self.pos_embed_x
        return Tokens(torch.cat([encoded['template_tokens'], found], dim=1), self.groups)


@MODELS.register_module()
class StageDividedFovealViT(StageDivision, FovealViT):
    """A student of a :class:`FovealViT`."""


@MODELS.register_module()
class SimTrack(OSTrack):
    """Arguments as of :class:`OSTrack`, with a :class:`FovealViT`; SimTrack's head is a
    ``CornerHead``."""
