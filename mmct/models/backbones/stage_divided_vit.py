"""The student's backbone: the teacher's ViT, shallower, and anything else by config."""
from collections.abc import Sequence

import torch
from mmtrack.registry import MODELS

from .one_stream_vit import OneStreamViT
from .stage_division import StageDivision


@MODELS.register_module()
class StageDividedViT(StageDivision, OneStreamViT):
    """A ViT of one layer, or a few, for each stage of a deeper teacher.

    Args:
        division: number of even stages, or the size of each stage: 4, or [2, 2, 6, 2].
        teacher_depth: layers of the teacher that is divided.
        layers_per_stage: layers of the student in a stage.
        layer_init: where a student layer's weights come from when training starts:
            'last_of_stage' (the last teacher layers of its stage), 'first_k' (the teacher's first
            layers), 'random', or 'scratch': then nothing else starts from the teacher, either.
        **kwargs: as :class:`OneStreamViT`, without ``depth``. ``drop_path_rate`` is the teacher's:
            a layer takes the rate of the first teacher layer of its stage.
    """

    def __init__(self,
                 division: int | Sequence[int] = 4,
                 teacher_depth: int = 12,
                 layers_per_stage: int = 1,
                 layer_init: str = 'last_of_stage',
                 init_cfg: dict | None = None,
                 **kwargs) -> None:
        if 'depth' in kwargs:
            raise ValueError('depth of a StageDividedViT is the number of its stages; set '
                             'division instead')
        depth = self.set_division(teacher_depth, division, layers_per_stage, layer_init)
        super().__init__(depth=depth, init_cfg=init_cfg, **kwargs)

    def _drop_path_rates(self, rate: float, depth: int) -> Sequence[float]:
        rates = torch.linspace(0, rate, sum(self.division)).tolist()
        return [rates[stage[0]] for stage in self.teacher_stages()
                for _ in range(self.layers_per_stage)]
