from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ...utils.checks import check_number


@TRANSFORMS.register_module()
class GrayPair(BaseTransform):
    """Decide, with probability ``prob``, that both frames together lose their colour.

    Adds ``gray``; ``CropPair`` takes the colour from the squares that it cuts, which gives what
    frames without colour would give, and costs less.
    """

    def __init__(self, prob):
        check_number('prob', prob, '[0, 1]')
        self.prob = prob

    def transform(self, results):
        results['gray'] = bool(results['rng'].random() < self.prob)
        return results
