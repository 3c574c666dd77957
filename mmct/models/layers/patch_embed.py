"""Image to tokens."""
from collections import OrderedDict

import torch
from mmtrack.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class PatchEmbed(nn.Module):
    """Non-overlapping patches of P = ``patch_size`` pixels through one convolution."""

    def __init__(self, embed_dims: int, patch_size: int = 16) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dims, patch_size, stride=patch_size)

    def reverse_channels(self) -> None:
        """Take images in the other order of channels, BGR for RGB, from now on."""
        reverse_channels(self.proj)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, (S/P)², C), row-major."""
        return self.proj(image).flatten(2).transpose(1, 2)


@MODELS.register_module()
class ConvStem(nn.Module):
    """Overlapping patches through four 3×3 convolutions of stride 2 (Xiao et al., arXiv
    2106.14881; the stem of OpenCV's VitTrack).

    Each has batch norm, all but the last Hardswish.

    Args:
        embed_dims: C; the convolutions are C/8, C/4, C/2 and C wide.
        patch_size: stride of the whole in pixels, 16.
        norm_eval: keep batch norm's statistics in training. Otherwise templates and search crops
            are each normalised by their own, at test by the statistics of the two together.
    """

    def __init__(self, embed_dims: int, patch_size: int = 16, norm_eval: bool = False) -> None:
        super().__init__()
        self.norm_eval = norm_eval
        if patch_size != 16:
            raise ValueError(f'patch_size={patch_size}: a ConvStem has a stride of 16 pixels')
        widths = [3] + [embed_dims // 2**i for i in (3, 2, 1, 0)]
        self.layers = nn.Sequential(*(
            _stem_layer(*pair, last=pair[1] == embed_dims) for pair in zip(widths, widths[1:])))

    def train(self, mode: bool = True) -> 'ConvStem':
        super().train(mode)
        if self.norm_eval:
            for layer in self.layers:
                layer.bn.eval()
        return self

    def reverse_channels(self) -> None:
        """Take images in the other order of channels, BGR for RGB, from now on."""
        reverse_channels(self.layers[0].conv)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, (S/16)², C), row-major."""
        return self.layers(image).flatten(2).transpose(1, 2)


@torch.no_grad()
def reverse_channels(conv: nn.Conv2d) -> None:
    """Let a convolution of one or more images take the channels of each in the other order."""
    conv.weight.copy_(conv.weight.unflatten(1, (-1, 3)).flip(2).flatten(1, 2))


def _stem_layer(in_channels: int, out_channels: int, last: bool) -> nn.Sequential:
    # The bias is superfluous before batch norm, but weights with a folded norm have it.
    layer = OrderedDict(conv=nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1),
                        bn=nn.BatchNorm2d(out_channels))
    if not last:
        layer['act'] = nn.Hardswish(inplace=True)
    return nn.Sequential(layer)
