"""A tracked target in its frame."""
from collections.abc import Sequence

import cv2
import numpy as np

COLOUR, TEXT = (60, 200, 30), (255, 255, 255)  # BGR


def draw_target(frame: np.ndarray, box: Sequence[float], score: float,
                fps: float | None = None) -> None:
    """Draw a box, its score and the speed into a frame.

    Args:
        frame: (H, W, 3) uint8 BGR, changed in place.
        box: x, y, w, h in pixels.
        score: in [0, 1].
        fps: frames a second, None for none.
    """
    x, y, w, h = (round(value) for value in box)
    line = max(round(min(frame.shape[:2]) / 240), 1)
    cv2.rectangle(frame, (x, y), (x + w, y + h), COLOUR, 2 * line, cv2.LINE_AA)
    _label(frame, f'{score:.2f}', (x, max(y - 4 * line, 14 * line)), line)
    if fps is not None:
        _label(frame, f'{fps:.0f} FPS', (6 * line, 16 * line), line)


def _label(frame: np.ndarray, text: str, place: tuple[int, int], line: int) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    # A dark rim, so that it can be read on anything.
    cv2.putText(frame, text, place, font, 0.5 * line, (0, 0, 0), 3 * line, cv2.LINE_AA)
    cv2.putText(frame, text, place, font, 0.5 * line, TEXT, line, cv2.LINE_AA)
