"""Speed of trackers, each in the form that is fastest for it."""
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from benchmarks.complexity import count_macs, count_parameters
from benchmarks.speed import step_times
from mmtrack.registry import MODELS

from mmct.api import fuse_for_inference
from mmct.checkpoint import load_weights
from mmct.deploy import export_tracker
from mmct.deploy.export import FORMATS
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker

from .plan import Contestant

FORMS = {'onnx': 'ONNX Runtime', 'openvino': 'OpenVINO'}
ROUNDS = 5


class Speed(NamedTuple):
    """What a tracker costs.

    Attributes:
        milliseconds: of a tracking step, crop to mapped-back box, by form.
        form, best: the fastest form, and its milliseconds.
        macs: multiply-accumulates of a frame.
        file: its ONNX file.
    """
    milliseconds: dict[str, float]
    form: str
    best: float
    macs: int
    parameters: int
    file: str


def measure(contestants: Sequence[Contestant], folder: Path, frames: Sequence[np.ndarray],
            box: Sequence[float]) -> dict[str | None, Speed]:
    """Export trackers and let them take turns in all their forms, on one thread.

    Args:
        folder: for the exported files.
        frames: (H, W, 3) uint8 BGR.
        box: x, y, w, h in pixels of these.

    Returns:
        By student, None for the teacher: ways of training and seeds give the same network.
    """
    torch.set_num_threads(1)
    networks, files, steps = {}, {}, {}
    for own in contestants:
        if own.student in networks:
            continue
        tracker = MODELS.build(own.config.model.get('student', own.config.model))
        load_weights(tracker, own.checkpoint)
        networks[own.student] = tracker = fuse_for_inference(tracker)
        for format, form in FORMS.items():
            file = folder / f'{own.student or "teacher"}{FORMATS[format]}'
            files[own.student, form] = export_tracker(tracker, file, format).path
            steps[own.student, form] = Tracker(file, threads=1)
        steps[own.student, 'PyTorch'] = Tracker(TorchNetwork(tracker))
    times = {step: [] for step in steps}
    # In turns, so that whatever else the machine does hits all alike.
    for _ in range(ROUNDS):
        for step, tracker in steps.items():
            times[step].append(step_times(tracker, frames, box).sum(axis=1))
    speeds = {}
    for student, tracker in networks.items():
        medians = {form: 1e3 * float(np.median(own))
                   for (whose, form), own in times.items() if whose == student}
        best = min(medians, key=medians.get)
        speeds[student] = Speed(medians, best, medians[best], count_macs(tracker).full,
                                count_parameters(tracker), str(files[student, FORMS['onnx']]))
    return speeds
