import math

from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ...utils.checks import check_numbers
from .frame_reader import REDUCED, FrameReader


@TRANSFORMS.register_module()
class LoadPair(BaseTransform):
    """Read the frames of a pair, images or VIDEO#NUMBER; an image paired with itself is read once.

    Adds ``img``: a list of (H, W, 3) uint8 BGR frames. Where a target is large, decoding a JPEG
    at half, a quarter or an eighth of its size is faster and leaves its crop enough pixels; with
    ``reduce_to``, frames are as small as that allows, and ``boxes`` are in pixels of these.

    Args:
        reduce_to: side in pixels that the square around each target, not jittered, has to keep:
            one value per frame (template, search), such as ``CropPair.size``; None to decode
            frames as they are.
        factor: as ``CropPair``'s; needed by ``reduce_to``.

    Raises:
        OSError: a frame is missing or not an image.
    """

    def __init__(self, reduce_to=None, factor=None):
        if reduce_to is not None:
            check_numbers('LoadPair.reduce_to', reduce_to, '[1, 4096]', whole=True)
            check_numbers('LoadPair.factor', factor, '(0, 100]', len(reduce_to))
        self.reader = FrameReader()
        self.settings = reduce_to and list(zip(reduce_to, factor))

    def transform(self, results):
        paths = results['img_path']
        scales = [1] * len(paths)
        if self.settings:
            boxes = results['boxes']
            scales = [self.reduction(box, *own) for box, own in zip(boxes, self.settings)]
            results['boxes'] = [tuple(float(value) / scale for value in box)
                                for box, scale in zip(boxes, scales)]
        frames = {}
        for key in zip(paths, scales):
            if key not in frames:
                frames[key] = self.reader.read(*key)
        results['img'] = [frames[key] for key in zip(paths, scales)]
        return results

    @staticmethod
    def reduction(box, size, factor):
        """The largest of ``REDUCED`` that leaves the square of x, y, w, h ``size`` pixels."""
        side = math.sqrt(max(float(box[2] * box[3]), 0)) * factor
        return max((scale for scale in REDUCED if side / scale >= size), default=1)
