"""The layers of Fast-iTPN (arXiv 2211.12735): convolutional stages, then attention with SwiGLU and
layer scale."""
import torch
import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from .block import NORM_EPS, Attention, Block
from .patch_embed import reverse_channels
from .tokens import Tokens


class PairedConv2d(nn.Conv2d):
    """A convolution of two images beside each other that are the same, given once."""

    def forward(self, image: Tensor) -> Tensor:
        # The sum of both halves of the kernel gives the same, and each half the same gradient.
        both = self.weight[:, :3] + self.weight[:, 3:]
        return F.conv2d(image, both, self.bias, self.stride)


class PairedPatchEmbed(nn.Module):
    """Patches through one convolution that takes two images beside each other, such as colour and
    depth (SUTrack). Here both are the same image."""

    def __init__(self, embed_dims: int, patch_size: int = 4) -> None:
        super().__init__()
        self.proj = PairedConv2d(6, embed_dims, patch_size, stride=patch_size)

    def reverse_channels(self) -> None:
        """Take images in the other order of channels, BGR for RGB, from now on."""
        reverse_channels(self.proj)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, C, S/P, S/P)."""
        return self.proj(image)


class LayerNorm2d(nn.LayerNorm):
    """LayerNorm over the channels of maps (B, C, H, W), at each place."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvMlpBlock(nn.Module):
    """A pre-norm MLP at each place of a map, with a norm of the hidden channels, (B, C, H, W) ->
    (B, C, H, W)."""

    def __init__(self, dims: int, mlp_ratio: float = 3., drop_path: float = 0.) -> None:
        super().__init__()
        check_number('drop_path', drop_path, '[0, 1)')
        hidden = round(dims * mlp_ratio)
        self.norm = LayerNorm2d(dims, eps=NORM_EPS)
        self.fc1 = nn.Conv2d(dims, hidden, 1)
        self.hidden_norm = LayerNorm2d(hidden, eps=NORM_EPS)
        self.fc2 = nn.Conv2d(hidden, dims, 1)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.hidden_norm(F.gelu(self.fc1(self.norm(x))))
        return x + self.drop_path(self.fc2(hidden))


class PatchMerging(nn.Module):
    """Each 2×2 places into one, of twice the channels: (B, C, H, W) -> (B, 2C, H/2, W/2)."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.norm = LayerNorm2d(dims, eps=NORM_EPS)
        self.reduction = nn.Conv2d(dims, 2 * dims, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.reduction(self.norm(x))


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
