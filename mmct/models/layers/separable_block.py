"""Separable attention: linear cost in the number of tokens (MobileViTv2, SMAT)."""
import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor, nn

from .block import Block


class SeparableAttention(nn.Module):
    """Every token meets one context vector instead of every other token.

    A one-channel score of each token, softmaxed over all tokens, weighs the keys into a context
    vector; it gates the ReLU'd values (MobileViTv2, arXiv 2206.02680, section 3.2).
    """

    def __init__(self, embed_dims: int) -> None:
        super().__init__()
        self.split = (1, embed_dims, embed_dims)
        self.qkv = nn.Linear(embed_dims, sum(self.split))
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """(B, N, C) -> (B, N, C); there is no map of who attends to whom, hence None."""
        score, key, value = self.qkv(x).split(self.split, dim=-1)
        context = torch.matmul(score.softmax(dim=1).transpose(1, 2), key)
        return self.proj(F.relu(value) * context), None


@MODELS.register_module()
class SeparableBlock(Block):
    """A pre-norm block with separable attention, as in the student CompressTracker-SMAT.

    Arguments as of :class:`Block`; ``num_heads`` is not used.
    """

    @staticmethod
    def make_attention(embed_dims: int, num_heads: int) -> nn.Module:
        return SeparableAttention(embed_dims)
