"""Latency of trackers by backend and precision, teacher beside student, in one run."""
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmtrack.registry import MODELS
from vittrack.reading import read_vittrack

from mmct.api import fuse_for_inference
from mmct.checkpoint import load_weights, save_tracker
from mmct.deploy import export_tracker
from mmct.deploy.calibration import Sample, noise
from mmct.models.torch_network import DTYPES, TorchNetwork
from mmct.models.trackers import OneStreamTracker
from mmct.runtime import Tracker, open_network, update_many
from mmct.runtime.frames import Frames

from .complexity import Macs, count_macs, count_parameters
from .full_form import FullForm
from .machine import peak_memory
from .peers import OPENCV, ORIGINAL, Peer
from .published_step import PublishedStep
from .speed import step_times

FRAME_SIZE, BOX = (720, 1280), (560., 300., 120., 90.)
# (backend, precision, file or None for PyTorch)
FULL = ('full', 'fp32')
KINDS = {
    ('published', 'fp32'): None, FULL: None, ('torch', 'fp32'): None, ('torch', 'bf16'): None,
    ('compile', 'fp32'): None, ('compile', 'bf16'): None, ('onnxruntime', 'fp32'): 'fp32.onnx',
    ('onnxruntime', 'int8'): 'int8.onnx', ('openvino', 'fp32'): 'fp32.xml',
    ('openvino', 'bf16'): 'fp32.xml', ('openvino', 'int8'): 'int8.xml'}
TURN = 5  # steps
VIDEO_FRAMES = 200  # of a video, at the most
REST = 0.1  # seconds before a turn: threads of the one before wait for work by spinning
# Compiling takes minutes; the full form comes by itself if it does much more.
DEFAULT = tuple(kind for kind in KINDS if kind[0] not in ('compile', 'full'))
WORTH = 0.1  # of the multiply-accumulates of a frame: encoding that saves it is compared


def kind(text: str) -> tuple[str, str]:
    """'BACKEND:PRECISION' of a command line.

    Raises:
        ValueError: there is none such.
    """
    pair = tuple(text.split(':'))
    if pair not in KINDS:
        raise ValueError(f'{text!r} is none of {" ".join(map(":".join, KINDS))}')
    return pair


@dataclass(frozen=True)
class Contestant:
    """A network to time.

    Attributes:
        role: 'teacher' or 'student'.
        backend, precision: see ``KINDS``.
        config: of the tracker.
        folder: with its weights and exported files.
        device: what PyTorch runs on.
    """
    role: str
    backend: str
    precision: str
    config: dict
    folder: Path
    device: str = 'cpu'

    @property
    def whole(self) -> bool:
        """Whether the templates run through the network in every frame."""
        return self.backend in ('published', 'full')

    def tracker(self, threads: int) -> Tracker:
        """The tracking loop around the network."""
        return Tracker(self.open(threads))

    def open(self, threads: int):
        """Load the network."""
        torch.set_num_threads(threads)
        file = KINDS[self.backend, self.precision]
        if file:
            precision = self.precision if self.precision == 'bf16' else None
            return open_network(self.folder / f'{self.role}.{file}', backend=self.backend,
                                precision=precision, threads=threads)
        tracker = MODELS.build(self.config)
        load_weights(tracker, self.folder / f'{self.role}.pth')
        if self.backend == 'published':
            return PublishedStep(tracker.to(self.device))
        tracker = fuse_for_inference(tracker).to(self.device)
        if self.backend == 'full':
            return FullForm(tracker)
        return TorchNetwork(tracker, self.backend == 'compile', DTYPES[self.precision])


class Cost(NamedTuple):
    """Multiply-accumulates and parameters of a tracker."""
    macs: Macs
    parameters: int


@dataclass(frozen=True)
class Row:
    """What was measured of a network.

    Attributes:
        macs: multiply-accumulates of a frame as this network runs it.
        encode_macs: of the templates, once a target or update; 0 if every frame has them.
        crop, network, decode, update: median milliseconds of the parts of a step, and the whole.
        spread: 10 to 90 % range of the whole.
        memory: megabytes at the most.
        video: milliseconds a frame with reading the video, or None.
        many: {number of targets: median milliseconds of a step that follows them all}, if it
            can.
    """
    contestant: Contestant | Peer
    macs: int
    encode_macs: int
    parameters: int
    crop: float
    network: float
    decode: float
    update: float
    spread: tuple[float, float]
    memory: float | None
    video: float | None
    many: dict[int, float]


def prepare(config: Config, checkpoint: Path | None, folder: Path, kinds: Sequence[tuple],
            samples: Sequence[Sample] = (), device: str = 'cpu'
            ) -> tuple[list[Contestant], dict[str, Cost]]:
    """Weights and exported files of teacher and student, and what they cost.

    The full form is added where encoding the templates ahead saves much of a frame.
    Without a checkpoint weights are random, as are the teacher's always: they take as long.

    Args:
        checkpoint: of the student, or of the tracker, if it is one; None for random weights.
        samples: that int8 is calibrated with; noise if there are none, enough for timing.
    """
    model = config.model
    trackers = {'tracker': model} if 'student' not in model else {
        'teacher': model.teacher, 'student': model.student}
    contestants, costs = [], {}
    for role, cfg in trackers.items():
        cfg = without_elimination(cfg)
        tracker = MODELS.build(cfg)
        if checkpoint and role != 'teacher':
            load_weights(tracker, checkpoint)
        save_tracker(tracker.state_dict(), folder / f'{role}.pth', student=role == 'student')
        tracker = fuse_for_inference(tracker)
        costs[role] = cost_of(tracker)
        for file in {KINDS[kind] for kind in kinds} - {None}:
            precision, _, suffix = file.partition('.')
            export_tracker(tracker, folder / f'{role}.{file}',
                           'openvino' if suffix == 'xml' else 'onnx', precision,
                           samples or noise(tracker.info, 8), strict=bool(samples), bias='fast')
        macs, own = costs[role].macs, list(kinds)
        if FULL not in own and macs.step < (1 - WORTH) * macs.full:
            own.insert(1, FULL)
        contestants += [Contestant(role, *kind, cfg, folder, device) for kind in own]
    return contestants, costs


def cost_of(tracker: OneStreamTracker) -> Cost:
    """What a tracker costs, its batch norms folded or not."""
    return Cost(count_macs(tracker), count_parameters(tracker))


def peers(file: Path) -> tuple[list[Peer], Cost]:
    """VitTrack's ONNX file in ONNX Runtime and in OpenCV, and what it costs."""
    cost = cost_of(fuse_for_inference(read_vittrack(file)))
    return [Peer(backend, file) for backend in (ORIGINAL, OPENCV)], cost


def without_elimination(cfg: dict) -> dict:
    """Exported files keep all tokens, so all others do."""
    return dict(cfg, backbone={k: v for k, v in cfg['backbone'].items() if k != 'elimination'})


def measure(contestants: Sequence[Contestant | Peer], costs: dict[str, Cost], threads: int,
            steps: int, progress: Callable[[str], None] = lambda text: None,
            video: Path | None = None, box: Sequence[float] | None = None,
            targets: Sequence[int] = ()) -> list[Row]:
    """Time all in turns of a few steps, so that a busy moment of the machine hits all alike.

    Args:
        video: a video file or folder of frames that each also follows from the first ``box`` on.
        targets: numbers of targets that each also follows at once.
    """
    frames = np.random.default_rng(0).integers(0, 256, (4, *FRAME_SIZE, 3), dtype=np.uint8)
    trackers = []
    for contestant in contestants:
        trackers.append(contestant.tracker(threads))
        trackers[-1].init(frames[0], BOX)
        trackers[-1].update(frames[1])
        progress('load')
    times = [[] for _ in trackers]
    # OpenCV's knows of no others.
    many = [{count: [] for count in targets if hasattr(tracker, 'network')}
            for tracker in trackers]
    for turn in range(math.ceil(steps / TURN)):
        for tracker, own, own_many in zip(trackers, times, many):
            time.sleep(REST)
            length = 1 + min(TURN, steps - turn * TURN)
            own.extend(step_times(tracker, [frames[i % len(frames)] for i in range(length)], BOX))
            for count, own_times in own_many.items():
                own_times.append(timed_steps_of_many(tracker, frames, count))
        progress('turn')
    videos = [video and frame_time(tracker, video, box) for tracker in trackers]
    memories = []
    for contestant in contestants:
        memories.append(peak_memory(load_and_track, contestant, threads))
        progress('memory')
    rows = []
    for i, contestant in enumerate(contestants):
        parts = 1e3 * np.array(times[i])
        whole = parts.sum(axis=1)
        macs, parameters = costs[contestant.role]
        own_macs = (macs.full, 0) if contestant.whole else (macs.step, macs.encode)
        rows.append(Row(
            contestant, *own_macs, parameters, *np.median(parts, axis=0).tolist(),
            float(np.median(whole)), tuple(np.quantile(whole, [0.1, 0.9]).tolist()), memories[i],
            videos[i], {count: 1e3 * float(np.median(own)) for count, own in many[i].items()}))
    return rows


def timed_steps_of_many(tracker: Tracker, frames: np.ndarray, count: int) -> float:
    """Seconds of a step of ``count`` targets in one batch; the second of two, as the first may
    compile."""
    trackers = [Tracker(tracker.network) for _ in range(count)]
    for own in trackers:
        own.init(frames[0], BOX)
    update_many(trackers, frames[1])
    start = time.perf_counter()
    update_many(trackers, frames[2])
    return time.perf_counter() - start


def frame_time(tracker: Tracker, video: Path, box: Sequence[float]) -> float:
    """Milliseconds a frame of a video, read and followed one after the other."""
    start, count = time.perf_counter(), 0
    for frame in Frames(video):
        if count:
            tracker.update(frame)
        else:
            tracker.init(frame, box)
        count += 1
        if count > VIDEO_FRAMES:
            break
    return 1e3 * (time.perf_counter() - start) / max(count, 1)


def load_and_track(contestant: Contestant | Peer, threads: int) -> None:
    """What the peak of memory is taken over."""
    step_times(contestant.tracker(threads), np.zeros((3, *FRAME_SIZE, 3), np.uint8), BOX)
