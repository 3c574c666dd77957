import numpy as np
from mmcv.transforms import BaseTransform

from ...utils.checks import check_number


class ByChance(BaseTransform):
    """What is done to some samples or crops only.

    Args:
        prob: with which probability, in [0, 1].
    """

    def __init__(self, prob: float) -> None:
        check_number('prob', prob, '[0, 1]')
        self.prob = prob

    def happens(self, rng: np.random.Generator) -> bool:
        """Draw whether it is done."""
        return bool(rng.random() < self.prob)
