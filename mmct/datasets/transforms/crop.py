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
    side. With ``student_size``, adds ``student_img``: crops around the same jittered boxes at that
    size; with ``student_factor``, also ``student_boxes``, in units of these crops' sides.

    Args:
        size: side of the crop in pixels.
        factor: side of the crop in units of sqrt(w * h) of the box.
        center_jitter: range of the shift of the centre, in units of sqrt(w * h).
        scale_jitter: standard deviation of the logarithm of the box's width and height.
        student_size: side in pixels of the crops of a student of another resolution.
        student_factor: as ``factor``, of these crops; None for the same.
        keep_padding: do not give up samples that show nothing but padding.
        stretched: give boxes as SUTrack has them, see :func:`mmct.runtime.geometry.box_to_crop`.
    """

    def __init__(self, size: Sequence[int], factor: Sequence[float],
                 center_jitter: Sequence[float], scale_jitter: Sequence[float],
                 student_size: Sequence[int] | None = None,
                 student_factor: Sequence[float] | None = None, keep_padding: bool = False,
                 stretched: bool = False) -> None:
        check_numbers('CropPair.size', size, '[1, 4096]', 2, whole=True)
        check_numbers('CropPair.factor', factor, '(0, 100]', 2)
        check_numbers('CropPair.center_jitter', center_jitter, '[0, 1000]', 2)
        check_numbers('CropPair.scale_jitter', scale_jitter, '[0, 10]', 2)
        self.settings = list(zip(size, factor, center_jitter, scale_jitter, strict=True))
        if student_size is not None:
            check_numbers('CropPair.student_size', student_size, '[1, 4096]', 2, whole=True)
        if student_factor is not None:
            check_numbers('CropPair.student_factor', student_factor, '(0, 100]', 2)
            if student_size is None or not all(map(math.isclose, np.divide(student_factor, factor),
                                                   np.divide(student_size, size))):
                raise ValueError(
                    f'CropPair.student_factor={list(student_factor)} and student_size='
                    f'{student_size} are not smaller than factor and size in the same proportion; '
                    'the crops of a student that sees less have pixels of the same size')
        self.student_size, self.student_factor = student_size, student_factor
        self.keep_padding, self.stretched = keep_padding, stretched

    def transform(self, results: dict) -> dict | None:
        """Crop ``img``, frames (H, W, 3), around ``boxes`` x, y, w, h in their pixels."""
        crops, boxes, student_crops, student_boxes = [], [], [], []
        for frame, box, kind in zip(results['img'], results['boxes'], kinds(results), strict=True):
            size, factor, center, scale = self.settings[kind]
            jittered = jitter_box(results['rng'], box, center, scale)
            own = self.student_size and self.student_size[kind]
            try:
                patch = self._patch(results, frame, jittered, factor, size)
                student_patch = patch if not self.student_factor else self._patch(
                    results, frame, jittered, self.student_factor[kind], own)
            except ValueError:  # no area, nothing but padding, or a jitter beyond all measure
                return None
            crops.append(cv2.resize(patch, (size, size)))
            boxes.append(box_to_crop(box, jittered, size / len(patch), size, self.stretched))
            if own:
                student_crops.append(cv2.resize(student_patch, (own, own)))
            if self.student_factor:
                student_boxes.append(box_to_crop(
                    box, jittered, own / len(student_patch), own, self.stretched))
        results['img'], results['boxes'] = crops, boxes
        if self.student_size:
            results['student_img'] = student_crops
        if self.student_factor:
            results['student_boxes'] = student_boxes
        return results

    def _patch(self, results: dict, frame: np.ndarray, box: Sequence[float], factor: float,
               size: int) -> np.ndarray:
        """The square of a frame (H, W, 3) that becomes a crop; ValueError if there is none."""
        if not self.keep_padding and only_padding(frame.shape, box, factor, size):
            raise ValueError('nothing but padding')
        patch = cut_square(frame, box, factor)
        if results.get('gray'):
            patch = cv2.cvtColor(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return patch


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
