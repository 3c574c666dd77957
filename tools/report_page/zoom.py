"""How much of a frame is shown, so that a small target is seen, not buried under boxes."""
import numpy as np

ZOOMS = (1, 2, 4, 8, 16)
SHARE = 6  # a target of a sixth of the frame's shorter side is seen well


def zoom_of(boxes: np.ndarray, width: int, height: int) -> int:
    """One of ``ZOOMS`` for a sequence: the least by which its typical target is seen well.

    Args:
        boxes: (N, 4) x, y, w, h in pixels; those without area do not count.
        width, height: of the frames, in pixels.
    """
    sides = np.sqrt(np.clip(boxes[:, 2:], 0, None).prod(axis=1))
    sides = sides[sides > 0]
    needed = min(width, height) / (SHARE * np.median(sides)) if len(sides) else 1
    return next((zoom for zoom in ZOOMS if zoom >= needed), ZOOMS[-1])


def window(box: np.ndarray, zoom: int, width: int, height: int
           ) -> tuple[float, float, float, float]:
    """Part x, y, w, h of a frame, in pixels: as much as the zoom leaves, around a box.

    Args:
        box: x, y, w, h in pixels.
        width, height: of the frame, in pixels.
    """
    size = np.array([width, height]) / zoom
    low = np.clip(box[:2] + (box[2:] - size) / 2, 0, np.array([width, height]) - size)
    return (*low.tolist(), *size.tolist())
