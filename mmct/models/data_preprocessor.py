import numpy as np
import torch
from mmengine.model import BaseDataPreprocessor
from mmtrack.registry import MODELS

from ..utils.checks import check_numbers


@MODELS.register_module()
class PairDataPreprocessor(BaseDataPreprocessor):
    """Batch what the data loader gives, and normalise it where it is a pair.

    Pairs of crops (there is a ``search_img``), (1, 3, S, S) BGR, 0 to 255, leave as (B, 1, 3, S, S)
    normalised RGB, with the boxes of the data samples, on the model's device. Frames to track in
    (only ``img``) leave as they come, (B, 1, 3, H, W) BGR uint8 on the CPU.

    Args:
        mean, std: of R, G, B in [0, 1].
    """

    def __init__(self, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), **kwargs):
        super().__init__(**kwargs)
        check_numbers('data_preprocessor.mean', mean, '(-inf, inf)', 3)
        check_numbers('data_preprocessor.std', std, '(0, inf)', 3)
        self.register_buffer('mean', 255 * torch.tensor(mean).view(3, 1, 1), False)
        self.register_buffer('std', 255 * torch.tensor(std).view(3, 1, 1), False)

    def forward(self, data, training=False):
        samples = data.get('data_samples')
        inputs = {key: self.batch(images) for key, images in data['inputs'].items()}
        if 'search_img' in inputs:
            inputs = {key: self.normalize(self.cast_data(images))
                      for key, images in inputs.items()}
            for key in ('gt_instances', 'search_gt_instances'):
                self.cast_boxes([getattr(sample, key) for sample in samples])
        return {'inputs': inputs, 'data_samples': samples}

    @staticmethod
    def batch(images):
        """Stack a list; a frame to track in comes alone and is not copied."""
        if isinstance(images, torch.Tensor):
            return images
        return images[0][None] if len(images) == 1 else torch.stack(images)

    def normalize(self, images):
        """(..., 3, H, W) BGR, 0 to 255, to float32 RGB of mean 0 and deviation 1."""
        return images.flip(-3).float().sub_(self.mean).div_(self.std)

    def normalize_crops(self, crops, bgr=False):
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

    def cast_boxes(self, instances):
        """Bring the boxes of all samples to the device at once."""
        boxes = torch.as_tensor(np.stack([instance.bboxes for instance in instances]))
        for instance, box in zip(instances, self.cast_data(boxes), strict=True):
            instance.bboxes = box
