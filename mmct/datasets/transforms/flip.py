import cv2
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ...utils.checks import check_number
from .views import views


@TRANSFORMS.register_module()
class FlipPair(BaseTransform):
    """Mirror both frames together left to right.

    ``boxes`` are x, y, w, h in frame pixels.

    Args:
        prob: with which probability, in [0, 1].
    """

    def __init__(self, prob: float) -> None:
        check_number('prob', prob, '[0, 1]')
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Change ``img``, frames (H, W, 3), and ``boxes``."""
        if results['rng'].random() < self.prob:
            results['boxes'] = [
                (frame.shape[1] - x - w, y, w, h)
                for frame, (x, y, w, h) in zip(results['img'], results['boxes'], strict=True)]
            # Views, because only the crops are ever read.
            results['img'] = [frame[:, ::-1] for frame in results['img']]
        return results


@TRANSFORMS.register_module()
class FlipCrops(BaseTransform):
    """Mirror each crop by itself left to right.

    ``boxes`` are x, y, w, h in units of the crop's side.

    Args:
        prob: with which probability, in [0, 1].
    """

    def __init__(self, prob: float) -> None:
        check_number('prob', prob, '[0, 1]')
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Change the crops (S, S, 3), of a student's size too, and ``boxes``."""
        for i, (x, y, w, h) in enumerate(results['boxes']):
            if results['rng'].random() < self.prob:
                for crops in views(results):
                    crops[i] = cv2.flip(crops[i], 1)
                results['boxes'][i] = 1 - x - w, y, w, h
        return results
