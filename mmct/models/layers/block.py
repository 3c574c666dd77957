"""The transformer block: the one layer of teacher and student, training and test."""
import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from .tokens import Tokens

NORM_EPS = 1e-6


class Attention(nn.Module):
    """Self-attention over all tokens."""

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(f'embed_dims={embed_dims} is not a multiple of num_heads={num_heads}')
        self.num_heads = num_heads
        self.make_projections(embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)

    def make_projections(self, embed_dims: int) -> None:
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)

    def forward(self, x: Tensor, rows: slice | None = None) -> tuple[Tensor, Tensor | None]:
        """(B, N, C) -> (B, N, C), and the attention (B, R, N) that the R tokens ``rows`` pay,
        averaged over heads, or None."""
        query, key, value = self.project(x)
        out = self.merge(F.scaled_dot_product_attention(query, key, value))
        if rows is None:
            return out, None
        # The fused kernel keeps no map, so the few rows that are needed are made again.
        scale = query.size(-1)**-0.5
        weights = (query[:, :, rows] * scale @ key.transpose(-2, -1)).softmax(dim=-1)
        return out, weights.mean(dim=1)

    def project(self, x: Tensor) -> Tensor:
        """(B, N, C) -> queries, keys and values (3, B, heads, N, C / heads), unscaled."""
        batch, num, dims = x.shape
        qkv = self.qkv(x).view(batch, num, 3, self.num_heads, dims // self.num_heads)
        return qkv.permute(2, 0, 3, 1, 4)

    def merge(self, out: Tensor) -> Tensor:
        """What the heads found (B, heads, N, C / heads) -> (B, N, C)."""
        return self.proj(out.transpose(1, 2).reshape(out.size(0), out.size(2), -1))


class Mlp(nn.Module):
    """Two linear layers with exact GELU, (…, C) -> (…, C)."""

    def __init__(self, embed_dims: int, hidden_dims: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed_dims, hidden_dims)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_dims, embed_dims)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


@MODELS.register_module('TransformerBlock')
class Block(nn.Module):
    """Pre-norm ViT block.

    Args:
        embed_dims: C.
        num_heads: attention heads.
        mlp_ratio: hidden width of the MLP over C.
        drop_path: rate of stochastic depth of both residual branches.
        norm_eps: epsilon of both LayerNorms.
    """

    def __init__(self, embed_dims: int, num_heads: int, mlp_ratio: float = 4.,
                 drop_path: float = 0., norm_eps: float = NORM_EPS) -> None:
        super().__init__()
        check_number('num_heads', num_heads, '[1, 16384]', whole=True)
        check_number('drop_path', drop_path, '[0, 1)')
        check_number('mlp_ratio', mlp_ratio, f'[{1 / embed_dims}, 64]')
        self.norm1 = nn.LayerNorm(embed_dims, eps=norm_eps)
        self.attn = self.make_attention(embed_dims, num_heads)
        self.norm2 = nn.LayerNorm(embed_dims, eps=norm_eps)
        self.mlp = self.make_mlp(embed_dims, mlp_ratio)
        self.drop_path = DropPath(drop_path)

    @staticmethod
    def make_attention(embed_dims: int, num_heads: int) -> nn.Module:
        """What mixes the tokens: (B, N, C) -> (B, N, C) and an attention map or None."""
        return Attention(embed_dims, num_heads)

    @staticmethod
    def make_mlp(embed_dims: int, mlp_ratio: float) -> nn.Module:
        return Mlp(embed_dims, int(embed_dims * mlp_ratio))

    def forward(self, tokens: Tokens) -> Tokens:
        x = tokens.x
        x = x + self.drop_path(self.attn(self.norm1(x))[0])
        return tokens.with_x(self.feed_forward(x))

    def feed_forward(self, x: Tensor) -> Tensor:
        """The second half: (B, N, C) -> (B, N, C)."""
        return x + self.drop_path(self.mlp(self.norm2(x)))
