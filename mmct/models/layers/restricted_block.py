"""A block in which some tokens see only some others (MixFormerV2, arXiv 2305.15896)."""
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor

from .block import Block
from .tokens import Tokens

KeyValues = tuple[Tensor, Tensor]  # (B, heads, N, C / heads) each


@MODELS.register_module()
class RestrictedBlock(Block):
    """A block whose attention follows a rule of token groups.

    What a group does not see it does not depend on. So template tokens that see only each other
    are the same in each frame, and their keys and values can be cached.

    Args:
        sees: {group: names of the groups that it attends to}; groups that are not named attend
            to all tokens.
    """

    def __init__(self, *args, sees: Mapping[str, Sequence[str]], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.sees = {group: tuple(seen) for group, seen in sees.items()}

    def forward(self, tokens: Tokens) -> Tokens:
        return self.attend(tokens)[0]

    def attend(self, tokens: Tokens) -> tuple[Tokens, KeyValues]:
        """The tokens behind this block, and their keys and values in it. Groups without a rule
        also see those that are cached, in front of the others."""
        x = tokens.x
        query, key, value = self.attn.project(self.norm1(x))
        keys_values = key, value
        if tokens.cache:
            key, value = (torch.cat(pair, dim=2) for pair in zip(tokens.cache[0], keys_values))
        found = []
        for span, seen in self._spans(tokens):
            keys, values = (key, value) if seen is None else (
                torch.cat([part[:, :, place] for place in seen], dim=2) for part in keys_values)
            found.append(F.scaled_dot_product_attention(query[:, :, span], keys, values))
        x = x + self.drop_path(self.attn.merge(torch.cat(found, dim=2)))
        return replace(tokens, x=self.feed_forward(x), cache=tokens.cache[1:]), keys_values

    def _spans(self, tokens: Tokens) -> list[tuple[slice, list[slice] | None]]:
        """Places of the queries that see alike, and of what they see; None for all."""
        spans = []
        for group in tokens.groups:
            span, seen = tokens.span(group), self.sees.get(group)
            if spans and spans[-1][1] == seen:
                span = slice(spans.pop()[0].start, span.stop)
            spans.append((span, seen))
        return [(span, seen and [tokens.span(name) for name in seen]) for span, seen in spans]
