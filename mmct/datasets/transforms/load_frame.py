import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmtrack.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadFrame(LoadImageFromFile):
    """Read one frame of a test sequence; where it cannot be read, say so and go on.

    Adds what ``LoadImageFromFile`` adds, or, for an unreadable frame, a black pixel and
    ``load_error``, which the tracker answers by giving up the sequence, and only that.
    """

    def transform(self, results):
        try:
            return super().transform(results)
        except (OSError, AssertionError, cv2.error):  # the last, where a file is empty
            results['load_error'] = f'frame {results["img_path"]} cannot be read'
            results['img'] = np.zeros((1, 1, 3), np.uint8)
            results['img_shape'] = results['ori_shape'] = (1, 1)
            return results
