import cv2

from ...layouts.own import frame_of_video

NEAR = 32  # frames ahead; decoding them is about as fast as looking for a place in the file


class VideoFrames:
    """Frames of video files, named VIDEO#NUMBER; that of the last call stays open.

    One after the other they cost what decoding costs. Any other frame is decoded from the last
    key frame before it, some tens of frames in most files.
    """

    def __init__(self):
        self.path, self.capture, self.next = None, None, 0

    def read(self, name):
        """(H, W, 3) uint8 BGR; None if it cannot be read, or ``name`` is that of no such frame."""
        path, number = frame_of_video(name) or (None, 0)
        if path is None:
            return None
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
        return frame if ok else None
