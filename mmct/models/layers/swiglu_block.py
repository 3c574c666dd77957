"""The attention layer of Fast-iTPN (arXiv 2211.12735): SwiGLU and layer scale."""
import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor, nn

from .block import NORM_EPS, Attention, Block
from .tokens import Tokens


class SplitAttention(Attention):
    """Self-attention with a projection each for queries, keys, which have no bias, and values."""

    def make_projections(self, embed_dims: int) -> None:
        self.q_proj = nn.Linear(embed_dims, embed_dims)
        self.k_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        self.v_proj = nn.Linear(embed_dims, embed_dims)

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(part(x).view(*x.shape[:2], self.num_heads, -1).transpose(1, 2)
                     for part in (self.q_proj, self.k_proj, self.v_proj))


class SwiGLU(nn.Module):
    """A gated MLP with a norm of the hidden channels (arXiv 2002.05202), (…, C) -> (…, C)."""

    def __init__(self, embed_dims: int, hidden_dims: int) -> None:
        super().__init__()
        self.gate = nn.Linear(embed_dims, hidden_dims)
        self.value = nn.Linear(embed_dims, hidden_dims)
        self.hidden_norm = nn.LayerNorm(hidden_dims, eps=NORM_EPS)
        self.fc2 = nn.Linear(hidden_dims, embed_dims)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.hidden_norm(F.silu(self.gate(x)) * self.value(x)))


@MODELS.register_module()
class SwiGLUBlock(Block):
    """Pre-norm block that weighs the channels of both residual branches; arguments as of
    :class:`Block`."""

    def __init__(self, embed_dims: int, num_heads: int, mlp_ratio: float = 3.,
                 drop_path: float = 0.) -> None:
        super().__init__(embed_dims, num_heads, mlp_ratio, drop_path)
        self.gamma1 = nn.Parameter(torch.ones(embed_dims))
        self.gamma2 = nn.Parameter(torch.ones(embed_dims))

    @staticmethod
    def make_attention(embed_dims: int, num_heads: int) -> nn.Module:
        return SplitAttention(embed_dims, num_heads)

    @staticmethod
    def make_mlp(embed_dims: int, mlp_ratio: float) -> nn.Module:
        return SwiGLU(embed_dims, round(embed_dims * mlp_ratio))

    def forward(self, tokens: Tokens) -> Tokens:
        x = tokens.x
        x = x + self.drop_path(self.gamma1 * self.attn(self.norm1(x))[0])
        return tokens.with_x(x + self.drop_path(self.gamma2 * self.mlp(self.norm2(x))))
