"""Multi-head self-attention of the ViT."""
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Self-attention over all tokens."""

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(f'embed_dims={embed_dims} is not a multiple of num_heads={num_heads}')
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)

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
