"""A tracker that notes what it does."""
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from mmct.models.torch_network import TorchNetwork
from mmct.models.trackers import OneStreamTracker
from mmct.runtime import Tracker


class WatchedNetwork(TorchNetwork):
    """Notes what it is asked.

    Attributes:
        encoded: {frames that were searched before: crops and boxes}, one entry for each ``encode``.
        steps: encoded templates, search crop, memories and outputs of each frame.
    """

    def __init__(self, tracker: OneStreamTracker) -> None:
        super().__init__(tracker)
        self.encoded, self.steps = {}, []

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, Tensor]:
        self.encoded[len(self.steps)] = crops, boxes
        return super().encode(crops, boxes)

    def step(self, encoded: list[dict[str, Tensor]], crops: np.ndarray,
             memories: list | None = None) -> dict[str, np.ndarray]:
        found = super().step(encoded, crops, memories)
        self.steps.append((encoded[0], crops.copy(), memories, found))
        return found


class WatchedTracker(Tracker):
    """Notes of which frames it cuts templates.

    Attributes:
        model: the tracker inside MMTracking.
        cut: {frame: crop} of templates, also of those that are never used.
    """

    def __init__(self, model: OneStreamTracker) -> None:
        super().__init__(WatchedNetwork(model))
        self.model, self.cut = model, {}

    def _cut_template(self, frame: np.ndarray, box: Sequence[float]
                      ) -> tuple[np.ndarray, np.ndarray]:
        template = super()._cut_template(frame, box)
        self.cut[len(self.network.steps)] = template[0].tobytes()
        return template

    def used(self, frame: int) -> list[set[int]]:
        """Of which frames each template of a frame may be; several if their crops are the same."""
        crops, _ = self.network.encoded[max(n for n in self.network.encoded if n < frame)]
        return [{n for n, own in self.cut.items() if own == crop.tobytes()} for crop in crops]
