"""A tracked target in its frame."""
import itertools
from collections.abc import Sequence

import cv2
import numpy as np

COLOURS = [(60, 200, 30), (30, 140, 255), (230, 160, 40), (200, 60, 220)]  # BGR, of targets in turn
TEXT = (255, 255, 255)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_target(frame: np.ndarray, box: Sequence[float], score: float,
                fps: float | None = None, number: int = 0, lost: bool = False) -> None:
    """Draw a box, its score and the speed into a frame; the target itself is not drawn over.

    Args:
        frame: (H, W, 3) uint8 BGR, changed in place.
        box: x, y, w, h in pixels.
        score: in [0, 1].
        fps: frames a second, None for none.
        number: of the target, from 0, which gives the colour.
        lost: of what is probably not the target, only the corners are drawn.
    """
    line = max(round(min(frame.shape[:2]) / 240), 1)
    x, y, w, h = (round(value) for value in box)
    for distance in range(1, 2 * line + 1):  # around the target, however small it is
        low, high = (x - distance, y - distance), (x + w - 1 + distance, y + h - 1 + distance)
        _rectangle(frame, low, high, COLOURS[number % len(COLOURS)], lost)
    text = f'{"lost " if lost else ""}{score:.2f}'
    width, height = _text_size(text, line)
    # Above the box, or below it if there is no room.
    bottom = low[1] - line if low[1] - line >= height else high[1] + line + height
    _write(frame, text, (min(max(low[0], 0), frame.shape[1] - width),
                         min(max(bottom, height), frame.shape[0])), line)
    if fps is not None:
        _write(frame, f'{fps:.0f} FPS', (0, height), line)


def write_hint(frame: np.ndarray, text: str) -> None:
    """Write a line into a frame, at its lower left."""
    _write(frame, text, (0, frame.shape[0]), max(round(min(frame.shape[:2]) / 240), 1))


def _rectangle(frame: np.ndarray, low: tuple[int, int], high: tuple[int, int],
               colour: tuple[int, int, int], corners: bool) -> None:
    """A rectangle, or a quarter of each side at its corners."""
    if not corners:
        cv2.rectangle(frame, low, high, colour)
        return
    for (x, towards_x), (y, towards_y) in itertools.product(*(
            ((a, b), (b, a)) for a, b in zip(low, high))):
        cv2.line(frame, (x, y), (x + (towards_x - x) // 4, y), colour)
        cv2.line(frame, (x, y), (x, y + (towards_y - y) // 4), colour)


def _text_size(text: str, line: int) -> tuple[int, int]:
    """Width and height in pixels of a text with its dark background."""
    (width, height), below = cv2.getTextSize(text, FONT, 0.5 * line, line)
    return width + 4 * line, height + below + 2 * line


def _write(frame: np.ndarray, text: str, corner: tuple[int, int], line: int) -> None:
    """Write a text on a dark background, so that it can be read on anything.

    Args:
        corner: lower left, x, y in pixels.
    """
    (x, y), (width, height) = corner, _text_size(text, line)
    below = cv2.getTextSize(text, FONT, 0.5 * line, line)[1]
    cv2.rectangle(frame, (x, y - height), (x + width, y), (0, 0, 0), cv2.FILLED)
    cv2.putText(frame, text, (x + 2 * line, y - below), FONT, 0.5 * line, TEXT, line,
                cv2.LINE_AA)
