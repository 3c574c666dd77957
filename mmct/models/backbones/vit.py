"""What the ViTs of all one-stream trackers have in common."""
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...utils.checks import check_number
from ..layers import Tokens, resize_grid


class ViT(BaseModule):
    """A ViT that takes templates and a search crop; its ``norm`` is the last LayerNorm.

    A *stageable* backbone, see ``docs/add_teacher.md``: crops to tokens, then each of ``layers``,
    then ``finalize``.

    Args:
        embed_dims: C.
        depth: number of layers.
        num_heads: attention heads of a layer.
        mlp_ratio: hidden width of a layer's MLP over C.
        template_size, search_size: sides of the crops in pixels, multiples of ``patch_size``.
        patch_size: side of a token in pixels.
        drop_path_rate: stochastic depth of the last layer, growing linearly from 0.

    Attributes:
        groups: the grid of each token group, in their order.
        template_grid, search_grid: tokens a side of the crops.
        tables: position tables by name, with the crops whose tokens they are for.
    """
    tables: dict[str, tuple[str, ...]] = {}

    def __init__(self, embed_dims: int, depth: int, template_size: int, search_size: int,
                 patch_size: int, drop_path_rate: float, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        check_number('depth', depth, '[1, 1000]', whole=True)
        check_number('embed_dims', embed_dims, '[1, 16384]', whole=True)
        check_number('patch_size', patch_size, '[1, 4096]', whole=True)
        check_number('drop_path_rate', drop_path_rate, '[0, 1)')
        for name, size in (('template_size', template_size), ('search_size', search_size)):
            check_number(name, size, '(-inf, 4096]', whole=True)
            if size <= 0 or size % patch_size:
                raise ValueError(f'{name}={size} is not a positive multiple of the patch size '
                                 f'{patch_size}; change {name} in the config')
        self.embed_dims, self.patch_size = embed_dims, patch_size
        self.template_size, self.search_size = template_size, search_size
        self.template_grid = template_size // patch_size
        self.search_grid = search_size // patch_size

    def drop_path_rates(self, rate: float, depth: int) -> Sequence[float]:
        """Of each layer, growing linearly from 0 to ``rate``."""
        # On the CPU also if a network is built on the device 'meta', to be counted.
        return torch.linspace(0, rate, depth, device='cpu').tolist()

    def embed_templates(self, templates: Tensor, template_boxes: Tensor | None
                        ) -> dict[str, Tensor]:
        """What :meth:`join` takes of templates if all tokens are to pass all layers."""
        return self.encode(templates, template_boxes)

    def resize_parameter(self, name: str, value: Tensor, other: 'ViT', middle: bool = False
                         ) -> Tensor | None:
        """A position table (1, L, C) of another ViT for the crops of this one, None of anything
        else; see ``copy_what_fits`` and, for ``middle``, ``Connector``."""
        if name not in self.tables or value.size(2) != self.embed_dims:
            return None
        theirs, own = ([getattr(vit, f'{crop}_grid') for crop in self.tables[name]]
                       for vit in (other, self))
        parts = value.split([n * n for n in theirs], dim=1)
        return torch.cat([resize_grid(part, (n, n), (m, m), middle)
                          for part, n, m in zip(parts, theirs, own)], dim=1)

    def finalize(self, tokens: Tokens) -> Tokens:
        """Tokens behind the last LayerNorm."""
        return tokens.with_x(self.norm(tokens.x))


def init_as_mae(layers: nn.Module) -> None:
    """First weights as of MAE, whose weights the published trackers start from; they suit narrow
    layers, too."""
    for module in layers.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
