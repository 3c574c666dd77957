"""Cost of a training step: the published one, ours, and plain training of the student."""
import copy
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmtrack.registry import MODELS
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmct.checkpoint import save_tracker
from mmct.datasets.sampling import make_sampling
from mmct.evaluation.complexity import macs_of
from mmct.models import ReplacementDistiller
from mmct.models.layers import Block
from mmct.models.structures import Clip

from .machine import peak_memory
from .published_step import KeptAttention
from .tracking import without_elimination

PROBS = (0.5, 0.775, 1.)  # p at the beginning, on average, and at the end of the paper's schedule


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
        distiller: its class, None for the student alone.
        changes: options of the distiller.
        bf16: whether all of it runs under autocast.
    """
    name: str
    distiller: type | None
    changes: dict
    bf16: bool = False


CONTESTANTS = (
    Contestant('published', PublishedDistiller, {}),
    Contestant('mmct', ReplacementDistiller, {}),
    Contestant('mmct, teacher bf16', ReplacementDistiller, dict(teacher_bf16=True)),
    Contestant('mmct, bf16', ReplacementDistiller, {}, bf16=True),
    Contestant('student alone', None, {}),
    Contestant('student alone, bf16', None, {}, bf16=True),
)


@dataclass(frozen=True)
class Row:
    """A way to train at one p.

    Attributes:
        name, prob: which.
        seconds: of a step, on average.
        macs: multiply-accumulates of a step, on average.
        loss: of the first step, the same pairs for all.
    """
    name: str
    prob: float
    seconds: float
    macs: float
    loss: float


class Step:
    """One optimizer step on a batch of noise.

    Args:
        config: of a compression.
        teacher: file with the teacher's weights.
    """

    def __init__(self, contestant: Contestant, config: dict, teacher: Path) -> None:
        config = dict(config, teacher=without_elimination(config['teacher']),
                      teacher_checkpoint=str(teacher), **contestant.changes)
        torch.manual_seed(0)
        if contestant.distiller:
            config.pop('type')
            self.model = contestant.distiller(**config).train()
            self.model.build_teacher()
        else:
            self.model = MODELS.build(config['student']).train()
        student = getattr(self.model, 'student', self.model)
        self.stages = len(student.backbone.division)
        self.bf16 = contestant.bf16
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(parameters, 4e-5, weight_decay=1e-4)

    def run(self, clip: Clip, gates: list[bool], update: bool = True) -> float:
        """Returns the sum of the losses."""
        torch.manual_seed(0)  # the same paths dropped by all
        self.optimizer.zero_grad()
        with torch.autocast('cpu', torch.bfloat16) if self.bf16 else nullcontext():
            if isinstance(self.model, ReplacementDistiller):
                losses = self.model.losses(clip, clip, gates)
            else:
                prediction = next(self.model.predictions(clip))
                losses = self.model.head.loss(prediction, clip.gt_boxes[:, 0])
        total, _ = self.model.parse_losses(losses)
        total.backward()
        if update:
            nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
            self.optimizer.step()
        return total.item()

    def count_macs(self, clip: Clip, gates: list[bool]) -> int:
        """Multiply-accumulates of a step, forward and backward."""
        return macs_of(lambda: self.run(clip, gates, update=False))


def noise(config: Config, size: int) -> Clip:
    """A batch of crops without meaning, targets near the middle."""
    backbone = config.model.student.backbone
    sampling = make_sampling(config.train_dataloader.dataset.get('sampling', dict(type='pair')))
    number, rng = sampling.num_templates, torch.Generator().manual_seed(0)
    templates, searches = (torch.randn(size, count, 3, side, side, generator=rng)
                           for count, side in ((number, backbone.template_size),
                                               (1, backbone.search_size)))
    template_boxes = torch.tensor([[[0.25, 0.25, 0.5, 0.5]]]) * backbone.template_size
    return Clip(templates, template_boxes.repeat(size, number, 1), searches,
                torch.rand(size, 1, 4, generator=rng) * 0.3 + 0.35)


def patterns(prob: float, stages: int, steps: int) -> list[list[bool]]:
    """Gates of as many steps, with the student's share as near to p as it can be."""
    rng = np.random.default_rng(0)
    total = max(round(prob * stages * steps), steps)
    counts = [total // steps + (i < total % steps) for i in range(steps)]
    return [np.isin(np.arange(stages), rng.permutation(stages)[:count]).tolist()
            for count in counts]


def measure(config: Config, folder: Path, threads: int, batch_size: int, steps: int,
            progress: Callable[[], None] = lambda: None) -> list[Row]:
    """Time all step by step in turns, at each of ``PROBS``.

    Raises:
        ValueError: the config is no compression, or one whose student sees other crops.
    """
    model = config.model
    if model.type != 'ReplacementDistiller':
        raise ValueError(f'--train needs the config of a compression; model.type is {model.type}')
    if any(model.teacher.backbone[key] != model.student.backbone[key]
           for key in ('template_size', 'search_size')):
        raise ValueError('--train needs a student that sees the crops of its teacher')
    torch.set_num_threads(threads)
    teacher = folder / 'teacher.pth'
    torch.manual_seed(0)
    save_tracker(MODELS.build(without_elimination(model.teacher)).state_dict(), teacher,
                 student=False)
    batch, single = noise(config, batch_size), noise(config, 1)
    config = model.to_dict()
    jobs = {contestant.name: Step(contestant, config, teacher) for contestant in CONTESTANTS}
    rows = []
    for prob in PROBS:
        gates = patterns(prob, jobs['mmct'].stages, steps)
        macs = {name: batch_size * np.mean([job.count_macs(single, own) for own in gates])
                for name, job in jobs.items()}
        first = {name: job.run(batch, gates[0], update=False) for name, job in jobs.items()}
        progress()
        times = {name: [] for name in jobs}
        for own in gates:
            for name, job in jobs.items():
                start = time.perf_counter()
                job.run(batch, own)
                times[name].append(time.perf_counter() - start)
            progress()
        rows += [Row(name, prob, float(np.mean(times[name])), float(macs[name]), first[name])
                 for name in jobs]
    return rows


def measure_memory(config: Config, folder: Path, threads: int, batch_size: int,
                   progress: Callable[[], None] = lambda: None) -> dict[str, float | None]:
    """Megabytes of each way at the most: weights, gradients, optimizer and activations of two
    steps at p = 0.5, where most is the teacher's; after :func:`measure` in the same folder."""
    memory = {}
    for contestant in CONTESTANTS:
        memory[contestant.name] = peak_memory(
            two_steps, contestant, config, folder / 'teacher.pth', batch_size, threads)
        progress()
    return memory


def two_steps(contestant: Contestant, config: Config, teacher: Path, batch_size: int,
              threads: int) -> None:
    torch.set_num_threads(threads)
    step = Step(contestant, config.model.to_dict(), teacher)
    batch = noise(config, batch_size)
    for gates in patterns(0.5, step.stages, 2):
        step.run(batch, gates)
