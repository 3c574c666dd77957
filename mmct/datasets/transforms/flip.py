import cv2
from mmtrack.registry import TRANSFORMS

from ...utils.checks import check_number
from .chance import ByChance
from .views import views


@TRANSFORMS.register_module()
class FlipPair(ByChance):
    """Mirror all frames together left to right, with probability ``prob``.

    ``boxes`` are x, y, w, h in frame pixels.

    Args:
        prob: see above.
        shift: pixels by which mirrored boxes lie beside their targets, to the left; 1 in SUTrack's
            training.
    """

    def __init__(self, prob: float, shift: float = 0) -> None:
        super().__init__(prob)
        check_number('FlipPair.shift', shift, '(-inf, inf)')
        self.shift = shift

    def transform(self, results: dict) -> dict:
        """Change ``img``, frames (H, W, 3), and ``boxes``."""
        if self.happens(results['rng']):
            results['boxes'] = [
                (frame.shape[1] - self.shift - x - w, y, w, h)
                for frame, (x, y, w, h) in zip(results['img'], results['boxes'], strict=True)]
            # Views, because only the crops are ever read.
            results['img'] = [frame[:, ::-1] for frame in results['img']]
        return results


@TRANSFORMS.register_module()
class FlipCrops(ByChance):
    """Mirror each crop by itself left to right, with probability ``prob``.

    ``boxes`` are x, y, w, h in units of the crop's side.
    """

    def transform(self, results: dict) -> dict:
        """Change the crops (S, S, 3), of a student's size too, and ``boxes``."""
        for i, (x, y, w, h) in enumerate(results['boxes']):
            if self.happens(results['rng']):
                for crops in views(results):
                    crops[i] = cv2.flip(crops[i], 1)
                results['boxes'][i] = 1 - x - w, y, w, h
        return results
