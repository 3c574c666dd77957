"""The value that flows through a one-stream tracker."""
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Tokens:
    """Tokens of a batch, and which of them are which.

    Attributes:
        x: (B, N, C) token features.
        lengths: number of tokens of each group, in the order in which the groups stand in ``x``;
            OSTrack: ``{'template': Lz, 'search': Lx}``.
        kept: (B, Lx) positions, on the search grid, of the search tokens that are still present;
            None while none was eliminated.
        template_boxes: (B, 4) x, y, w, h of the target in pixels of the template crop, or None
            where nobody gave them; ``GT_BOX`` elimination asks for them.
    """
    x: Tensor
    lengths: dict[str, int]
    kept: Tensor | None = None
    template_boxes: Tensor | None = None

    def with_x(self, x: Tensor) -> 'Tokens':
        """The same tokens with other features (B, N, C')."""
        return replace(self, x=x)

    def span(self, group: str) -> slice:
        """Where ``group`` stands along the token axis."""
        start = 0
        for name, length in self.lengths.items():
            if name == group:
                return slice(start, start + length)
            start += length
        raise KeyError(f'no token group {group!r}; there are {list(self.lengths)}')

    def group(self, group: str) -> Tensor:
        """Features (B, L, C) of one group."""
        return self.x[:, self.span(group)]

    def scatter_search(self, full_length: int) -> Tensor:
        """Search features (B, full_length, C) on the whole grid, zeros where eliminated."""
        search = self.group('search')
        if self.kept is None:
            return search
        index = self.kept.unsqueeze(-1).expand_as(search)
        return search.new_zeros(search.size(0), full_length, search.size(2)).scatter(
            1, index, search)

    def search_present(self, full_length: int) -> Tensor:
        """(B, full_length) bool: which cells of the search grid still have their token."""
        present = torch.ones(
            self.x.size(0), full_length, dtype=torch.bool, device=self.x.device)
        if self.kept is None:
            return present
        return torch.zeros_like(present).scatter(1, self.kept, True)


def run_layers(layers: Iterable[nn.Module], tokens: Tokens) -> Tokens:
    """Tokens through layers, one after another."""
    for layer in layers:
        tokens = layer(tokens)
    return tokens


def resize_map(x: Tensor, length: int) -> Tensor:
    """Tokens (B, n², C) of a square map as those of another, (B, length, C); bilinear.

    Raises:
        ValueError: one of the two is not square.
    """
    old, new = math.isqrt(x.size(1)), math.isqrt(length)
    if old**2 != x.size(1) or new**2 != length:
        raise ValueError(f'{x.size(1)} tokens cannot be resized to {length}: both must be squares')
    x = x.transpose(1, 2).unflatten(2, (old, old))
    x = F.interpolate(x, size=(new, new), mode='bilinear', align_corners=False)
    return x.flatten(2).transpose(1, 2)
