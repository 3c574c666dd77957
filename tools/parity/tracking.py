"""What a tracker does in a recorded run."""
from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from mmct.models.torch_network import TorchNetwork
from mmct.models.trackers import OneStreamTracker
from mmct.runtime.templates import make_policy

from .rows import Row, differing


class WatchedNetwork(TorchNetwork):
    """Notes what it is asked.

    Attributes:
        encoded: {frames that were searched before: crops and boxes}, one entry for each ``encode``.
        steps: encoded templates, search crop and memory of each frame.
    """

    def __init__(self, tracker: OneStreamTracker) -> None:
        super().__init__(tracker)
        self.tracker, self.encoded, self.steps = tracker, {}, []

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, Tensor]:
        self.encoded[len(self.steps)] = crops, boxes
        return super().encode(crops, boxes)

    def step(self, encoded: list[dict[str, Tensor]], crops: np.ndarray,
             memories: list | None = None) -> dict[str, np.ndarray]:
        self.steps.append((encoded[0], crops.copy(), memories))
        return super().step(encoded, crops, memories)


def template_frames(policy: dict, scores: Sequence[float]) -> tuple[list[list[int]], list[int]]:
    """What a policy does with the scores of frames 1, 2, …: of which frames the templates of each
    frame are, with those of the next one, and which frames it had a template cut of."""
    policy, used, cut = make_policy(policy), [[]], []

    def template(frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Its box says of which frame it is."""
        cut.append(frame)
        return np.zeros((1, 1, 3), np.uint8), np.full(4, frame, np.float32)

    policy.start(*template(0))
    for frame, score in enumerate(scores, 1):
        used.append(policy.current(frame)[1][:, 0].astype(int).tolist())
        policy.observe(frame, score, lambda frame=frame: template(frame))
    used.append(policy.current(len(used))[1][:, 0].astype(int).tolist())
    return used, cut[1:]


def template_rows(item: str, run: dict, policy: dict, scores: Sequence[float]) -> Iterator[Row]:
    """From which frames a run took templates, as far as it is recorded."""
    used, cut = template_frames(policy, scores)
    wrong = {what: len(set(cut) ^ set(run[key])) for key, what in (
        ('updates_after_frame', 'updates'), ('candidate_frames', 'candidates')) if key in run}
    if 'updates' in run:
        sources = {event['frame']: event['from_frame'] for event in run['updates']}
        online, wrong['online template'] = 0, 0
        for frame, own in enumerate(used[2:], 1):
            online = sources.get(frame, online)
            wrong['online template'] += own[-1] != online
    if 'template_frames' in run:
        wrong['templates'] = sum(
            own != theirs for own, theirs in zip(used[1:], run['template_frames'][1:]))
    for what, count in wrong.items():
        yield differing(f'{what} {item}', count, 'frames')
