"""The tracking step as the published code has it, rendered plainly: what speed is compared with."""
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmct.models.layers import Block, CEBlock
from mmct.models.trackers import OneStreamTracker

from .full_form import FullForm


class PublishedStep(FullForm):
    """The full form that multiplies attention out, leaves batch norm where it is, and follows one
    target after the other. Plain blocks also keep the map of their attention.

    Args:
        tracker: the attention of its plain blocks is replaced.
    """

    def __init__(self, tracker: OneStreamTracker) -> None:
        super().__init__(tracker)
        for layer in tracker.backbone.layers:
            if type(layer) in (Block, CEBlock):
                layer.attn = KeptAttention(layer.attn)

    def step(self, encoded: list[dict[str, Tensor]], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        memories = [None] * len(encoded) if memories is None else [[own] for own in memories]
        with sdpa_kernel(SDPBackend.MATH):
            each = [super(PublishedStep, self).step([own], crop[None], memory)
                    for own, crop, memory in zip(encoded, crops, memories)]
        return {name: np.concatenate([outputs[name] for outputs in each]) for name in each[0]}

    def images(self, crops: np.ndarray) -> Tensor:
        """(…, S, S, 3) uint8 BGR -> (…, 3, S, S) normalised RGB, all of it in float32."""
        preprocessor = self.tracker.data_preprocessor
        image = torch.tensor(crops, device=preprocessor.mean.device).float()
        image = image.movedim(-1, -3).flip(-3)
        return (image / 255 - preprocessor.mean / 255) / (preprocessor.std / 255)


class KeptAttention(nn.Module):
    """Attention with its map written out and, where ``keep``, kept."""

    def __init__(self, attention: nn.Module, keep: bool = True) -> None:
        super().__init__()
        self.keep, self.map = keep, None
        self.num_heads, self.qkv, self.proj = (
            attention.num_heads, attention.qkv, attention.proj)

    def forward(self, x: Tensor, rows: slice | None = None) -> tuple[Tensor, Tensor]:
        batch, num, dims = x.shape
        qkv = self.qkv(x).reshape(batch, num, 3, self.num_heads, dims // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attention = (query @ key.transpose(-2, -1)) * query.size(-1)**-0.5
        attention = attention.softmax(dim=-1)
        if self.keep:
            self.map = attention
        out = self.proj((attention @ value).transpose(1, 2).reshape(batch, num, dims))
        return out, attention if rows is None else attention[:, :, rows].mean(dim=1)
