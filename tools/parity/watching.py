"""Parts of a tracker that note what the tracking loop does with them."""
from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from mmct.models.torch_network import TorchNetwork
from mmct.models.trackers import OneStreamTracker
from mmct.runtime.templates import Template, TemplatePolicy, Templates


class WatchedNetwork(TorchNetwork):
    """Notes what it is asked.

    Attributes:
        tracker: whose network it is.
        encoded: {frames that were searched before: crops and boxes}, one entry for each ``encode``.
        steps: encoded templates, search crop, memories and outputs of each frame.
    """

    def __init__(self, tracker: OneStreamTracker) -> None:
        super().__init__(tracker)
        self.tracker, self.encoded, self.steps = tracker, {}, []

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, Tensor]:
        self.encoded[len(self.steps)] = crops, boxes
        return super().encode(crops, boxes)

    def step(self, encoded: list[dict[str, Tensor]], crops: np.ndarray,
             memories: list | None = None) -> dict[str, np.ndarray]:
        found = super().step(encoded, crops, memories)
        self.steps.append((encoded[0], crops.copy(), memories, found))
        return found


class WatchedPolicy(TemplatePolicy):
    """Notes what another policy does.

    Attributes:
        candidates: frames that a template was cut of.
        used: {frame: numbers of the frames that each of its templates may be of}; several if their
            crops are the same.
    """

    def __init__(self, policy: TemplatePolicy) -> None:
        self.policy, self.candidates, self.used, self._numbers = policy, [], {}, {}

    def start(self, crop: np.ndarray, box: np.ndarray) -> None:
        self._note(0, crop)
        self.policy.start(crop, box)

    def current(self, frame: int) -> Templates:
        templates = self.policy.current(frame)
        self.used[frame] = [self._numbers[crop.tobytes()] for crop in templates[0]]
        return templates

    def observe(self, frame: int, score: float, cut: Callable[[], Template]) -> None:
        def noted() -> Template:
            template = cut()
            self.candidates.append(frame)
            self._note(frame, template[0])
            return template

        self.policy.observe(frame, score, noted)

    def _note(self, frame: int, crop: np.ndarray) -> None:
        self._numbers.setdefault(crop.tobytes(), set()).add(frame)

    def uses(self, frame: int, numbers: Sequence[int]) -> bool:
        """Whether the templates of a frame are of these."""
        used = self.used.get(frame, ())
        return len(used) == len(numbers) and all(n in own for n, own in zip(numbers, used))
