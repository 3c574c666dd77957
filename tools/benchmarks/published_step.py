"""The tracking step as the published code has it, rendered plainly: what speed is compared with."""
import numpy as np
import torch
from torch import Tensor, nn

from mmct.models import OSTrack


class PublishedStep:
    """A network (see :class:`mmct.runtime.network.Network`) that embeds the template in every
    frame, multiplies attention out and keeps its map, leaves batch norm where it is, and follows
    one target after the other.

    Args:
        tracker: an ``OSTrack`` of plain blocks; its attention is replaced.
    """

    def __init__(self, tracker: OSTrack) -> None:
        self.tracker, self.info = tracker.eval(), tracker.info
        for layer in tracker.backbone.layers:
            layer.attn = KeptAttention(layer.attn)

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, Tensor]:
        return dict(template=self._image(crops[0]))

    def step(self, encoded: list[dict[str, Tensor]], crops: np.ndarray,
             memories: None = None) -> dict[str, np.ndarray]:
        each = [self._step_one(own['template'], crop) for own, crop in zip(encoded, crops)]
        return {key: np.concatenate([outputs[key] for outputs in each]) for key in each[0]}

    @torch.inference_mode()
    def _step_one(self, template: Tensor, crop: np.ndarray) -> dict[str, np.ndarray]:
        outputs = self.tracker.outputs_of(template[:, None], self._image(crop))
        return {key: value.cpu().numpy() for key, value in outputs.items()}

    def _image(self, crop: np.ndarray) -> Tensor:
        """(S, S, 3) uint8 BGR -> (1, 3, S, S) normalised RGB, all of it in float32."""
        preprocessor = self.tracker.data_preprocessor
        image = torch.tensor(crop, device=preprocessor.mean.device).float()
        image = image.permute(2, 0, 1).flip(0)[None]
        return (image / 255 - preprocessor.mean / 255) / (preprocessor.std / 255)


class KeptAttention(nn.Module):
    """Attention with its map written out and, where ``keep``, kept."""

    def __init__(self, attention: nn.Module, keep: bool = True) -> None:
        super().__init__()
        self.keep, self.map = keep, None
        self.num_heads, self.qkv, self.proj = (
            attention.num_heads, attention.qkv, attention.proj)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        batch, num, dims = x.shape
        qkv = self.qkv(x).reshape(batch, num, 3, self.num_heads, dims // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attention = (query @ key.transpose(-2, -1)) * query.size(-1)**-0.5
        attention = attention.softmax(dim=-1)
        if self.keep:
            self.map = attention
        return self.proj((attention @ value).transpose(1, 2).reshape(batch, num, dims)), attention
