"""Latency of trackers by backend and precision, each measured on its own."""
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmtrack.registry import MODELS
from vittrack.reading import read_vittrack

from mmct.api import fuse_for_inference
from mmct.checkpoint import load_weights, save_tracker
from mmct.deploy import export_tracker
from mmct.deploy.calibration import noise
from mmct.models.torch_network import DTYPES, TorchNetwork
from mmct.models.trackers import OneStreamTracker
from mmct.runtime import Tracker, open_network, update_many
from mmct.runtime.frames import Frames

from .complexity import Cost, cost_of
from .full_form import FullForm
from .machine import PeakMemory
from .peers import OPENCV, ORIGINAL, Peer
from .published_step import PublishedStep
from .speed import first_frame_time, step_times

FRAME_SIZE, BOX = (720, 1280), (560., 300., 120., 90.)
# (backend, precision, file or None for PyTorch)
FULL, GRAPHS = ('full', 'fp32'), 'graphs'
KINDS = {
    ('published', 'fp32'): None, FULL: None,
    **{(backend, precision): None for backend in ('torch', 'compile', GRAPHS)
       for precision in ('fp32', 'bf16', 'fp16')},
    ('onnxruntime', 'fp32'): 'fp32.onnx', ('onnxruntime', 'int8'): 'int8.onnx',
    ('openvino', 'fp32'): 'fp32.xml', ('openvino', 'bf16'): 'fp32.xml',
    ('openvino', 'int8'): 'int8.xml', ('openvino', 'int8+bf16'): 'int8.xml'}
# The full form comes by itself if it does much more. Compiling takes minutes on a processor.
DEFAULT = [('published', 'fp32'), ('torch', 'fp32'), ('torch', 'bf16'),
           *(pair for pair, file in KINDS.items() if file)]
DEFAULT_GPU = [('published', 'fp32'), ('torch', 'fp32'), ('torch', 'bf16'), ('torch', 'fp16'),
               (GRAPHS, 'fp16'), ('compile', 'fp16')]
VIDEO_FRAMES = 200  # of a video, at the most
# Steps that do not count: on a GPU, compiled steps come to rest after a few.
WARM_UP, WARM_UP_GPU = 1, 6
EACH = 5  # of as many steps, one of several targets
WORTH = 0.1  # of the multiply-accumulates of a frame: encoding that saves it is compared


def kind(text: str) -> tuple[str, str]:
    """'BACKEND:PRECISION' of a command line.

    Raises:
        ValueError: there is none such.
    """
    pair = tuple(text.split(':'))
    if pair not in KINDS:
        raise ValueError(f'{text!r} is not one of {" ".join(map(":".join, KINDS))}')
    return pair


@dataclass(frozen=True)
class Contestant:
    """A network to time.

    Attributes:
        source: name of the config.
        role: 'teacher', 'student' or, if it is neither, 'tracker'.
        backend, precision: see ``KINDS``.
        config: of the tracker.
        cost: what it does in a frame.
        weights: file with its weights; exported files go beside it.
        device: what PyTorch runs on.
        teacher: name of the config under which its teacher is measured.
    """
    source: str
    role: str
    backend: str
    precision: str
    config: dict
    cost: Cost
    weights: Path
    device: str = 'cpu'
    teacher: str = ''

    @property
    def whole(self) -> bool:
        """Whether the templates run through the network in every frame."""
        return self.backend in ('published', 'full')

    @property
    def name(self) -> str:
        return f'{self.source}: {self.role}, {self.backend}:{self.precision}'

    @property
    def exported(self) -> Path | None:
        """The exported file that is run, None for PyTorch."""
        ending = KINDS[self.backend, self.precision]
        return ending and self.weights.with_suffix(f'.{ending}')

    def tracker(self, threads: int) -> Tracker:
        """The tracking loop around the network."""
        return Tracker(self.open(threads))

    def open(self, threads: int):
        """Load the network."""
        torch.set_num_threads(threads)
        if self.exported:
            precision = 'bf16' if self.precision.endswith('bf16') else None
            return open_network(self.exported, backend=self.backend, precision=precision,
                                threads=threads)
        tracker = self.build()
        if self.backend == 'published':
            return PublishedStep(tracker.to(self.device))
        tracker = fuse_for_inference(tracker).to(self.device)
        if self.backend == 'full':
            return FullForm(tracker)
        compiled = {'compile': True, GRAPHS: 'reduce-overhead'}.get(self.backend, False)
        return TorchNetwork(tracker, compiled, DTYPES[self.precision])

    def build(self) -> OneStreamTracker:
        """The tracker with its weights."""
        tracker = MODELS.build(self.config)
        load_weights(tracker, self.weights)
        return tracker


@dataclass(frozen=True)
class Row:
    """What was measured of a network.

    Attributes:
        macs: multiply-accumulates of a frame as this network runs it.
        encode_macs: of the templates, once a target or update; 0 if every frame has them.
        crop, network, decode, update: median milliseconds of the parts of a step, and the whole.
        spread: 10 to 90 % range of the whole.
        first: median milliseconds of the first frame, in which a target is taken.
        memory: megabytes at the most.
        video: milliseconds a frame with reading the video, or None.
        many: {number of targets: median milliseconds of a step that follows them all}, if it
            can.
        peak: multiply-accumulates a second in large products of its precision, or None.
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
    first: float
    memory: float | None
    video: float | None
    many: dict[int, float]
    peak: float | None = None

    @property
    def demand(self) -> float | None:
        """Milliseconds that its multiply-accumulates would take at the peak rate."""
        return self.peak and 1e3 * self.macs / self.peak

    def line(self) -> str:
        """In a few words."""
        return (f'{self.contestant.name}: {self.update:.2f} ms (10-90 % '
                f'{self.spread[0]:.2f}-{self.spread[1]:.2f}), {1e3 / self.update:.0f} FPS')

    def record(self) -> dict:
        """For a file."""
        own = self.contestant
        return dict(config=own.source, role=own.role, backend=own.backend,
                    precision=own.precision, macs=self.macs, encode_macs=self.encode_macs,
                    parameters=self.parameters, crop_ms=self.crop, network_ms=self.network,
                    decode_ms=self.decode, update_ms=self.update, update_10_90_ms=self.spread,
                    first_frame_ms=self.first, fps=1e3 / self.update,
                    peak_memory_mb=self.memory, video_ms=self.video, many_ms=self.many,
                    demand_ms=self.demand)


def prepare(config: Config, source: str, checkpoint: Path | None, folder: Path,
            kinds: Sequence[tuple], device: str = 'cpu') -> list[Contestant]:
    """Teacher and student of a config with their weights, and what they cost.

    The full form is added if encoding the templates ahead saves much of a frame.
    Without a checkpoint weights are random, as are the teacher's always: they take as long.

    Args:
        source: name of the config.
        checkpoint: of the student, or of the tracker, if it is one; None for random weights.
    """
    model = config.model
    trackers = {'tracker': model} if 'student' not in model else {
        'teacher': model.teacher, 'student': model.student}
    contestants = []
    for role, cfg in trackers.items():
        tracker = MODELS.build(cfg)
        if checkpoint and role != 'teacher':
            load_weights(tracker, checkpoint)
        weights = folder / f'{source}.{role}.pth'
        save_tracker(tracker.state_dict(), weights, student=role == 'student')
        cost = cost_of(fuse_for_inference(tracker))
        own = list(kinds)
        if FULL not in own and cost.macs.step < (1 - WORTH) * cost.macs.full:
            own.insert(1, FULL)
        contestants += [Contestant(source, role, *kind, cfg, cost, weights, device)
                        for kind in own]
    return contestants


def peers(file: Path) -> list[Peer]:
    """VitTrack's ONNX file in ONNX Runtime and in OpenCV."""
    cost = cost_of(fuse_for_inference(read_vittrack(file)))
    return [Peer(backend, file, cost) for backend in (ORIGINAL, OPENCV)]


def export(contestant: Contestant) -> Iterator[None]:
    """Write the file that a contestant runs; int8 as fast as can be, which takes as long to run."""
    tracker = fuse_for_inference(contestant.build())
    path = contestant.exported
    with redirect_stdout(StringIO()):  # bars of NNCF
        export_tracker(tracker, path, 'openvino' if path.suffix == '.xml' else 'onnx',
                       'int8' if '.int8' in path.name else 'fp32', noise(tracker.info, 1),
                       strict=False, bias='fast')
    return iter(())


def measure(contestant: Contestant | Peer, threads: int, steps: int, video: Path | None = None,
            box: Sequence[float] | None = None, targets: Sequence[int] = ()) -> Iterator[Row]:
    """Time one.

    Args:
        video: a video file or folder of frames that it also follows from the first ``box`` on.
        targets: numbers of targets that it also follows at once.
    """
    frames = np.random.default_rng(0).integers(0, 256, (4, *FRAME_SIZE, 3), dtype=np.uint8)
    memory = PeakMemory(contestant.device)
    tracker = contestant.tracker(threads)
    warm_up = WARM_UP if contestant.device == 'cpu' else WARM_UP_GPU
    turn = [frames[i % len(frames)] for i in range(warm_up + 1 + steps)]
    parts = 1e3 * step_times(tracker, turn, BOX, warm_up + 1)
    megabytes = memory.megabytes()
    whole = parts.sum(axis=1)
    macs, parameters = contestant.cost
    own_macs = (macs.full, 0) if contestant.whole else (macs.step, macs.encode)
    many = {}
    if hasattr(tracker, 'network'):  # OpenCV's knows of one target only
        for count in targets:
            many[count] = 1e3 * float(np.median(times_of_many(tracker, frames, count, steps)))
    yield Row(contestant, *own_macs, parameters, *np.median(parts, axis=0).tolist(),
              float(np.median(whole)), tuple(np.quantile(whole, [0.1, 0.9]).tolist()),
              1e3 * first_frame_time(tracker, frames[0], BOX), megabytes,
              video and frame_time(tracker, video, box), many)


def peak(precision: str, threads: int) -> Iterator[float]:
    """See :func:`benchmarks.peak.peak_rate`."""
    from .peak import peak_rate  # needs the extra deploy

    with redirect_stdout(StringIO()):
        yield peak_rate(precision, threads)


def times_of_many(tracker: Tracker, frames: np.ndarray, count: int, steps: int) -> list[float]:
    """Seconds of steps of ``count`` targets at once, all at the same place in each step; the first,
    which may compile, apart."""
    trackers = [Tracker(tracker.network) for _ in range(count)]
    for own in trackers:
        own.init(frames[0], BOX)
    times = []
    for i in range(1 + math.ceil(steps / EACH)):
        for own in trackers:
            own.box = BOX
        start = time.perf_counter()
        update_many(trackers, frames[i % len(frames)])
        times.append(time.perf_counter() - start)
    return times[1:]


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
