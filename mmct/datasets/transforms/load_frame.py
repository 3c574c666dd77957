from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ...runtime.frames import check_levels
from .frame_reader import FrameReader


@TRANSFORMS.register_module()
class LoadFrame(BaseTransform):
    """Read one frame of a test sequence, an image or VIDEO#NUMBER; where it cannot be read, say so
    and go on.

    Adds ``img``, (H, W, 3) uint8 BGR, ``img_shape`` and ``ori_shape``; for an unreadable frame a
    black pixel and ``load_error``, which the tracker answers by giving up the sequence, and only
    that.

    Args:
        levels: of images of 16 bits, the levels that become 0 and 255, see
            :func:`mmct.runtime.frames.read_image`.
    """

    def __init__(self, levels: Sequence[float] | None = None) -> None:
        check_levels('LoadFrame.levels', levels)
        self.reader = FrameReader(levels)

    def transform(self, results: dict) -> dict:
        """Read ``img_path``."""
        try:
            frame = self.reader.read(results['img_path'])
        except OSError as error:
            frame, results['load_error'] = np.zeros((1, 1, 3), np.uint8), str(error)
        results['img'] = frame
        results['img_shape'] = results['ori_shape'] = frame.shape[:2]
        return results
