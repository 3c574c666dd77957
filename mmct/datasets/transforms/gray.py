from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ...utils.checks import check_number


@TRANSFORMS.register_module()
class GrayPair(BaseTransform):
    """Decide that both frames together lose their colour.

    ``CropPair`` takes the colour from the squares that it cuts, which gives what frames without
    colour would give, and costs less.

    Args:
        prob: with which probability, in [0, 1].
    """

    def __init__(self, prob: float) -> None:
        check_number('prob', prob, '[0, 1]')
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Add ``gray``, a bool."""
        results['gray'] = bool(results['rng'].random() < self.prob)
        return results
