"""The tracking step without anything kept of the templates."""
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mmct.models.torch_network import images
from mmct.models.trackers import OneStreamTracker


class FullForm:
    """A network (see :class:`mmct.runtime.network.Network`) that runs the templates through all
    layers in every frame, as training does.

    Args:
        tracker: runs where its parameters are.
    """

    def __init__(self, tracker: OneStreamTracker) -> None:
        self.tracker, self.info = tracker.eval(), tracker.info

    @torch.inference_mode()
    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, Tensor]:
        templates = self.images(crops[None])
        return dict(templates=templates, boxes=torch.tensor(boxes[None], device=templates.device))

    @torch.inference_mode()
    def step(self, encoded: list[dict[str, Tensor]], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        search = self.images(crops)
        templates, boxes = (torch.cat([own[name] for own in encoded])
                            for name in ('templates', 'boxes'))
        memory = self.tracker.init_memory(search) if memories is None else torch.from_numpy(
            np.concatenate(memories)).to(search)
        return dict(self.outputs(templates, boxes, search, memory))

    def outputs(self, templates: Tensor, boxes: Tensor, search: Tensor, memory: Tensor
                ) -> Iterator[tuple[str, np.ndarray]]:
        """What a step is read by, by name; arguments as of ``OneStreamTracker.embed``."""
        prediction = self.tracker.forward_frame(templates, boxes, search, memory)
        found = {**prediction.outputs, 'next_memory': prediction.memory}
        for name in self.info.output_names:
            yield name, found[name].cpu().numpy()

    def images(self, crops: np.ndarray) -> Tensor:
        """(…, S, S, 3) uint8 BGR -> (…, 3, S, S) normalised RGB."""
        device = next(self.tracker.parameters()).device
        return images(self.tracker, torch.from_numpy(crops).to(device))
