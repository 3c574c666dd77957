"""Stage division: which layers of a student stand for which of its teacher's (CompressTracker,
section 3.2)."""
from collections.abc import Sequence
from functools import partial
from itertools import accumulate

from mmtrack.registry import MODELS
from torch import nn

from ...utils.checks import check_number
from ..initialise import children, copy_what_fits
from .itpn import FastITPN
from .mixvit import MixViT
from .odtrack_vit import ODTrackViT
from .one_stream_vit import OneStreamViT

LAYER_INITS = ('last_of_stage', 'first_k', 'random', 'scratch')


def divide(teacher_depth: int, division: int | Sequence[int]) -> list[int]:
    """Sizes of the teacher's stages, by the number of even ones, or the positive size of each;
    ValueError if they do not make up the teacher."""
    check_number('teacher_depth', teacher_depth, '[1, 1000]', whole=True)
    sizes = division
    if isinstance(division, int) and 1 <= division <= teacher_depth:
        sizes = [teacher_depth // division] * division
    if not (isinstance(sizes, (list, tuple))
            and all(isinstance(size, int) and size > 0 for size in sizes)
            and sum(sizes) == teacher_depth):
        raise ValueError(f'division={division!r} does not make up the {teacher_depth} layers of '
                         'the teacher; give a number of stages that divides them, or the size of '
                         'each stage as a list')
    return list(sizes)


class StageDivision:
    """What makes a stageable backbone a student; a base before the one with ``layers``.

    Args:
        division: number of even stages, or the size of each stage: 4, or [2, 2, 6, 2].
        teacher_depth: layers of the teacher that is divided.
        layers_per_stage: layers of the student in a stage.
        layer_init: what a student layer's weights are when training starts:
            'last_of_stage' (the last teacher layers of its stage), 'first_k' (the teacher's first
            layers), 'random', or 'scratch': then nothing else starts from the teacher, either.
        **kwargs: of the backbone, such as its teacher's; ``depth`` is left out or None.
            ``drop_path_rate`` is the teacher's: a layer takes the rate of the first teacher layer
            of its stage.

    Attributes:
        division: layers of the teacher in each stage.
    """

    def __init__(self, division: int | Sequence[int] = 4, teacher_depth: int = 12,
                 layers_per_stage: int = 1, layer_init: str = 'last_of_stage', **kwargs) -> None:
        if kwargs.pop('depth', None) is not None:
            raise ValueError(f'depth of a {type(self).__name__} is the number of its stages; set '
                             'division instead')
        if layer_init not in LAYER_INITS:
            raise ValueError(f'layer_init={layer_init!r} is not one of {LAYER_INITS}')
        self.division = divide(teacher_depth, division)
        most = min(self.division) if layer_init in ('last_of_stage', 'first_k') else 'inf'
        check_number('layers_per_stage', layers_per_stage, f'[1, {most}]', whole=True)
        self.layers_per_stage = layers_per_stage
        self.layer_init = layer_init
        super().__init__(depth=len(self.division) * layers_per_stage, **kwargs)

    def drop_path_rates(self, rate: float, depth: int) -> Sequence[float]:
        """Of each layer: that of the first teacher layer of its stage."""
        rates = super().drop_path_rates(rate, sum(self.division))
        return [rates[stage[0]] for stage in self.teacher_stages()
                for _ in range(self.layers_per_stage)]

    def teacher_stages(self) -> list[range]:
        """Indices of the teacher's layers, stage by stage."""
        return [range(end - size, end)
                for size, end in zip(self.division, accumulate(self.division))]

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

    def init_from_teacher(self, teacher: nn.Module, middle: bool = False) -> None:
        """Start from the teacher: layers by ``layer_init``, all else by name, if it fits; from the
        middle of its position tables if the student's crops are the ``middle`` of its own."""
        if self.layer_init == 'scratch':
            return
        names = {name: name for name in children(self, without='layers')}
        if self.layer_init != 'random':
            for i, layer in enumerate(self.layers):
                source = self.teacher_layer(i)
                names.update((f'layers.{i}.{name}', f'layers.{source}.{name}')
                             for name in children(layer))
        resize = getattr(self, 'resize_parameter', None)
        copy_what_fits(self, teacher, names,
                       resize and partial(resize, other=teacher, middle=middle), 'backbone.')


# Students' backbones; arguments as of StageDivision, and of the teacher's without ``depth``.


@MODELS.register_module()
class StageDividedViT(StageDivision, OneStreamViT):
    """A student of a :class:`OneStreamViT`."""


@MODELS.register_module()
class StageDividedMixViT(StageDivision, MixViT):
    """A student of a :class:`MixViT`."""


@MODELS.register_module()
class StageDividedODTrackViT(StageDivision, ODTrackViT):
    """A student of an :class:`ODTrackViT`."""


@MODELS.register_module()
class StageDividedFastITPN(StageDivision, FastITPN):
    """A student of a :class:`FastITPN`, with all convolutional blocks of its teacher."""
