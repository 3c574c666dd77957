"""A window with frames, keys, and boxes that are drawn with the mouse."""
from typing import NamedTuple

import cv2
import numpy as np

from .target import COLOURS, write_hint

WINDOW = 'mmct'
KEYS = ('in the window: drag a box to select the target again, with Shift to follow another one, '
        'too; Space pauses, Escape or q ends')
ENDS = (27, ord('q'))
SMALLEST = 2  # pixels; a click is no box


class Selection(NamedTuple):
    """A box that was drawn."""
    box: tuple[int, int, int, int]  # x, y, w, h in pixels
    another: bool  # target, beside those that there are


class Window:
    """The one window of a program.

    Attributes:
        closed: whether the user has ended it, with a key or as any window.

    Raises:
        ValueError: OpenCV has no windows.
    """

    def __init__(self) -> None:
        try:
            cv2.namedWindow(WINDOW, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
            cv2.setMouseCallback(WINDOW, self._on_mouse)
        except cv2.error:
            raise ValueError(
                '--show and --select need an OpenCV with windows (opencv-python, not its headless '
                'build); leave out --show, and give the box with --box X,Y,W,H') from None
        self.closed = self._paused = False
        self._size = (0, 0)
        self._corners = self._selection = None

    def show(self, frame: np.ndarray, select: bool = False) -> Selection | None:
        """Show a frame (H, W, 3) uint8 BGR, until the next: as long as the user pauses or draws a
        box.

        Args:
            select: wait for a box.

        Returns:
            a box that was drawn in this frame; None otherwise, and when the window was closed.
        """
        self._size = frame.shape[1::-1]
        while not self.closed:
            picture = frame
            if self._corners or select:
                picture = frame.copy()
            if self._corners:
                cv2.rectangle(picture, *self._corners, COLOURS[0])
            elif select:
                write_hint(picture, 'drag a box')
            cv2.imshow(WINDOW, picture)
            waits = select or self._paused or self._corners
            key = cv2.waitKey(20 if waits else 1) & 0xFF
            self.closed = key in ENDS or not is_open()
            self._paused ^= key == ord(' ')
            if self._selection:
                found, self._selection = self._selection, None
                return found
            if not (select or self._paused or self._corners):
                break
        return None

    def close(self) -> None:
        """Take it from the screen."""
        if is_open():
            cv2.destroyWindow(WINDOW)

    def _on_mouse(self, event: int, x: int, y: int, flags: int, _: object) -> None:
        corner = tuple(min(max(value, 0), size) for value, size in zip((x, y), self._size))
        if event == cv2.EVENT_LBUTTONDOWN:
            self._corners = [corner, corner]
        elif self._corners:
            self._corners[1] = corner
            if event == cv2.EVENT_LBUTTONUP:
                low, high = np.sort(self._corners, axis=0).tolist()
                self._corners, size = None, (high[0] - low[0], high[1] - low[1])
                if min(size) >= SMALLEST:
                    another = bool(flags & cv2.EVENT_FLAG_SHIFTKEY)
                    self._selection = Selection((*low, *size), another)


def is_open() -> bool:
    """Whether the window is on the screen."""
    try:
        return cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:  # of Qt, after the user has closed it
        return False
