import math
from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ...runtime.geometry import box_to_crop, cut_square, only_padding
from ...utils.checks import check_numbers
from .load import kinds


@TRANSFORMS.register_module()
class CropPair(BaseTransform):
    """Crop each frame around a jittered copy of the target's box.

    Each argument has two values, one for templates, one for search frames. A sample with a crop
    that has no area, or shows nothing but padding, is given up (None). With ``gray`` in the
    results (``GrayPair``) the crops have no colour.

    Changes ``img`` to (size, size, 3) uint8 crops, ``boxes`` to x, y, w, h in units of the crop's
    side. With ``student_size``, adds ``student_img``: crops of the same boxes at that size.

    Args:
        size: side of the crop in pixels.
        factor: side of the crop in units of sqrt(w * h) of the box.
        center_jitter: range of the shift of the centre, in units of sqrt(w * h).
        scale_jitter: standard deviation of the logarithm of the box's width and height.
        student_size: side in pixels of the crops of a student of another resolution.
        keep_padding: do not give up samples that show nothing but padding.
        stretched: give boxes as SUTrack has them, see :func:`mmct.runtime.geometry.box_to_crop`.
    """

    def __init__(self, size: Sequence[int], factor: Sequence[float],
                 center_jitter: Sequence[float], scale_jitter: Sequence[float],
                 student_size: Sequence[int] | None = None, keep_padding: bool = False,
                 stretched: bool = False) -> None:
        check_numbers('CropPair.size', size, '[1, 4096]', 2, whole=True)
        check_numbers('CropPair.factor', factor, '(0, 100]', 2)
        check_numbers('CropPair.center_jitter', center_jitter, '[0, 1000]', 2)
        check_numbers('CropPair.scale_jitter', scale_jitter, '[0, 10]', 2)
        self.settings = list(zip(size, factor, center_jitter, scale_jitter, strict=True))
        if student_size is not None:
            check_numbers('CropPair.student_size', student_size, '[1, 4096]', 2, whole=True)
        self.student_size = student_size
        self.keep_padding, self.stretched = keep_padding, stretched

    def transform(self, results: dict) -> dict | None:
        """Crop ``img``, frames (H, W, 3), around ``boxes`` x, y, w, h in their pixels."""
        crops, boxes, student_crops = [], [], []
        for frame, box, kind in zip(results['img'], results['boxes'], kinds(results), strict=True):
            size, factor, center, scale = self.settings[kind]
            jittered = jitter_box(results['rng'], box, center, scale)
            try:
                if not self.keep_padding and only_padding(frame.shape, jittered, factor, size):
                    return None
                patch = cut_square(frame, jittered, factor)
            except ValueError:  # no area, or a jitter beyond all measure
                return None
            if results.get('gray'):
                patch = cv2.cvtColor(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
            crops.append(cv2.resize(patch, (size, size)))
            if self.student_size:
                student_crops.append(cv2.resize(patch, (self.student_size[kind], ) * 2))
            boxes.append(box_to_crop(box, jittered, size / len(patch), size, self.stretched))
        results['img'], results['boxes'] = crops, boxes
        if self.student_size:
            results['student_img'] = student_crops
        return results


def jitter_box(rng: np.random.Generator, box: Sequence[float], center: float, scale: float
               ) -> tuple[float, float, float, float]:
    """Change the size, then the place of a box x, y, w, h in pixels; every draw is per axis, with
    ``center_jitter`` and ``scale_jitter`` of :class:`CropPair`."""
    x, y, w, h = (float(value) for value in box)
    grow_w, grow_h = rng.standard_normal(2)
    shift_x, shift_y = rng.random(2) - 0.5
    new_w, new_h = w * math.exp(grow_w * scale), h * math.exp(grow_h * scale)
    # The shift is measured in the new size, as published.
    reach = math.sqrt(max(new_w * new_h, 0)) * center
    cx, cy = x + 0.5 * w + reach * shift_x, y + 0.5 * h + reach * shift_y
    return cx - 0.5 * new_w, cy - 0.5 * new_h, new_w, new_h
