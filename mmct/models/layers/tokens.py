"""The value that flows through a one-stream tracker."""
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Grid = tuple[int, ...]


@dataclass(frozen=True)
class Tokens:
    """Tokens of a batch, and which of them are which.

    Attributes:
        x: (B, N, C) token features.
        groups: grid of each group, in the order in which the groups stand in ``x``; OSTrack:
            ``{'template': (1, 8, 8), 'search': (16, 16)}``. A group has as many tokens as its
            grid has cells, the search group fewer after elimination.
        kept: (B, Lx) positions, on the search grid, of the search tokens that are still present;
            None while none was eliminated.
        template_boxes: (B, T, 4) x, y, w, h of the target in pixels of the template crops, or
            None if nobody gave them; ``GT_BOX`` elimination asks for them.
        cache: keys and values (B, heads, N, C / heads) of tokens that are not in ``x``, for each
            layer still to come, see ``RestrictedBlock``.
    """
    x: Tensor
    groups: dict[str, Grid]
    kept: Tensor | None = None
    template_boxes: Tensor | None = None
    cache: tuple[tuple[Tensor, Tensor], ...] = ()

    def with_x(self, x: Tensor) -> 'Tokens':
        """The same tokens with other features (B, N, C')."""
        return replace(self, x=x)

    def length(self, group: str) -> int:
        """Number of tokens of a group."""
        if group == 'search' and self.kept is not None:
            return int(self.kept.size(1))  # a plain number also while a graph is traced
        return math.prod(self.groups[group])

    def span(self, group: str) -> slice:
        """Where ``group`` stands along the token axis."""
        start = 0
        for name in self.groups:
            length = self.length(name)
            if name == group:
                return slice(start, start + length)
            start += length
        raise KeyError(f'no token group {group!r}; there are {list(self.groups)}')

    def group(self, group: str) -> Tensor:
        """Features (B, L, C) of one group."""
        return self.x[:, self.span(group)]

    def whole_search(self) -> Tensor:
        """Search features (B, n², C) on the whole grid, zeros for those eliminated."""
        search = self.group('search')
        if self.kept is None:
            return search
        whole = search.new_zeros(search.size(0), math.prod(self.groups['search']), search.size(2))
        return whole.scatter(1, self.kept.unsqueeze(-1).expand_as(search), search)

    def search_present(self) -> Tensor:
        """(B, n²) bool: which cells of the search grid still have their token."""
        size = self.x.size(0), math.prod(self.groups['search'])
        if self.kept is None:
            return self.x.new_ones(size, dtype=torch.bool)
        return self.x.new_zeros(size, dtype=torch.bool).scatter(1, self.kept, True)

    def search_map(self) -> Tensor:
        """The search group as a map (B, C, n, n)."""
        # Contiguous, because batch statistics of a channels-last map sum up less exactly.
        search = self.whole_search().transpose(1, 2).contiguous()
        return search.view(-1, search.size(1), *self.groups['search'])


def run_layers(layers: Iterable[nn.Module], tokens: Tokens) -> Tokens:
    """Tokens through layers, one after another."""
    for layer in layers:
        tokens = layer(tokens)
    return tokens


def resize_grid(x: Tensor, old: Grid, new: Grid, middle: bool = False) -> Tensor:
    """Tokens (B, …·n·m, C) of maps of the grid ``old`` = (…, n, m) as those of the grid ``new``,
    which differs in its last two sizes; bilinear, or the ``middle`` of larger maps."""
    maps = x.transpose(1, 2).reshape(x.size(0), -1, *old[-2:])
    if middle:
        maps = middle_of(maps, *new[-2:])
    else:
        maps = F.interpolate(maps, size=new[-2:], mode='bilinear', align_corners=False)
    return maps.reshape(x.size(0), x.size(2), -1).transpose(1, 2)


def middle_of(maps: Tensor, height: int, width: int) -> Tensor:
    """The middle (…, height, width) of maps (…, H, W)."""
    top, left = (maps.size(-2) - height) // 2, (maps.size(-1) - width) // 2
    return maps[..., top:top + height, left:left + width]
