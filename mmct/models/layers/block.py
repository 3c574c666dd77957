"""The transformer block: the one layer of teacher and student, training and test."""
from mmcv.cnn.bricks import DropPath
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from .attention import Attention
from .tokens import Tokens

NORM_EPS = 1e-6


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
