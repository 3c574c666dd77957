"""Convolutional stages before the first attention layer (Fast-iTPN, arXiv 2211.12735)."""
import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from ...utils.checks import check_number
from .block import NORM_EPS
from .patch_embed import reverse_channels


class PairedPatchEmbed(nn.Module):
    """Patches through one convolution that takes two images beside each other, such as colour and
    depth (SUTrack). Here both are the same image."""

    def __init__(self, embed_dims: int, patch_size: int = 4) -> None:
        super().__init__()
        self.proj = nn.Conv2d(6, embed_dims, patch_size, stride=patch_size)

    def reverse_channels(self) -> None:
        """Take images in the other order of channels, BGR for RGB, from now on."""
        reverse_channels(self.proj)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, C, S/P, S/P)."""
        # Of the same image twice, the sum of both halves of the kernel gives the same, and each
        # half the same gradient.
        both = self.proj.weight[:, :3] + self.proj.weight[:, 3:]
        return F.conv2d(image, both, self.proj.bias, self.proj.stride)


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
