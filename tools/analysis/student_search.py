"""Which students fit a budget of time: a grid of them, built with random weights and timed."""
import copy
import inspect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from benchmarks.complexity import count_macs, count_parameters
from benchmarks.speed import step_times
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from mmengine.config import Config, ConfigDict
from mmtrack.registry import MODELS

from mmct.api import fuse_for_inference
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker
from mmct.utils.files import atomic_write, write_text

from .divisions import even_division

FRAME_SIZE, BOX = (480, 640, 3), (280, 200, 80, 80)
WARM_UP = 3  # steps of a network that was just built
# Arguments of backbones, by the fields of a shape.
ARGUMENTS = dict(width='embed_dims', mlp_ratio='mlp_ratio', block='block',
                 search_size='search_size')


@dataclass(frozen=True)
class Shape:
    """What may be chosen of a student; None for what its backbone has no argument for.

    Attributes:
        width: C, channels of a token.
        block: registered type of the layers.
        search_size: side of the search crop in pixels.
    """
    layers: int
    width: int | None
    mlp_ratio: float | None
    block: str | None
    search_size: int | None

    @property
    def name(self) -> str:
        parts = [f'{self.layers}l']
        if self.width is not None:
            parts.append(f'w{self.width}')
        if self.mlp_ratio is not None:
            parts.append(f'mlp{self.mlp_ratio:g}')
        if self.block is not None:
            parts.append(self.block.lower().removesuffix('block'))
        if self.search_size is not None:
            parts.append(str(self.search_size))
        return '_'.join(parts)


@dataclass(frozen=True)
class Student:
    """A shape and what it costs.

    Attributes:
        shape: None for the teacher.
        macs: multiply-accumulates of the network for a frame whose templates are encoded.
        milliseconds: of a tracking step, crop to box.
    """
    shape: Shape | None
    macs: int
    parameters: int
    milliseconds: float


def settings(config: dict) -> ConfigDict:
    """What a part is built with: its config, over the defaults of its class; None for an argument
    without any."""
    found = {}
    for cls in reversed(MODELS.get(config['type']).__mro__):
        for argument in inspect.signature(cls.__init__).parameters.values():
            if argument.kind is argument.POSITIONAL_OR_KEYWORD:
                default = argument.default
                found[argument.name] = None if default is argument.empty else default
    return ConfigDict({**found, **config})


def head_width(teacher: ConfigDict) -> int:
    """Channels of an attention head, 1 if the backbone does not say how many it has."""
    return teacher.embed_dims // (teacher.get('num_heads') or teacher.embed_dims)


def grid(config: Config, choices: dict[str, Sequence]) -> list[Shape]:
    """All combinations of the choices, by the names of :class:`Shape`'s fields.

    Raises:
        ValueError: a choice does not go with the teacher or student of the config.
    """
    teacher, own = (settings(config.model[role].backbone) for role in ('teacher', 'student'))
    head_dims, patch = head_width(teacher), teacher.get('patch_size') or 16
    eliminating = (own.get('elimination') or {'layers': []}).get('layers', [3, 6, 9])
    shapes = [Shape(*values) for values in itertools.product(
        *(choices[field.name] for field in fields(Shape)))]
    for shape in shapes:
        for name, argument in ARGUMENTS.items():
            if getattr(shape, name) is not None and argument not in own:
                raise ValueError(f'{name}={getattr(shape, name)}: a {own.type} has no {argument}')
        if shape.block is not None and MODELS.get(shape.block) is None:
            raise ValueError(f'block={shape.block} is not a registered layer, such as '
                             'TransformerBlock; name the module of your own in custom_imports of '
                             'the config')
        if not 1 <= shape.layers <= teacher.depth:
            raise ValueError(f'layers={shape.layers}: the teacher has 1 to {teacher.depth}')
        if eliminating and (shape.layers <= max(eliminating)
                            or shape.block not in (None, 'TransformerBlock')):
            raise ValueError(f'layers={shape.layers}, block={shape.block}: the student of the '
                             f'config eliminates candidates in layers {eliminating}, from 0, of '
                             f'TransformerBlock; give --layers from {max(eliminating) + 1} on and '
                             '--block TransformerBlock, or a config without elimination')
        if shape.width is not None and (shape.width < head_dims or shape.width % head_dims):
            raise ValueError(f'width={shape.width} is not a multiple of {head_dims}, the width of '
                             "the teacher's attention heads")
        if shape.search_size is not None and (
                shape.search_size < patch or shape.search_size % patch):
            raise ValueError(f'search size {shape.search_size} must be a multiple of the patch '
                             f'size {patch}')
        if shape.search_size is not None and crops(config)[0].get('student_factor'):
            less = teacher.search_size - shape.search_size
            if less < 0 or less % (2 * patch):
                raise ValueError(
                    f'search size {shape.search_size}: the student of the config sees the middle '
                    f"of its teacher's crops, {teacher.search_size} pixels or a multiple of "
                    f'{2 * patch} less')
    return shapes


def default_choices(config: Config) -> dict[str, list]:
    """Half a teacher and less, on its own crops and the next smaller ones."""
    teacher, own = (settings(config.model[role].backbone) for role in ('teacher', 'student'))
    head_dims, patch = head_width(teacher), teacher.get('patch_size') or 16
    full = teacher.embed_dims // head_dims
    choices = dict(
        layers=sorted({max(teacher.depth // k, 1) for k in (6, 4, 3, 2)}),
        width=sorted({max(full * k // 4, 1) * head_dims for k in (2, 3, 4)}),
        mlp_ratio=[1., 2., 4.],
        block=['TransformerBlock', 'SeparableBlock'],
        search_size=[None])
    if 'search_size' in own:
        ratio = teacher.search_size // teacher.template_size
        choices['search_size'] = list(range(teacher.search_size, 0, -patch * ratio)[:2])
    return {name: [None] if ARGUMENTS.get(name, 'division') not in own else values
            for name, values in choices.items()}


def crops(config: Config) -> list[ConfigDict]:
    """The ``CropPair`` of the training data and that of the validation data."""
    return [step for loader in (config.train_dataloader, config.val_dataloader)
            for step in loader.dataset.pipeline if step.type == 'CropPair']


def template_size(config: Config, shape: Shape) -> int:
    """Side of the template crop, in whole patches, in about the teacher's proportion to the search
    crop; of a student that sees the middle, with as many patches left out on either side."""
    teacher = settings(config.model.teacher.backbone)
    patch = teacher.get('patch_size') or 16
    patches = shape.search_size * teacher.template_size / teacher.search_size / patch
    if crops(config)[0].get('student_factor'):
        full = teacher.template_size // patch
        return (full - 2 * int((full - patches) / 2)) * patch
    return max(round(patches), 1) * patch


def student_config(config: Config, shape: Shape) -> Config:
    """The compression of ``config`` with a student of another shape."""
    config = copy.deepcopy(config)
    teacher, student = settings(config.model.teacher.backbone), config.model.student
    accepted = settings(student.backbone)
    student.backbone.division = list(even_division(teacher.depth, shape.layers))
    if shape.width is not None:
        student.backbone.embed_dims = shape.width
        if 'num_heads' in accepted:
            student.backbone.num_heads = shape.width // head_width(teacher)
        if 'in_channels' in settings(student.head):
            student.head.in_channels = shape.width
    if shape.mlp_ratio is not None:
        student.backbone.mlp_ratio = shape.mlp_ratio
    if shape.block is not None:
        student.backbone.block = dict(type=shape.block)
    if shape.search_size is not None:
        sizes = [template_size(config, shape), shape.search_size]
        student.backbone.update(template_size=sizes[0], search_size=sizes[1])
        train, val = crops(config)
        train.pop('student_size', None)
        own = {'student_size': sizes}
        if train.pop('student_factor', None):  # as much of the frame as there are pixels
            own['student_factor'] = val.factor = [
                factor * size / full for factor, size, full in zip(train.factor, sizes, train.size)]
            student.test_cfg.update(template_factor=val.factor[0], search_factor=val.factor[1])
        val.size = sizes
        if sizes != list(train.size):
            train.update(own)
    config.student = student
    return config


def measure(configs: dict[Shape | None, dict], steps: int = 15,
            progress: Callable[[], None] = lambda: None, rounds: int = 2) -> list[Student]:
    """Build trackers with random weights, count and time them.

    Each has its turn in every round, so that a busy moment of the machine does not decide.

    Args:
        configs: {shape, or None for the teacher: config of the tracker}.
        steps: tracking steps that are timed in a round.
        progress: called after each turn.
    """
    noise = np.random.default_rng(0).integers(0, 256, FRAME_SIZE, dtype=np.uint8)
    times, costs = {shape: [] for shape in configs}, {}
    for _ in range(rounds):
        for shape, cfg in configs.items():
            tracker = fuse_for_inference(MODELS.build(cfg))
            if shape not in costs:
                costs[shape] = count_macs(tracker).step, count_parameters(tracker)
            times[shape].append(step_times(
                Tracker(TorchNetwork(tracker)), [noise] * (WARM_UP + steps), BOX, WARM_UP))
            progress()
    return [Student(shape, *costs[shape], 1e3 * float(np.median(np.sum(own, axis=2))))
            for shape, own in times.items()]


def write_config(config: Config, student: Student, folder: Path) -> Path:
    """Write the compression to a student as a config of its own; returns its path."""
    path = folder / f'ct_{student.shape.name}.py'
    text = student_config(config, student.shape).pretty_text
    write_text(path, f'# {student.macs / 1e9:.3g} GMACs, {student.parameters / 1e6:.3g} M '
                     f'parameters, {student.milliseconds:.3g} ms a frame where it was timed.\n'
                     f'{text}')
    return path


def draw(students: Sequence[Student], teacher: Student | None, budget: float, path: Path) -> None:
    """Latency over MACs, those within the budget filled."""
    figure = Figure(figsize=(9, 6), layout='constrained')
    axes = figure.add_subplot()
    layers = sorted({s.shape.layers for s in students})
    blocks = sorted({s.shape.block for s in students}, key=str)
    for (block, marker), (i, number) in itertools.product(
            zip(blocks, 'osD^v'), enumerate(layers)):
        own = [s for s in students if (s.shape.block, s.shape.layers) == (block, number)]
        style = dict(color=f'C{i}', marker=marker, linestyle='')
        within = [s for s in own if s.milliseconds <= budget]
        beyond = [s for s in own if s.milliseconds > budget]
        axes.plot([s.macs / 1e9 for s in within], [s.milliseconds for s in within],
                  label=f'{number} × {block or "layer"}', **style)
        axes.plot([s.macs / 1e9 for s in beyond], [s.milliseconds for s in beyond],
                  fillstyle='none', **style)
    if teacher:
        axes.plot(teacher.macs / 1e9, teacher.milliseconds, 'k*', markersize=12, label='teacher')
    axes.axhline(budget, color='grey', linestyle='--', label=f'budget, {budget:g} ms')
    axes.set(xscale='log', yscale='log', xlabel='GMACs a frame', ylabel='ms a frame',
             title='Students: time over arithmetic (filled: within the budget)')
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter('{x:g}')
        axis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3, which='both')
    axes.legend(fontsize='small')
    with atomic_write(path) as part:
        figure.savefig(part, dpi=120, format='png')
