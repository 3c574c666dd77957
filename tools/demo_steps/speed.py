"""Speed of trackers, each in the form that is fastest for it."""
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from benchmarks.speed import latency

from mmct.deploy import export_tracker
from mmct.deploy.export import FORMATS
from mmct.evaluation.complexity import count_macs, count_parameters
from mmct.models import OSTrack
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker

FORMS = {'onnx': 'ONNX Runtime', 'openvino': 'OpenVINO'}


class Speed(NamedTuple):
    """What a tracker costs.

    Attributes:
        milliseconds: of a tracking step, crop to mapped-back box, by form.
        macs: multiply-accumulates of a frame.
        file: its ONNX file.
    """
    milliseconds: dict[str, float]
    macs: int
    parameters: int
    file: Path

    @property
    def form(self) -> str:
        """The fastest one."""
        return min(self.milliseconds, key=self.milliseconds.get)

    @property
    def best(self) -> float:
        """Milliseconds in that form."""
        return self.milliseconds[self.form]


def measure(trackers: Mapping[str, OSTrack], folder: Path, frames: Sequence[np.ndarray],
            box: Sequence[float]) -> dict[str, Speed]:
    """Export trackers and let them take turns in all their forms, on one thread.

    Args:
        trackers: by names that files can have.
        folder: for the exported files.
        frames: (H, W, 3) uint8 BGR.
        box: x, y, w, h in pixels of these.
    """
    torch.set_num_threads(1)
    steps = {}
    for name, tracker in trackers.items():
        for format, form in FORMS.items():
            file = export_tracker(tracker, folder / f'{name}{FORMATS[format]}', format).path
            steps[name, form] = Tracker(file, threads=1)
        steps[name, 'PyTorch'] = Tracker(TorchNetwork(tracker))
    times = latency(steps, frames, box)
    return {
        name: Speed({form: ms for (own, form), ms in times.items() if own == name},
                    count_macs(tracker), count_parameters(tracker), folder / f'{name}.onnx')
        for name, tracker in trackers.items()}
