"""Reading frames."""
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmtrack.registry import TRANSFORMS

from ...runtime.frames import FrameError, Video, check_levels, frame_of_video, read_image


class FrameReader:
    """Frames by name, image files or VIDEO#NUMBER; the video of the last call stays open."""

    def __init__(self, levels: Sequence[float] | None = None) -> None:
        self.levels = levels
        self._videos, self._last = {}, None

    def read(self, name: str) -> np.ndarray:
        """A frame (H, W, 3) uint8 BGR."""
        video = frame_of_video(name)
        if video is None:
            return read_image(name, levels=self.levels)
        path, number = video
        if path not in self._videos:
            self._videos[path] = Video(path, self.levels)
        if self._last not in (None, path):
            self._videos[self._last].close()
        self._last = path
        return self._videos[path][number]


def kinds(results: dict) -> list[int]:
    """Of each box, whether it is a template's (0) or a search frame's (1): the index of its values
    in settings that have one for each."""
    templates = results.get('num_templates', 1)
    return [int(i >= templates) for i in range(len(results['boxes']))]


class Load(BaseTransform):
    """What reads frames.

    Args:
        levels: of images of 16 bits, the levels that become 0 and 255, see
            :func:`mmct.runtime.frames.read_image`.
    """

    def __init__(self, levels: Sequence[float] | None = None) -> None:
        check_levels(f'{type(self).__name__}.levels', levels)
        self.reader = FrameReader(levels)


@TRANSFORMS.register_module()
class LoadPair(Load):
    """Read the frames of a sample, images or VIDEO#NUMBER; one that comes twice is read once.

    Adds ``img``: a list of (H, W, 3) uint8 BGR frames. A box of None, of a frame without the
    target, becomes one in the middle of the frame, an eighth as wide and high.
    """

    def transform(self, results: dict) -> dict:
        """Read ``img_path``, a name for each frame."""
        paths, frames = results['img_path'], {}
        for path, size in zip(paths, results.get('sizes') or [None] * len(paths)):
            if path not in frames:
                frames[path] = self.reader.read(path)
                check_size(path, frames[path], size)
        results['img'] = [frames[path] for path in paths]
        if 'boxes' in results:
            results['boxes'] = [
                middle_box(*frame.shape[1::-1]) if box is None else box
                for frame, box in zip(results['img'], results['boxes'], strict=True)]
        return results


def check_size(path: str, frame: np.ndarray, size: tuple[int, int] | None) -> None:
    """See that a frame (H, W, 3) is as large as it was when labelled; FrameError if not, for the
    boxes are others."""
    there = frame.shape[1::-1]
    if size and there != tuple(size):
        turned = (there[0] > there[1]) != (size[0] > size[1])
        raise FrameError(f'frame {path} has {there[0]}x{there[1]} pixels, its annotation is of '
                         f'{size[0]}x{size[1]}: it was {"turned" if turned else "resized"} after '
                         'labelling')


def middle_box(width: int, height: int) -> tuple[int, int, int, int]:
    """The box x, y, w, h in pixels that MixFormer gives to a frame without the target."""
    return (int(width / 2 - width / 16), int(height / 2 - height / 16), int(width / 8),
            int(height / 8))


@TRANSFORMS.register_module()
class LoadFrame(Load):
    """Read one frame of a test sequence, an image or VIDEO#NUMBER; if it cannot be read, say so
    and go on.

    Adds ``img``, (H, W, 3) uint8 BGR, ``img_shape`` and ``ori_shape``; for an unreadable frame a
    black pixel and ``load_error``, which the tracker answers by giving up the sequence, and only
    that.
    """

    def transform(self, results: dict) -> dict:
        """Read ``img_path``."""
        try:
            frame = self.reader.read(results['img_path'])
        except OSError as error:
            frame, results['load_error'] = np.zeros((1, 1, 3), np.uint8), str(error)
        results['img'] = frame
        results['img_shape'] = results['ori_shape'] = frame.shape[:2]
        return results
