import cv2
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadPair(BaseTransform):
    """Read the frames of a pair; an image paired with itself is read once.

    Adds ``img``: a list of (H, W, 3) uint8 BGR frames.

    Raises:
        OSError: a frame is missing or not an image.
    """

    def transform(self, results):
        frames = {}
        for path in results['img_path']:
            if path not in frames:
                frames[path] = self.read(path)
        results['img'] = [frames[path] for path in results['img_path']]
        return results

    def read(self, path):
        frame = cv2.imread(path, cv2.IMREAD_COLOR)
        if frame is None:
            raise OSError(f'frame {path} cannot be read')
        return frame
