"""What is changed by chance in frames before they are cropped, and in crops."""
import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ...utils.checks import check_number


def crops_by_size(results: dict) -> list[list[np.ndarray]]:
    """Lists of crops, each (S, S, 3), one for each size that there is."""
    return [results[key] for key in ('img', 'student_img') if key in results]


class ByChance(BaseTransform):
    """What is done to some samples or crops only, with a probability ``prob`` in [0, 1]."""

    def __init__(self, prob: float) -> None:
        check_number('prob', prob, '[0, 1]')
        self.prob = prob

    def happens(self, rng: np.random.Generator) -> bool:
        return bool(rng.random() < self.prob)


@TRANSFORMS.register_module()
class GrayPair(ByChance):
    """Remove the colour of all frames together, with probability ``prob``.

    ``CropPair`` removes the colour from the crops, which has the same result as removing it from
    whole frames and costs less.
    """

    def transform(self, results: dict) -> dict:
        """Add ``gray``, a bool."""
        results['gray'] = self.happens(results['rng'])
        return results


@TRANSFORMS.register_module()
class FlipPair(ByChance):
    """Mirror all frames together left to right, with probability ``prob``.

    Args:
        shift: pixels by which mirrored boxes lie beside their targets, to the left; 1 in SUTrack's
            training.
    """

    def __init__(self, prob: float, shift: float = 0) -> None:
        super().__init__(prob)
        check_number('FlipPair.shift', shift, '(-inf, inf)')
        self.shift = shift

    def transform(self, results: dict) -> dict:
        """Change ``img``, frames (H, W, 3), and ``boxes`` x, y, w, h in their pixels."""
        if self.happens(results['rng']):
            results['boxes'] = [
                (frame.shape[1] - self.shift - x - w, y, w, h)
                for frame, (x, y, w, h) in zip(results['img'], results['boxes'], strict=True)]
            # Views, because only the crops are ever read.
            results['img'] = [frame[:, ::-1] for frame in results['img']]
        return results


@TRANSFORMS.register_module()
class FlipCrops(ByChance):
    """Mirror each crop by itself left to right, with probability ``prob``."""

    def transform(self, results: dict) -> dict:
        """Change the crops (S, S, 3), of a student's size too, and ``boxes`` x, y, w, h in units of
        their sides."""
        for i in range(len(results['boxes'])):
            if self.happens(results['rng']):
                for crops in crops_by_size(results):
                    crops[i] = cv2.flip(crops[i], 1)
                for boxes in (results[key] for key in ('boxes', 'student_boxes') if key in results):
                    x, y, w, h = boxes[i]
                    boxes[i] = 1 - x - w, y, w, h
        return results


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
            for crops in crops_by_size(results):
                crops[i] = np.minimum(crops[i] * gain, np.float32(255))
        return results
