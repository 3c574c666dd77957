"""The one-stream ViT of OSTrack (arXiv 2203.11991)."""
import torch
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number, check_numbers
from ..layers import CEBlock, Tokens, centre_tokens
from ..layers.block import NORM_EPS
from ..layers.elimination import TEMPLATE_RANGES
from .vit import ViT, init_as_mae


@MODELS.register_module()
class OneStreamViT(ViT):
    """Template and search crop, embedded together, through one plain ViT.

    Args:
        embed_dims, depth, …: as of :class:`ViT`.
        elimination: candidate elimination (OSTrack, section 3.2) or None:
            ``layers`` (default 3, 6, 9), ``keep_ratio`` of each (default 0.7 each) and
            ``template_range`` ('CTR_POINT', 'CTR_REC', 'GT_BOX' or 'ALL').
        block: config of a layer; what it leaves out of ``embed_dims``, ``num_heads``,
            ``mlp_ratio``, ``norm_eps`` and ``drop_path`` is the backbone's.
        patch_embed: config of the embedding of crops, a ``PatchEmbed`` or a ``ConvStem``.
        norm_eps: epsilon of all LayerNorms.
    """
    tables = dict(pos_embed_z=('template', ), pos_embed_x=('search', ))

    def __init__(self, embed_dims: int = 768, depth: int = 12, num_heads: int = 12,
                 mlp_ratio: float = 4., template_size: int = 128, search_size: int = 256,
                 patch_size: int = 16, drop_path_rate: float = 0., elimination: dict | None = None,
                 block: dict | None = None, patch_embed: dict | None = None,
                 norm_eps: float = NORM_EPS, init_cfg: dict | None = None) -> None:
        super().__init__(embed_dims, depth, template_size, search_size, patch_size,
                         drop_path_rate, init_cfg)
        check_number('norm_eps', norm_eps, '(0, 1)')
        self.groups = dict(template=(1, self.template_grid, self.template_grid),
                           search=(self.search_grid, self.search_grid))
        self.patch_embed = MODELS.build({
            'type': 'PatchEmbed', 'embed_dims': embed_dims, 'patch_size': patch_size,
            **(patch_embed or {})})
        self.pos_embed_z = nn.Parameter(torch.zeros(1, self.template_grid**2, embed_dims))
        self.pos_embed_x = nn.Parameter(torch.zeros(1, self.search_grid**2, embed_dims))
        self.ranks_by_box = (elimination or {}).get('template_range') == 'GT_BOX'
        eliminating = self._eliminating_layers(elimination, depth)
        layer = dict(type='TransformerBlock', embed_dims=embed_dims, num_heads=num_heads,
                     mlp_ratio=mlp_ratio)
        if norm_eps != NORM_EPS:  # layers of one's own need not know it
            layer['norm_eps'] = norm_eps
        layer.update(block or {})
        if eliminating and layer['type'] != 'TransformerBlock':
            raise ValueError(f'elimination needs the attention maps of a TransformerBlock, a '
                             f'{layer["type"]} has none; leave out elimination or block')
        self.layers = nn.ModuleList(
            MODELS.build({'drop_path': rate, **layer, **eliminating.get(i, {})})
            for i, rate in enumerate(self.drop_path_rates(drop_path_rate, depth)))
        self.norm = nn.LayerNorm(embed_dims, eps=norm_eps)
        for table in (self.pos_embed_z, self.pos_embed_x):
            nn.init.trunc_normal_(table, std=.02)
        init_as_mae(self.layers)

    def _eliminating_layers(self, elimination: dict | None, depth: int) -> dict[int, dict]:
        """Extra arguments of eliminating layers, by their index."""
        if elimination is None:
            return {}
        if unknown := elimination.keys() - {'layers', 'keep_ratio', 'template_range'}:
            raise ValueError(f'elimination has {", ".join(sorted(unknown))}, which nothing reads; '
                             'expected layers, keep_ratio or template_range')
        layers = elimination.get('layers', (3, 6, 9))
        template_range = elimination.get('template_range', 'CTR_POINT')
        if template_range not in TEMPLATE_RANGES:
            raise ValueError(f'elimination.template_range={template_range!r} is not one of '
                             f'{TEMPLATE_RANGES}')
        check_numbers('elimination.layers', layers, f'[0, {depth})', whole=True)
        ratios = elimination.get('keep_ratio', (0.7, ) * len(layers))
        check_numbers('elimination.keep_ratio', ratios, '(0, 1]', len(layers))
        centre = None
        if template_range != 'GT_BOX':
            centre = centre_tokens(template_range, self.template_grid)
        return {layer: dict(type='CEBlock', keep_ratio=ratio, centre=centre,
                            template_size=self.template_size, patch_size=self.patch_size)
                for layer, ratio in zip(layers, ratios)}

    def schedule_elimination(self, ratio: float | None) -> None:
        """One keep ratio for all eliminating layers, or None for each layer's own."""
        for layer in self.layers:
            if isinstance(layer, CEBlock):
                layer.scheduled_ratio = ratio

    def encode(self, templates: Tensor, template_boxes: Tensor | None = None) -> dict[str, Tensor]:
        """``template_tokens`` (B, T·Lz, C), with ``template_boxes`` if ``GT_BOX`` elimination needs
        them; arguments as of ``OneStreamTracker.embed``."""
        tokens = self.patch_embed(templates.flatten(0, 1)) + self.pos_embed_z
        encoded = dict(template_tokens=tokens.reshape(templates.size(0), -1, self.embed_dims))
        if self.ranks_by_box and template_boxes is not None:
            encoded['template_boxes'] = template_boxes
        return encoded

    def join(self, encoded: dict[str, Tensor], search: Tensor, memory: Tensor | None = None
             ) -> Tokens:
        """Tokens before the first layer, from what :meth:`encode` gave and search crops
        (B, 3, Sx, Sx), normalised RGB."""
        tokens = encoded['template_tokens']
        grid = self.template_grid
        x = torch.cat([tokens, self.patch_embed(search) + self.pos_embed_x], dim=1)
        # A plain number also while a graph is traced.
        groups = dict(template=(int(tokens.size(1)) // grid**2, grid, grid),
                      search=self.groups['search'])
        return Tokens(x, groups, template_boxes=encoded.get('template_boxes'))
