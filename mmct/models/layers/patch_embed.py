"""Image to tokens."""
from torch import Tensor, nn


class PatchEmbed(nn.Module):
    """Non-overlapping patches through one convolution.

    Args:
        embed_dims: C.
        patch_size: P, side of a patch in pixels.
    """

    def __init__(self, embed_dims: int, patch_size: int = 16) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dims, patch_size, stride=patch_size)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, (S/P)², C), row-major."""
        return self.proj(image).flatten(2).transpose(1, 2)
