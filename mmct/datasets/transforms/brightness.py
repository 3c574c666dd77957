import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ...utils.checks import check_number
from .views import views


@TRANSFORMS.register_module()
class BrightenCrops(BaseTransform):
    """Multiply each crop by its own U(1 - jitter, 1 + jitter), cut at white.

    Crops become float32, still 0 to 255. Rounding them back to uint8 would lose what the published
    pipeline keeps, because that works on floats.

    Args:
        jitter: in [0, 1].
    """

    def __init__(self, jitter: float) -> None:
        check_number('jitter', jitter, '[0, 1]')
        self.jitter = jitter

    def transform(self, results: dict) -> dict:
        """Change the crops (S, S, 3), of a student's size too."""
        for i in range(len(results['img'])):
            gain = np.float32(results['rng'].uniform(1 - self.jitter, 1 + self.jitter))
            for crops in views(results):
                crops[i] = np.minimum(crops[i] * gain, np.float32(255))
        return results
