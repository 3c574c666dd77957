"""A block in which some tokens see only some others (MixFormerV2, arXiv 2305.15896)."""
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor

from .block import Block
from .tokens import Tokens

# Keys and values (B, heads, N, C / heads).
Kept = tuple[Tensor, Tensor]


@MODELS.register_module()
class RestrictedBlock(Block):
    """A block whose attention follows a rule of token groups.

    What a group does not see it does not depend on. So template tokens that see only each other
    are the same in each frame, and their keys and values can be kept.

    Args:
        sees: {group: names of the groups that it attends to}; groups that are not named attend
            to all tokens.
    """

    def __init__(self, *args, sees: Mapping[str, Sequence[str]], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.sees = {group: tuple(seen) for group, seen in sees.items()}

    def forward(self, tokens: Tokens, kept: Kept | None = None) -> Tokens:
        return self.attend(tokens, kept)[0]

    def attend(self, tokens: Tokens, kept: Kept | None = None) -> tuple[Tokens, Kept]:
        """The tokens behind this block, and their keys and values in it.

        Args:
            tokens: of all groups, or of those that do not have their keys and values in ``kept``.
            kept: keys and values of earlier tokens, which groups without a rule see, too.
        """
        x = tokens.x
        query, key, value = self.attn.project(self.norm1(x))
        own = key, value
        if kept is not None:
            key, value = (torch.cat(pair, dim=2) for pair in zip(kept, own))
        found = []
        for span, seen in self._spans(tokens):
            keys, values = (key, value) if seen is None else (
                torch.cat([part[:, :, where] for where in seen], dim=2) for part in own)
            found.append(F.scaled_dot_product_attention(query[:, :, span], keys, values))
        x = x + self.drop_path(self.attn.merge(torch.cat(found, dim=2)))
        return tokens.with_x(self.feed_forward(x)), own

    def _spans(self, tokens: Tokens) -> list[tuple[slice, list[slice] | None]]:
        """Where the queries stand that see alike, and where what they see; None for all."""
        spans = []
        for group in tokens.groups:
            span, seen = tokens.span(group), self.sees.get(group)
            if spans and spans[-1][1] == seen:
                span = slice(spans.pop()[0].start, span.stop)
            spans.append((span, seen))
        return [(span, seen and [tokens.span(name) for name in seen]) for span, seen in spans]
