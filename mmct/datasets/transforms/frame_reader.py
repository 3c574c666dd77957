import cv2

from ...formats.own import frame_of_video
from ...runtime.frames import read_image

# By how much frames can be smaller than they are.
REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
           8: cv2.IMREAD_REDUCED_COLOR_8}
NEAR = 32  # frames ahead; decoding them is about as fast as looking for a place in the file


class FrameReader:
    """Frames by name, image files or VIDEO#NUMBER; the video of the last call stays open.

    One after the other, frames of a video cost what decoding costs. Any other frame is decoded
    from the last key frame before it, some tens of frames in most files.
    """

    def __init__(self):
        self.path, self.capture, self.next = None, None, 0

    def read(self, name, scale=1):
        """(H, W, 3) uint8 BGR, smaller by ``scale``, one of ``REDUCED``.

        Raises:
            OSError: it cannot be read.
        """
        path, number = frame_of_video(name) or (None, 0)
        if path is None:
            return read_image(name, REDUCED[scale])
        if path != self.path:
            self.path, self.capture, self.next = path, cv2.VideoCapture(path), 0
        if not self.next <= number <= self.next + NEAR:
            self.capture.set(cv2.CAP_PROP_POS_FRAMES, number)
            self.next = number
        while self.next < number and self.capture.grab():
            self.next += 1
        ok, frame = self.capture.read()
        # After a failure nobody knows where the file stands.
        self.path, self.next = (path, number + 1) if ok else (None, 0)
        if not ok:
            raise OSError(f'frame {name} cannot be read')
        if scale == 1:
            return frame
        return cv2.resize(frame, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
