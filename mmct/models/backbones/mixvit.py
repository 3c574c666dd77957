"""MixFormerV2's ViT (arXiv 2305.15896): prediction tokens beside templates and search crop."""
import torch
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ..layers import Tokens
from .vit import ViT, init_as_mae

EDGES = ('left', 'right', 'top', 'bottom')


@MODELS.register_module()
class MixViT(ViT):
    """Templates, a search crop and a prediction token for each edge of the box, through one ViT.

    Template tokens attend to template tokens only, all others to all (section 3.1). There are
    therefore two forms, equal within rounding: :meth:`join` what :meth:`embed_templates` gives, so
    that all tokens pass the layers; or what :meth:`encode` gives, which runs the layers once for
    the templates and caches their keys and values.

    The position tables are sines. They are never trained, but loaded from files.

    Args:
        embed_dims, depth, …: as of :class:`ViT`; C is a multiple of 4.

    Attributes:
        groups: of a training clip, which has two templates; more may come at test.
    """
    sees = dict(template=('template', ))
    tables = dict(pos_embed_t=('template', ), pos_embed_s=('search', ))

    def __init__(self, embed_dims: int = 768, depth: int = 8, num_heads: int = 12,
                 mlp_ratio: float = 4., template_size: int = 128, search_size: int = 288,
                 patch_size: int = 16, drop_path_rate: float = 0.,
                 init_cfg: dict | None = None) -> None:
        super().__init__(embed_dims, depth, template_size, search_size, patch_size,
                         drop_path_rate, init_cfg)
        if embed_dims % 4:
            raise ValueError(f'embed_dims={embed_dims} of a MixViT must be a multiple of 4')
        self.groups = self.groups_of(2)
        self.patch_embed = MODELS.build(
            dict(type='PatchEmbed', embed_dims=embed_dims, patch_size=patch_size))
        self.pos_embed_t, self.pos_embed_s = (
            nn.Parameter(sine_table(grid, embed_dims)[None], requires_grad=False)
            for grid in (self.template_grid, self.search_grid))
        self.reg_tokens = nn.Parameter(torch.zeros(1, len(EDGES), embed_dims))
        self.pos_embed_reg = nn.Parameter(torch.zeros(1, len(EDGES), embed_dims))
        self.layers = nn.ModuleList(
            MODELS.build(dict(type='RestrictedBlock', embed_dims=embed_dims, num_heads=num_heads,
                              mlp_ratio=mlp_ratio, drop_path=rate, sees=self.sees))
            for rate in self.drop_path_rates(drop_path_rate, depth))
        nn.init.trunc_normal_(self.reg_tokens, std=.02)
        init_as_mae(self.layers)

    def groups_of(self, templates: int) -> dict[str, tuple[int, ...]]:
        """Groups of tokens with so many templates, with their grids; none of 0 templates."""
        template = dict(template=(templates, self.template_grid, self.template_grid))
        return {**(template if templates else {}),
                'search': (self.search_grid, self.search_grid), 'prediction': (len(EDGES), )}

    def resize_parameter(self, name: str, value: Tensor, other: ViT, middle: bool = False
                         ) -> Tensor | None:
        """The middle of a table. For crops of another resolution, sines of their own are right."""
        return super().resize_parameter(name, value, other, middle) if middle else None

    def embed_templates(self, templates: Tensor, template_boxes: Tensor | None = None
                        ) -> dict[str, Tensor]:
        """``template_tokens`` (B, T·Lz, C) before the first layer; arguments as of
        ``OneStreamTracker.embed``, the first template and then online ones."""
        if templates.size(1) < 2:
            raise ValueError('a MixViT takes two templates or more, the first and online ones, got '
                             "1; in training set sampling=dict(type='mixformer') of the data set")
        tokens = self.patch_embed(templates.flatten(0, 1)) + self.pos_embed_t
        return dict(template_tokens=tokens.reshape(templates.size(0), -1, self.embed_dims))

    def encode(self, templates: Tensor, template_boxes: Tensor | None = None) -> dict[str, Tensor]:
        """``keys`` and ``values`` (B, L, heads, T·Lz, C / heads) in each of the L layers;
        arguments as of :meth:`embed_templates`."""
        groups = dict(template=self.groups_of(templates.size(1))['template'])
        tokens, cache = Tokens(self.embed_templates(templates)['template_tokens'], groups), []
        for layer in self.layers:
            tokens, keys_values = layer.attend(tokens)
            cache.append(keys_values)
        keys, values = (torch.stack(parts, dim=1) for parts in zip(*cache))
        return dict(keys=keys, values=values)

    def join(self, encoded: dict[str, Tensor], search: Tensor, memory: Tensor | None = None
             ) -> Tokens:
        """Tokens before the first layer, of search crops (B, 3, Sx, Sx), normalised RGB, and the
        templates, or with the cache of these."""
        prediction = (self.reg_tokens + self.pos_embed_reg).expand(search.size(0), -1, -1)
        x = torch.cat([self.patch_embed(search) + self.pos_embed_s, prediction], dim=1)
        if 'keys' in encoded:
            cache = zip(encoded['keys'].unbind(1), encoded['values'].unbind(1))
            return Tokens(x, self.groups_of(0), cache=tuple(cache))
        templates = encoded['template_tokens']
        return Tokens(torch.cat([templates, x], dim=1),
                      self.groups_of(int(templates.size(1)) // self.template_grid**2))

    def finalize(self, tokens: Tokens) -> Tokens:
        """The same; there is no last norm."""
        return tokens


def sine_table(grid: int, dims: int) -> Tensor:
    """(grid², dims) places on a map, row-major (MAE, arXiv 2111.06377).

    The first half of the channels encodes the column, the second the row; in each, sines and then
    cosines, of wavelengths from 2π cells to almost 20 000π.
    """
    # In float64 as published: the largest angles are many radians.
    places = torch.arange(grid, dtype=torch.float64)
    rates = 10000**(-torch.arange(dims // 4, dtype=torch.float64) / (dims // 4))
    angles = places[:, None] * rates
    waves = torch.cat([angles.sin(), angles.cos()], dim=1).float()
    columns, rows = waves[None, :].expand(grid, -1, -1), waves[:, None].expand(-1, grid, -1)
    return torch.cat([columns, rows], dim=2).flatten(0, 1)
