"""Cost of a training step: the published one, ours, and plain training of the student."""
import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmtrack.registry import MODELS
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmct.checkpoint import save_tracker
from mmct.datasets.sampling import make_sampling
from mmct.models import ReplacementDistiller
from mmct.models.layers import Block
from mmct.models.structures import Clip

from .complexity import macs_of
from .machine import PeakMemory
from .published_step import KeptAttention

PROBS = (0.5, 0.75, 1.)  # p at the beginning, on average, and at the end of the paper's schedule
PROBS_GPU = (0.75, )
WARM_UP, WARM_UP_GPU = 1, 2  # steps at each p that do not count
GATE_PATTERNS = 64  # and dropout rates: so many forms of a layer may be compiled


class PublishedDistiller(ReplacementDistiller):
    """The step as the published code has it: a teacher for the mixed path and another one for the
    teacher's own pass, and attention multiplied out."""

    def build_teacher(self) -> None:
        super().build_teacher()
        object.__setattr__(self, 'second_teacher', copy.deepcopy(self.teacher))
        for tracker in (self.student, self.teacher, self.second_teacher):
            for layer in tracker.backbone.layers:
                if type(layer) is Block:
                    layer.attn = KeptAttention(layer.attn, keep=False)

    def losses(self, *args):
        with sdpa_kernel(SDPBackend.MATH):  # of other layers
            return super().losses(*args)

    def run_teacher(self, clip, frame, memory):
        first = self.teacher
        object.__setattr__(self, 'teacher', self.second_teacher)
        try:
            return super().run_teacher(clip, frame, memory)
        finally:
            object.__setattr__(self, 'teacher', first)


@dataclass(frozen=True)
class Contestant:
    """A way to train.

    Attributes:
        name: for the table.
        distiller: its class, None for only the student.
        changes: options of the distiller.
        bf16: whether all of it runs under autocast.
        tf32: whether matrix products of float32 are of TF32, on GPUs that have it.
        compiled: whether ``torch.compile`` compiles the layers of the transformers.
    """
    name: str
    distiller: type | None
    changes: dict
    bf16: bool = False
    tf32: bool = False
    compiled: bool = False

    def probs(self, device: str) -> Sequence[float | None]:
        """Each p that it is measured at."""
        return (PROBS_GPU if device != 'cpu' else PROBS) if self.distiller else (None, )


CONTESTANTS = (
    Contestant('published', PublishedDistiller, {}),
    Contestant('mmct', ReplacementDistiller, {}),
    Contestant('mmct, teacher bf16', ReplacementDistiller, dict(teacher_bf16=True)),
    Contestant('mmct, bf16', ReplacementDistiller, {}, bf16=True),
    Contestant('student alone', None, {}),
    Contestant('student alone, bf16', None, {}, bf16=True),
)
# Compiling takes minutes, so it comes last.
CONTESTANTS_GPU = (
    *CONTESTANTS[:2],
    Contestant('mmct, tf32', ReplacementDistiller, {}, tf32=True),
    CONTESTANTS[3],
    *CONTESTANTS[4:],
    Contestant('mmct, bf16, compiled', ReplacementDistiller, {}, bf16=True, compiled=True),
    Contestant('mmct, compiled', ReplacementDistiller, {}, compiled=True),
)


@dataclass(frozen=True)
class Row:
    """A way to train at one p.

    Attributes:
        name, prob: which; no p for only the student, which has no gates.
        seconds: of a step, on average.
        macs: multiply-accumulates of a step, on average.
        loss: of the first step, the same pairs for all.
        memory: megabytes at the most, of weights, gradients, optimizer and activations; None
            if the system does not tell.
    """
    name: str
    prob: float | None
    seconds: float
    macs: float
    loss: float
    memory: float | None

    def line(self) -> str:
        """In a few words."""
        at = '' if self.prob is None else f', p={self.prob:g}'
        return f'training, {self.name}{at}: {self.seconds:.3g} s a step'

    def record(self) -> dict:
        """For a file."""
        return dict(name=self.name, prob=self.prob, seconds=self.seconds, macs=self.macs,
                    loss=self.loss, peak_memory_mb=self.memory)


class Step:
    """One optimizer step on a batch of noise.

    Args:
        config: of a compression.
        teacher: file with the teacher's weights.
        device: what it runs on.
    """

    def __init__(self, contestant: Contestant, config: dict, teacher: Path,
                 device: str = 'cpu') -> None:
        config = dict(config, teacher_checkpoint=str(teacher), **contestant.changes)
        torch.manual_seed(0)
        if contestant.distiller:
            config.pop('type')
            self.model = contestant.distiller(**config).to(device).train()
            self.model.build_teacher()
        else:
            self.model = MODELS.build(config['student']).to(device).train()
        student = getattr(self.model, 'student', self.model)
        self.stages = len(student.backbone.division)
        self.bf16, self.device = contestant.bf16, torch.device(device)
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(parameters, 4e-5, weight_decay=1e-4)

    def run(self, clip: Clip, gates: list[bool], update: bool = True) -> float:
        """Returns the sum of the losses."""
        torch.manual_seed(0)  # the same paths dropped by all
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext():
            if isinstance(self.model, ReplacementDistiller):
                losses = self.model.losses(clip, clip, gates)
            else:
                losses = self.model.losses(clip)
        total, _ = self.model.parse_losses(losses)
        total.backward()
        if update:
            nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
            self.optimizer.step()
        return total.item()

    def compile(self) -> None:
        """Let each layer be compiled: gates choose among layers, so a whole step would be compiled
        anew for each pattern of theirs."""
        torch._dynamo.config.recompile_limit = GATE_PATTERNS
        for tracker in (getattr(self.model, 'student', self.model),
                        getattr(self.model, 'teacher', None)):
            for layer in tracker.backbone.layers if tracker is not None else ():
                layer.compile()

    def timed(self, clip: Clip, gates: list[bool]) -> float:
        """Seconds of a step."""
        self.wait()
        start = time.perf_counter()
        self.run(clip, gates)
        self.wait()
        return time.perf_counter() - start

    def wait(self) -> None:
        """Until a GPU has done all that it was asked."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)

    def count_macs(self, clip: Clip, gates: list[bool]) -> int:
        """Multiply-accumulates of a step, forward and backward."""
        return macs_of(lambda: self.run(clip, gates, update=False))


def noise(config: Config, size: int, device: str = 'cpu') -> Clip:
    """A batch of crops without meaning, targets near the middle, of as many templates and search
    frames as are trained on."""
    backbone = config.model.student.backbone
    sampling = make_sampling(config.train_dataloader.dataset.get('sampling', dict(type='pair')))
    rng = torch.Generator().manual_seed(0)
    templates, searches = (torch.randn(size, count, 3, side, side, generator=rng)
                           for count, side in (
                               (sampling.num_templates, backbone.template_size),
                               (sampling.num_searches, backbone.search_size)))
    template_boxes = torch.tensor([[[0.25, 0.25, 0.5, 0.5]]]) * backbone.template_size
    return Clip(*(part.to(device) for part in (
        templates, template_boxes.repeat(size, sampling.num_templates, 1), searches,
        torch.rand(size, sampling.num_searches, 4, generator=rng) * 0.3 + 0.35)))


def patterns(prob: float, stages: int, steps: int) -> list[list[bool]]:
    """Gates of as many steps, with the student's share as near to p as it can be."""
    rng = np.random.default_rng(0)
    total = max(round(prob * stages * steps), steps)
    counts = [total // steps + (i < total % steps) for i in range(steps)]
    return [np.isin(np.arange(stages), rng.permutation(stages)[:count]).tolist()
            for count in counts]


def prepare(config: Config, folder: Path) -> Path:
    """A file of weights for the teacher, random ones: they take as long.

    Raises:
        ValueError: the config is no compression, or one whose student sees other crops.
    """
    model = config.model
    if model.type != 'ReplacementDistiller':
        raise ValueError(f'--train needs the config of a compression; model.type is {model.type}')
    if any(model.teacher.backbone[key] != model.student.backbone[key]
           for key in ('template_size', 'search_size')):
        raise ValueError('--train needs a student that sees the crops of its teacher')
    teacher = folder / 'teacher.pth'
    torch.manual_seed(0)
    save_tracker(MODELS.build(model.teacher).state_dict(), teacher, student=False)
    return teacher


def measure(contestant: Contestant, config: Config, teacher: Path, threads: int, batch_size: int,
            steps: int, device: str = 'cpu') -> Iterator[Row]:
    """Time one way to train, at each p."""
    if not MMLogger.check_instance_created('benchmark'):
        # Not where each student starts from.
        MMLogger.get_instance('benchmark', log_level='WARNING')
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision('high' if contestant.tf32 else 'highest')
    memory = PeakMemory(device)
    job = Step(contestant, config.model.to_dict(), teacher, device)
    batch, single = noise(config, batch_size, device), noise(config, 1, device)
    gates = {prob: patterns(prob or 1, job.stages, steps) for prob in contestant.probs(device)}
    macs = {own: batch_size * job.count_macs(single, list(own))
            for own in {tuple(one) for many in gates.values() for one in many}}
    if contestant.compiled:
        job.compile()
    for prob, own in gates.items():
        memory.restart()
        loss = job.run(batch, own[0], update=False)
        for _ in range(WARM_UP_GPU if device != 'cpu' else WARM_UP - 1):
            job.run(batch, own[0])
        if contestant.compiled:
            for pattern in own:  # compiled before they are timed
                job.run(batch, pattern)
        seconds = [job.timed(batch, pattern) for pattern in own]
        yield Row(contestant.name, prob, float(np.mean(seconds)),
                  float(np.mean([macs[tuple(pattern)] for pattern in own])), loss,
                  memory.megabytes())
