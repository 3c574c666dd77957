"""Stage division: the student's backbone (CompressTracker, section 3.2)."""
from collections.abc import Sequence

import torch
from mmtrack.registry import MODELS

from .one_stream_vit import OneStreamViT

LAYER_INITS = ('last_of_stage', 'first_k', 'random')


def divide(teacher_depth: int, division: int | Sequence[int]) -> list[int]:
    """Sizes of the teacher's stages.

    Args:
        teacher_depth: layers of the teacher.
        division: number of even stages, or the positive size of each stage.

    Raises:
        ValueError: the stages do not make up the teacher.
    """
    if isinstance(division, int):
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
    if not sizes or any(not isinstance(size, int) or size < 1 for size in sizes):
        raise ValueError(f'division={sizes} must hold positive integers')
    if sum(sizes) != teacher_depth:
        raise ValueError(f'division={sizes} sums to {sum(sizes)}, but the teacher has '
                         f'{teacher_depth} layers; change division or teacher_depth')
    return sizes


@MODELS.register_module()
class StageDividedViT(OneStreamViT):
    """A ViT of one layer for each stage of a deeper teacher.

    Args:
        division: number of even stages, or the size of each stage (4, or [2, 2, 6, 2]).
        teacher_depth: layers of the teacher that is divided.
        layer_init: where a student layer's weights come from when training starts:
            'last_of_stage' (the last teacher layer of its stage), 'first_k' (the teacher's first
            layers) or 'random'.
        **kwargs: as :class:`OneStreamViT`, without ``depth``. ``drop_path_rate`` is the teacher's:
            a layer takes the rate of the first teacher layer of its stage.
    """

    def __init__(self,
                 division: int | Sequence[int] = 4,
                 teacher_depth: int = 12,
                 layer_init: str = 'last_of_stage',
                 init_cfg: dict | None = None,
                 **kwargs) -> None:
        if layer_init not in LAYER_INITS:
            raise ValueError(f'layer_init={layer_init!r} is not one of {LAYER_INITS}')
        if 'depth' in kwargs:
            raise ValueError('depth of a StageDividedViT is the number of its stages; set '
                             'division instead')
        self.division = divide(teacher_depth, division)
        super().__init__(depth=len(self.division), init_cfg=init_cfg, **kwargs)
        self.layer_init = layer_init

    def _drop_path_rates(self, rate: float, depth: int) -> Sequence[float]:
        rates = torch.linspace(0, rate, sum(self.division)).tolist()
        return [rates[stage[0]] for stage in self.teacher_stages()]

    def teacher_stages(self) -> list[range]:
        """Indices of the teacher's layers, stage by stage."""
        stages, start = [], 0
        for size in self.division:
            stages.append(range(start, start + size))
            start += size
        return stages

    def init_from_teacher(self, teacher: OneStreamViT) -> None:
        """Take embedding, position tables and norm from the teacher, layers by ``layer_init``."""
        for name in ('patch_embed', 'norm'):
            getattr(self, name).load_state_dict(getattr(teacher, name).state_dict())
        with torch.no_grad():
            self.pos_embed_z.copy_(teacher.pos_embed_z)
            self.pos_embed_x.copy_(teacher.pos_embed_x)
        if self.layer_init == 'random':
            return
        for i, stage in enumerate(self.teacher_stages()):
            source = stage[-1] if self.layer_init == 'last_of_stage' else i
            self.layers[i].load_state_dict(teacher.layers[source].state_dict())
