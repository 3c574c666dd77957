"""Samples to quantize by: of a data set, or of a video that is tracked; or noise."""
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import DATASETS

from ..models.torch_network import TorchNetwork
from ..models.trackers.base import OneStreamTracker
from ..runtime import Tracker
from ..runtime.network import Network, NetworkInfo
from ..runtime.templates import count_templates


class Sample(NamedTuple):
    """What a network sees in one frame."""
    templates: np.ndarray  # (T, Sz, Sz, 3) uint8 BGR
    boxes: np.ndarray  # (T, 4) float32 x, y, w, h of the target in pixels of the templates
    search: np.ndarray  # (Sx, Sx, 3) uint8 BGR
    memory: np.ndarray | None = None  # (1, M, C) float32 of the frame before, None for zeros


def noise(info: NetworkInfo, count: int, templates: int | None = None) -> list[Sample]:
    """Samples that any network can be run on, of so many templates or the most that it takes."""
    rng, number = np.random.default_rng(0), templates or count_templates(info.templates)

    def crops(*shape: int) -> np.ndarray:
        return rng.integers(0, 256, (*shape, shape[-1], 3), dtype=np.uint8)

    size = info.template_size
    box = np.array([size / 4, size / 4, size / 2, size / 2], np.float32)
    return [Sample(crops(number, size), np.stack([box] * number), crops(info.search_size),
                   rng.standard_normal((1, *info.memory), np.float32)) for _ in range(count)]


def samples_of_config(config: Config, count: int) -> Iterator[Sample]:
    """Training samples of the validation set of a config; of their search frames the first."""
    init_default_scope('mmtrack')
    dataset = DATASETS.build(config.val_dataloader.dataset)
    for i in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int).tolist():
        clip = dataset[i]['inputs']['clip']
        templates, search = (
            images.permute(*range(images.dim() - 3), -2, -1, -3).contiguous().numpy()
            for images in (clip.templates, clip.searches[0]))
        yield Sample(templates, clip.template_boxes.numpy(), search)


def samples_of_video(tracker: OneStreamTracker, frames: Iterable[np.ndarray],
                     box: Sequence[float], count: int) -> list[Sample]:
    """What a tracker sees in a video of frames (H, W, 3) uint8 BGR, with a box x, y, w, h in the
    first, evenly over its length."""
    recorder = Recorder(TorchNetwork(tracker), 2 * count)
    follower, frames = Tracker(recorder), iter(frames)
    follower.init(next(frames), box)
    for frame in frames:
        follower.update(frame)
    seen = recorder.samples
    return [seen[i] for i in np.linspace(0, len(seen) - 1, min(count, len(seen))).astype(int)]


class Recorder:
    """A network that keeps what it is shown of one target, of a long video every second, fourth, …
    frame, so that it is less than ``limit`` samples."""

    def __init__(self, network: Network, limit: int) -> None:
        self.network, self.info, self.samples = network, network.info, []
        self.limit, self.seen, self.stride = limit, 0, 1

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict:
        self.templates = crops, boxes
        return self.network.encode(crops, boxes)

    def step(self, encoded: list[dict], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        if self.seen % self.stride == 0:
            # The tracking loop cuts the next crop into the same array.
            self.samples.append(
                Sample(*self.templates, crops[0].copy(), memories[0] if memories else None))
        self.seen += 1
        if len(self.samples) == self.limit:
            del self.samples[1::2]
            self.stride *= 2
        return self.network.step(encoded, crops, memories)
