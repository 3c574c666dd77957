"""SUTrack's backbone (arXiv 2412.19138): Fast-iTPN over search crop, templates and a text token."""
from collections.abc import Sequence

import torch
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number, check_numbers
from ..layers import Tokens
from ..layers.block import NORM_EPS
from ..layers.fast_itpn import ConvMlpBlock, PairedPatchEmbed, PatchMerging
from .vit import ViT, init_as_mae

PATCH_SIZE = 16  # 4 of the first convolution, 2 of each merge


@MODELS.register_module()
class FastITPN(ViT):
    """A search crop and templates through convolutional stages, each by itself, then together
    through attention layers, with a class token in front and a text token behind.

    The text token comes from a constant feature: SUTrack tracks without language by encoding an
    empty text, see ``trackers/sutrack.py``. Drop path grows through blocks and layers.

    Args:
        embed_dims, depth, …: as of :class:`ViT`; C is a multiple of 4.
        coarse_depths: number of convolutional blocks at strides 4 and 8.
        coarse_mlp_ratio: hidden width of theirs over their channels, C/4 and C/2.
        text_dims: length of the text feature.

    Attributes:
        groups: of one template; there may be more.
    """
    tables = dict(pos_embed=('search', 'template'))

    def __init__(self, embed_dims: int = 512, depth: int = 24, num_heads: int = 8,
                 mlp_ratio: float = 3., coarse_depths: Sequence[int] = (3, 3),
                 coarse_mlp_ratio: float = 3., text_dims: int = 768, template_size: int = 112,
                 search_size: int = 224, drop_path_rate: float = 0.,
                 init_cfg: dict | None = None) -> None:
        super().__init__(embed_dims, depth, template_size, search_size, PATCH_SIZE,
                         drop_path_rate, init_cfg)
        if embed_dims % 4:
            raise ValueError(f'embed_dims={embed_dims} of a FastITPN must be a multiple of 4')
        check_numbers('coarse_depths', coarse_depths, '[0, 1000]', 2, whole=True)
        check_number('coarse_mlp_ratio', coarse_mlp_ratio, f'[{4 / embed_dims}, 64]')
        check_number('text_dims', text_dims, '[1, 16384]', whole=True)
        self.groups = self.groups_of(1)
        self.coarse_depths = tuple(coarse_depths)
        rates = self.drop_path_rates(drop_path_rate, depth)
        self.patch_embed = PairedPatchEmbed(embed_dims // 4)
        self.coarse = nn.Sequential()
        # The rates grow along one line: from 0 to the first attention layer's.
        count = sum(coarse_depths)
        before = iter(torch.linspace(0, rates[0], count + 1, device='cpu').tolist())
        for blocks, dims in zip(coarse_depths, (embed_dims // 4, embed_dims // 2)):
            for _ in range(blocks):
                self.coarse.append(ConvMlpBlock(dims, coarse_mlp_ratio, next(before)))
            self.coarse.append(PatchMerging(dims))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dims))
        self.pos_embed = nn.Parameter(
            torch.zeros(1, self.search_grid**2 + self.template_grid**2, embed_dims))
        self.search_token, self.foreground_token, self.background_token = (
            nn.Parameter(torch.zeros(embed_dims)) for _ in range(3))
        self.text = TextToken(text_dims, embed_dims)
        self.layers = nn.ModuleList(
            MODELS.build(dict(type='SwiGLUBlock', embed_dims=embed_dims, num_heads=num_heads,
                              mlp_ratio=mlp_ratio, drop_path=rate)) for rate in rates)
        self.norm = nn.LayerNorm(embed_dims, eps=NORM_EPS)
        for parameter in (self.cls_token, self.pos_embed, self.search_token,
                          self.foreground_token, self.background_token):
            nn.init.trunc_normal_(parameter, std=.02)
        init_as_mae(self.layers)

    def drop_path_rates(self, rate: float, depth: int) -> Sequence[float]:
        """Of each attention layer, behind those of the blocks."""
        count = sum(self.coarse_depths)
        return super().drop_path_rates(rate, count + depth)[count:]

    def groups_of(self, templates: int) -> dict[str, tuple[int, ...]]:
        """Groups of tokens with so many templates, with their grids."""
        search, template = self.search_grid, self.template_grid
        return dict(cls=(1, ), search=(search, search), template=(templates, template, template),
                    text=(1, ))

    def encode(self, templates: Tensor, template_boxes: Tensor) -> dict[str, Tensor]:
        """``template_tokens`` (B, T·Lz, C); arguments as of ``OneStreamTracker.embed``, boxes
        stretched as SUTrack's are (``geometry.box_to_crop``)."""
        batch, count = templates.shape[:2]
        tokens = self._coarse_tokens(templates.flatten(0, 1))
        tokens = (tokens + self.pos_embed[:, self.search_grid**2:]).unflatten(0, (batch, count))
        inside = box_cover(template_boxes, self.template_size)[..., None]
        tokens = tokens + (
            inside * self.foreground_token + (1 - inside) * self.background_token)
        return dict(template_tokens=tokens.flatten(1, 2))

    def join(self, encoded: dict[str, Tensor], search: Tensor, memory: Tensor | None = None
             ) -> Tokens:
        """Tokens before the first layer, from what :meth:`encode` gave and search crops
        (B, 3, Sx, Sx), normalised RGB."""
        templates = encoded['template_tokens']
        found = self._coarse_tokens(search) + self.pos_embed[:, :self.search_grid**2]
        ends = [token.expand(search.size(0), -1, -1) for token in (self.cls_token, self.text())]
        x = torch.cat([ends[0], found + self.search_token, templates, ends[1]], dim=1)
        # A plain number also while a graph is traced.
        return Tokens(x, self.groups_of(int(templates.size(1)) // self.template_grid**2))

    def _coarse_tokens(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) normalised RGB -> (N, (S/16)², C), row-major."""
        return self.coarse(self.patch_embed(images)).flatten(2).transpose(1, 2)


class TextToken(nn.Module):
    """A token from the constant feature of an empty text, zero until weights are loaded."""

    def __init__(self, text_dims: int, embed_dims: int) -> None:
        super().__init__()
        self.register_buffer('feature', torch.zeros(text_dims))
        self.proj = ConstantLinear(text_dims, embed_dims)

    def forward(self) -> Tensor:
        """(1, 1, C)."""
        return self.proj(self.feature)[None, None]


class ConstantLinear(nn.Linear):
    """A linear layer of one constant, (F,) -> (C,)."""

    def forward(self, x: Tensor) -> Tensor:
        # Written out: quantization takes a product of two constants for a layer, and fails.
        return (self.weight * x).sum(dim=1) + self.bias


def box_cover(boxes: Tensor, size: int, patch_size: int = PATCH_SIZE) -> Tensor:
    """Share of each patch's pixels inside a box, (…, (S/P)²) in [0, 1], row-major.

    Args:
        boxes: (…, 4) x, y, w, h in pixels; may stick out. A pixel is inside if its place, counted
            from 0, is.
        size: S, side of the crop in pixels.
        patch_size: P.
    """
    places = torch.arange(size, device=boxes.device)
    start, extent = boxes[..., None].unflatten(-2, (2, 2)).unbind(-3)
    inside = (places >= start) & (places < start + extent)
    columns, rows = inside.to(boxes.dtype).unflatten(-1, (-1, patch_size)).mean(-1).unbind(-2)
    return (rows[..., :, None] * columns[..., None, :]).flatten(-2)
