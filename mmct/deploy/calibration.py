"""Crops to quantize by: of a data set's pairs, or of a video that is tracked."""
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import DATASETS

from ..models.torch_network import TorchNetwork
from ..models.trackers.base import OneStreamTracker
from ..runtime import Tracker
from ..runtime.network import Network

Sample = tuple[np.ndarray, np.ndarray]  # (S, S, 3) uint8 BGR: template, search


def pairs_of_config(config: Config, count: int) -> Iterator[Sample]:
    """Pairs of the validation set of a config."""
    init_default_scope('mmtrack')
    dataset = DATASETS.build(config.val_dataloader.dataset)
    for i in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int).tolist():
        inputs = dataset[i]['inputs']
        yield tuple(np.ascontiguousarray(inputs[key][0].numpy().transpose(1, 2, 0))
                    for key in ('img', 'search_img'))


def crops_of_video(tracker: OneStreamTracker, frames: Iterable[np.ndarray], box: Sequence[float],
                   count: int) -> list[Sample]:
    """What a tracker sees in a video, evenly over its length.

    Args:
        frames: (H, W, 3) uint8 BGR, not empty.
        box: x, y, w, h in the first frame.
    """
    recorder = Recorder(TorchNetwork(tracker))
    follower, frames = Tracker(recorder), iter(frames)
    follower.init(next(frames), box)
    for frame in frames:
        follower.update(frame)
    chosen = np.linspace(0, len(recorder.crops) - 1, min(count, len(recorder.crops))).astype(int)
    return [(recorder.template, recorder.crops[i]) for i in chosen]


class Recorder:
    """A network that keeps what it is shown."""

    def __init__(self, network: Network) -> None:
        self.network, self.info, self.crops = network, network.info, []

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict:
        self.template = crops[0]
        return self.network.encode(crops, boxes)

    def step(self, encoded: list[dict], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        self.crops.append(crops[0].copy())
        return self.network.step(encoded, crops, memories)
