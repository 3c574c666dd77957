from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from mmtrack.registry import MODELS
from torch import Tensor

from ..utils.checks import check_numbers


@MODELS.register_module()
class PairDataPreprocessor(BaseDataPreprocessor):
    """Normalise the crops of clips, on the model's device; frames to track in (``inputs`` with
    ``img``) stay as they are.

    Args:
        mean, std: of R, G, B in [0, 1].

    Attributes:
        normalisation: these, as numbers.
    """

    def __init__(self, mean: Sequence[float] = (0.485, 0.456, 0.406),
                 std: Sequence[float] = (0.229, 0.224, 0.225), **kwargs) -> None:
        super().__init__(**kwargs)
        check_numbers('data_preprocessor.mean', mean, '[0, 1]', 3)
        check_numbers('data_preprocessor.std', std, '(0, 1]', 3)
        self.normalisation = dict(mean=list(mean), std=list(std))
        self.register_buffer('mean', 255 * torch.tensor(mean).view(3, 1, 1), False)
        self.register_buffer('std', 255 * torch.tensor(std).view(3, 1, 1), False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """``inputs`` of a data loader, clips or a frame; ``training`` makes no difference."""
        if 'img' in data['inputs']:
            return data
        return {'inputs': {name: clip._replace(templates=self.normalize(clip.templates),
                                               searches=self.normalize(clip.searches))
                           for name, clip in self.cast_data(data['inputs']).items()}}

    def normalize(self, images: Tensor) -> Tensor:
        """(..., 3, H, W) BGR, 0 to 255, to float32 RGB of mean 0 and deviation 1."""
        return images.flip(-3).float().sub_(self.mean).div_(self.std)

    def normalize_crops(self, crops: Tensor, bgr: bool = False) -> Tensor:
        """As :meth:`normalize`, of crops to track in, (..., S, S, 3) uint8 BGR, to (..., 3, S, S)
        RGB or, if ``bgr``, BGR. The channels stay last in memory, as convolutions like them."""
        # A value for each number of a row: three for a pixel could not be vectorised.
        mean, std = (value.flatten().flip(0).repeat(crops.size(-2), 1)
                     for value in (self.mean, self.std))
        images = (crops.float() - mean).div_(std)
        if not bgr:
            images = images.flip(-1)
        first = crops.dim() - 3  # permute, as ONNX has no negative axes in what movedim becomes
        return images.permute(*range(first), first + 2, first, first + 1)
