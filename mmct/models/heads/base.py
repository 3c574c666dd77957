"""What all heads have in common."""
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor

from ...utils.checks import check_number
from ..structures import Prediction


class Head(BaseModule):
    """Finalized tokens to ``outputs`` by name; here those of a head that gives ``box`` itself.

    Args:
        in_channels: C of the backbone.
        loss: config of the tracking loss.

    Attributes:
        kind: names what a step of tracking reads, see ``runtime.network.OUTPUTS``.
    """
    kind: str

    def __init__(self, in_channels: int, loss: dict, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        check_number('in_channels', in_channels, '[1, 16384]', whole=True)
        self.in_channels = in_channels
        self.track_loss = MODELS.build(loss)

    def decode(self, outputs: dict[str, Tensor]) -> Tensor:
        """Boxes (B, 4) cx, cy, w, h in [0, 1] of the search crop, with gradient."""
        return outputs['box']

    def loss(self, prediction: Prediction, gt_boxes: Tensor,
             labels: Tensor | None = None) -> dict[str, Tensor]:
        """Tracking losses to boxes (B, 4) cx, cy, w, h in [0, 1] of the search crop, or to labels
        (B,), 1 if the crop shows the target."""
        # A loss of one's own need not take labels if the data has none.
        return self.track_loss(prediction, gt_boxes, *(() if labels is None else (labels, )))


def at_least_float32(x: Tensor) -> Tensor:
    """As it is, or in float32 if that is more precise."""
    # Asked for first, because a conversion to what it is already stays in exported files.
    return x.float() if x.dtype.itemsize < 4 else x
