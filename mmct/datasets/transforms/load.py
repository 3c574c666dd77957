"""Reading frames."""
import math
from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ...runtime.frames import FrameError, Video, check_levels, frame_of_video, read_image
from ...utils.checks import check_numbers

# By how much frames can be smaller than they are.
REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
           8: cv2.IMREAD_REDUCED_COLOR_8}


class FrameReader:
    """Frames by name, image files or VIDEO#NUMBER; the video of the last call stays open."""

    def __init__(self, levels: Sequence[float] | None = None) -> None:
        self.levels = levels
        self._videos, self._last = {}, None

    def read(self, name: str, scale: int = 1) -> np.ndarray:
        """A frame (H, W, 3) uint8 BGR, smaller by a scale of ``REDUCED``."""
        video = frame_of_video(name)
        if video is None:
            return read_image(name, REDUCED[scale], self.levels)
        path, number = video
        if path not in self._videos:
            self._videos[path] = Video(path, self.levels)
        if self._last not in (None, path):
            self._videos[self._last].close()
        self._last = path
        frame = self._videos[path][number]
        if scale == 1:
            return frame
        return cv2.resize(frame, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)


def kinds(results: dict) -> list[int]:
    """Of each box, whether it is a template's (0) or a search frame's (1): the index of its values
    in settings that have one for each."""
    templates = results.get('num_templates', 1)
    return [int(i >= templates) for i in range(len(results['boxes']))]


@TRANSFORMS.register_module()
class LoadPair(BaseTransform):
    """Read the frames of a sample, images or VIDEO#NUMBER; one that comes twice is read once.

    Adds ``img``: a list of (H, W, 3) uint8 BGR frames. Where a target is large, decoding a JPEG
    at half, a quarter or an eighth of its size is faster and leaves its crop enough pixels; with
    ``reduce_to``, frames are as small as that allows, and ``boxes`` are in pixels of these.

    A box of None, of a frame without the target, becomes one in the middle of the frame, an eighth
    as wide and high.

    Args:
        reduce_to: side in pixels that the square around each target, not jittered, has to keep:
            one value for templates, one for search frames, such as ``CropPair.size``; None to
            decode frames as they are.
        factor: as ``CropPair``'s; needed by ``reduce_to``.
        levels: of images of 16 bits, the levels that become 0 and 255, see
            :func:`mmct.runtime.frames.read_image`.
    """

    def __init__(self, reduce_to: Sequence[int] | None = None,
                 factor: Sequence[float] | None = None,
                 levels: Sequence[float] | None = None) -> None:
        if reduce_to is not None:
            check_numbers('LoadPair.reduce_to', reduce_to, '[1, 4096]', 2, whole=True)
            check_numbers('LoadPair.factor', factor, '(0, 100]', 2)
        check_levels('LoadPair.levels', levels)
        self.reader = FrameReader(levels)
        self.settings = None if reduce_to is None else list(zip(reduce_to, factor))

    def transform(self, results: dict) -> dict:
        """Read ``img_path``, a name for each frame."""
        paths = results['img_path']
        scales = [1] * len(paths)
        if self.settings:
            scales = [self.reduction(box, *self.settings[kind])
                      for box, kind in zip(results['boxes'], kinds(results))]
            results['boxes'] = [
                None if box is None else tuple(float(value) / scale for value in box)
                for box, scale in zip(results['boxes'], scales)]
        frames = {}
        for key, size in zip(zip(paths, scales), results.get('sizes') or [None] * len(paths)):
            if key not in frames:
                frames[key] = self.reader.read(*key)
                check_size(*key, frames[key], size)
        results['img'] = [frames[key] for key in zip(paths, scales)]
        if 'boxes' in results:
            results['boxes'] = [
                middle_box(*frame.shape[1::-1]) if box is None else box
                for frame, box in zip(results['img'], results['boxes'], strict=True)]
        return results

    @staticmethod
    def reduction(box: Sequence[float] | None, size: int, factor: float) -> int:
        """The largest of ``REDUCED`` that leaves the square around a box x, y, w, h, of ``factor``
        sqrt(w * h), ``size`` pixels a side; 1 for no box."""
        if box is None:
            return 1
        side = math.sqrt(max(float(box[2] * box[3]), 0)) * factor
        return max((scale for scale in REDUCED if side / scale >= size), default=1)


def check_size(path: str, scale: int, frame: np.ndarray, size: tuple[int, int] | None) -> None:
    """See that a frame (H, W, 3), decoded so much smaller, is as large as it was when labelled;
    FrameError if not, for the boxes are others."""
    there = frame.shape[1] * scale, frame.shape[0] * scale
    if size and max(abs(a - b) for a, b in zip(there, size)) >= scale:
        turned = (there[0] > there[1]) != (size[0] > size[1])
        raise FrameError(f'frame {path} has {there[0]}x{there[1]} pixels, its annotation is of '
                         f'{size[0]}x{size[1]}: it was {"turned" if turned else "resized"} after '
                         'labelling')


def middle_box(width: int, height: int) -> tuple[int, int, int, int]:
    """The box x, y, w, h in pixels that MixFormer gives to a frame without the target."""
    return (int(width / 2 - width / 16), int(height / 2 - height / 16), int(width / 8),
            int(height / 8))


@TRANSFORMS.register_module()
class LoadFrame(BaseTransform):
    """Read one frame of a test sequence, an image or VIDEO#NUMBER; if it cannot be read, say so
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
