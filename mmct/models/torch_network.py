"""A tracker of PyTorch, eager or compiled, as a network of the runtime."""
import copy

import numpy as np
import torch
from torch import Tensor, nn

from ..runtime.network import OUTPUTS

DTYPES = {None: None, 'fp32': None, 'bf16': torch.bfloat16, 'fp16': torch.float16}


class EncodeNetwork(nn.Module):
    """``OneStreamTracker.encode`` of templates (N, T, Sz, Sz, 3) uint8 BGR and boxes (N, T, 4)
    x, y, w, h in pixels of them. ``bgr``: see :func:`images`."""

    def __init__(self, tracker: nn.Module, bgr: bool = False) -> None:
        super().__init__()
        self.tracker, self.bgr = tracker, bgr

    def forward(self, templates: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        return self.tracker.encode(images(self.tracker, templates, self.bgr), boxes)


class StepNetwork(nn.Module):
    """``OneStreamTracker.step`` of encoded templates, search crops (N, Sx, Sx, 3) uint8 BGR and
    memory (N, M, C); gives ``runtime.network.OUTPUTS``, and ``next_memory`` if M > 0. ``bgr``: see
    :func:`images`."""

    def __init__(self, tracker: nn.Module, bgr: bool = False) -> None:
        super().__init__()
        self.tracker, self.bgr = tracker, bgr

    def forward(self, encoded: dict[str, Tensor], search: Tensor,
                memory: Tensor | None = None) -> dict[str, Tensor]:
        crops = images(self.tracker, search, self.bgr)
        if memory is None:
            memory = self.tracker.init_memory(crops)
        prediction = self.tracker.step(encoded, crops, memory)
        # A head may give more, for its losses.
        outputs = {name: prediction.outputs[name] for name in OUTPUTS[self.tracker.head.kind]}
        if self.tracker.memory_tokens:
            outputs['next_memory'] = prediction.memory
        return outputs


def images(tracker: nn.Module, crops: Tensor, bgr: bool = False) -> Tensor:
    """(…, S, S, 3) uint8 BGR -> (…, 3, S, S) normalised RGB, or BGR for weights that were turned
    round."""
    return tracker.data_preprocessor.normalize_crops(crops, bgr)


def rounded(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The module with what autocast would cast in each call cast once: weights and biases of linear
    layers and convolutions. It gives the same, and shares all else with the module given."""
    copied = copy.copy(module)
    copied._modules = {name: child if child is None else rounded(child, dtype)
                       for name, child in module._modules.items()}
    # Subclasses may do more with their weights than autocast would cast them for.
    if type(module) in (nn.Linear, nn.Conv2d):
        copied._parameters = {
            name: value if value is None else nn.Parameter(value.detach().to(dtype), False)
            for name, value in module._parameters.items()}
    return copied


class TorchNetwork:
    """See :class:`mmct.runtime.network.Network`.

    Args:
        tracker: a ``OneStreamTracker``; runs on the device of its parameters.
        compiled: by ``torch.compile``, in a mode of it if this is a string.
        dtype: of autocast, None for none. The weights of a step are then rounded now, not in each
            frame, so later changes of the tracker do not reach them; see :func:`rounded`.
    """

    def __init__(self, tracker: nn.Module, compiled: bool | str = False,
                 dtype: torch.dtype | None = None) -> None:
        self.info, self._dtype = tracker.info, dtype
        stepping = tracker if dtype is None else rounded(tracker, dtype)
        self._encode, self._step = EncodeNetwork(tracker), StepNetwork(stepping)
        if compiled:
            mode = compiled if isinstance(compiled, str) else None
            self._step = torch.compile(self._step, mode=mode)

    @torch.inference_mode()
    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, Tensor]:
        device = next(self._encode.parameters()).device
        return self._encode(torch.from_numpy(crops[None]).to(device),
                            torch.from_numpy(boxes[None]).to(device))

    @torch.inference_mode()
    def step(self, encoded: list[dict[str, Tensor]], crops: np.ndarray,
             memories: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
        self.info.check_memories(memories)
        batch = encoded[0]  # of one target, whose templates are not copied
        if len(encoded) > 1:
            batch = {name: torch.cat([target[name] for target in encoded]) for name in batch}
        device = next(iter(batch.values())).device
        memory = None
        if memories is not None:
            memory = torch.from_numpy(np.concatenate(memories)).to(device)
        with torch.autocast(device.type, self._dtype, enabled=self._dtype is not None):
            outputs = self._step(batch, torch.from_numpy(crops).to(device), memory)
        return {key: value.float().cpu().numpy() for key, value in outputs.items()}
