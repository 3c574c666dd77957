import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmtrack.registry import TRANSFORMS

from ...layouts.own import frame_of_video
from .video_frames import VideoFrames


@TRANSFORMS.register_module()
class LoadFrame(LoadImageFromFile):
    """Read one frame of a test sequence, an image or VIDEO#NUMBER; where it cannot be read, say so
    and go on.

    Adds what ``LoadImageFromFile`` adds, or, for an unreadable frame, a black pixel and
    ``load_error``, which the tracker answers by giving up the sequence, and only that.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.videos = VideoFrames()

    def transform(self, results):
        try:
            if frame_of_video(results['img_path']) is None:
                return super().transform(results)
            return self.from_video(results)
        except (OSError, AssertionError, cv2.error):  # the last, where a file is empty
            results['load_error'] = f'frame {results["img_path"]} cannot be read'
            results['img'] = np.zeros((1, 1, 3), np.uint8)
            results['img_shape'] = results['ori_shape'] = (1, 1)
            return results

    def from_video(self, results):
        frame = self.videos.read(results['img_path'])
        if frame is None:
            raise OSError
        results['img'] = frame
        results['img_shape'] = results['ori_shape'] = frame.shape[:2]
        return results
