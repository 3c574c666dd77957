"""Stage division: which layers of a student stand for which of its teacher's (CompressTracker,
section 3.2)."""
import json
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from ...utils.checks import check_number, check_numbers
from ..initialise import children, copy_what_fits

LAYER_INITS = ('last_of_stage', 'first_k', 'random', 'scratch')
AUTO = 'auto'


def divide(teacher_depth: int, division: int | Sequence[int] | str,
           division_file: str | Path | None = None, num_stages: int | None = None) -> list[int]:
    """Sizes of the teacher's stages.

    Args:
        teacher_depth: layers of the teacher.
        division: number of even stages, the positive size of each stage, or 'auto' for those of
            ``division_file``.
        division_file: what ``tools/analyze_stages.py`` wrote.
        num_stages: how many stages there have to be, None for any number.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the stages do not make up the teacher, or are not so many.
    """
    check_number('teacher_depth', teacher_depth, '[1, 1000]', whole=True)
    if division == AUTO:
        sizes = _sizes(teacher_depth, _read_division(division_file, teacher_depth))
    elif division_file is not None:
        raise ValueError(f"division_file={division_file} is for division='auto', not for "
                         f'division={division}; set the one or leave out the other')
    else:
        sizes = _sizes(teacher_depth, division)
    if num_stages not in (None, len(sizes)):
        source = f'{division_file} has' if division == AUTO else f'division={division} makes'
        raise ValueError(f'{source} {len(sizes)} stages, num_stages={num_stages} asks for '
                         f'{num_stages}; change num_stages, or run tools/analyze_stages.py with '
                         f'--stages {num_stages}')
    return sizes


def _read_division(file: str | Path | None, teacher_depth: int) -> list[int]:
    write = 'write one with tools/analyze_stages.py'
    if file is None:
        raise ValueError(f"division='auto' needs a division_file; {write} and set it beside")
    if not Path(file).is_file():
        raise FileNotFoundError(f'division_file={file} does not exist; {write}')
    try:
        content = json.loads(Path(file).read_text())
        depth, division = content['teacher_depth'], list(content['division'])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f'division_file={file} is not a file of tools/analyze_stages.py: it has '
                         'no "teacher_depth" and "division"') from error
    if depth != teacher_depth:
        raise ValueError(f'division_file={file} divides a teacher of {depth} layers, this one has '
                         f'{teacher_depth}; {write} for this teacher')
    return division


def _sizes(teacher_depth: int, division: int | Sequence[int]) -> list[int]:
    if isinstance(division, str):
        raise ValueError(f"division={division!r} is neither 'auto' nor a number of stages nor a "
                         'list of their sizes')
    if not isinstance(division, (list, tuple)):
        check_number('division', division, '(-inf, inf)', whole=True)
        if not 1 <= division <= teacher_depth:
            raise ValueError(f'division={division}: a teacher of {teacher_depth} layers has 1 to '
                             f'{teacher_depth} stages; change division in the config')
        if teacher_depth % division:
            raise ValueError(f'division={division} does not divide the {teacher_depth} layers of '
                             'the teacher evenly; give the size of each stage as a list')
        return [teacher_depth // division] * division
    sizes = list(division)
    if len(sizes) > teacher_depth:
        raise ValueError(f'division={sizes} has {len(sizes)} stages, more than the '
                         f'{teacher_depth} layers of the teacher')
    check_numbers('division', sizes, '[1, inf)', whole=True)
    if sum(sizes) != teacher_depth:
        raise ValueError(f'division={sizes} sums to {sum(sizes)}, but the teacher has '
                         f'{teacher_depth} layers; change division or teacher_depth')
    return sizes


class StageDivision:
    """What makes a stageable backbone a student: its layers grouped by the teacher's stages.

    A base for backbones, beside the one that has ``layers``.

    Attributes:
        division: layers of the teacher in each stage.
        layers_per_stage: layers of the student in each stage.
        layer_init: where a student layer's weights come from when training starts:
            'last_of_stage' (the last teacher layers of its stage), 'first_k' (the teacher's first
            layers), 'random', or 'scratch': then nothing else starts from the teacher, either.
    """

    def set_division(self, teacher_depth: int, division: int | Sequence[int] | str,
                     layers_per_stage: int = 1, layer_init: str = 'last_of_stage',
                     division_file: str | None = None, num_stages: int | None = None) -> int:
        """Set the attributes, see :func:`divide`; returns the student's depth.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the stages do not make up the teacher, or the student's are too long.
        """
        if layer_init not in LAYER_INITS:
            raise ValueError(f'layer_init={layer_init!r} is not one of {LAYER_INITS}')
        self.division = divide(teacher_depth, division, division_file, num_stages)
        check_number('layers_per_stage', layers_per_stage, '(-inf, inf)', whole=True)
        copied = layer_init in ('last_of_stage', 'first_k')
        if layers_per_stage < 1 or copied and layers_per_stage > min(self.division):
            raise ValueError(f'layers_per_stage={layers_per_stage} of the student must be at least '
                             f'1 and at most as many as the teacher has, {self.division}')
        self.layers_per_stage = layers_per_stage
        self.layer_init = layer_init
        return len(self.division) * layers_per_stage

    def teacher_stages(self) -> list[range]:
        """Indices of the teacher's layers, stage by stage."""
        stages, start = [], 0
        for size in self.division:
            stages.append(range(start, start + size))
            start += size
        return stages

    def stage(self, index: int) -> nn.ModuleList:
        """The student's layers of one stage."""
        start = index * self.layers_per_stage
        return self.layers[start:start + self.layers_per_stage]

    def teacher_layer(self, layer: int) -> int:
        """Which of the teacher's layers a student layer starts from."""
        if self.layer_init == 'first_k':
            return layer
        stage, place = divmod(layer, self.layers_per_stage)
        return self.teacher_stages()[stage][place - self.layers_per_stage]

    def init_from_teacher(self, teacher: nn.Module) -> None:
        """Start from the teacher: layers by ``layer_init``, all else by name, where it fits."""
        if self.layer_init == 'scratch':
            return
        names = {name: name for name in children(self, without='layers')}
        if self.layer_init != 'random':
            for i, layer in enumerate(self.layers):
                source = self.teacher_layer(i)
                names.update((f'layers.{i}.{name}', f'layers.{source}.{name}')
                             for name in children(layer))
        copy_what_fits(self, teacher, names, getattr(self, 'resize_parameter', None), 'backbone.')
