import cv2
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS


@TRANSFORMS.register_module()
class GrayPair(BaseTransform):
    """Take the colour from both frames together, with probability ``prob``."""

    def __init__(self, prob):
        self.prob = prob

    def transform(self, results):
        if results['rng'].random() < self.prob:
            results['img'] = [
                cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
                for frame in results['img']]
        return results
