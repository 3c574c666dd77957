"""What the page's player shows: frames as JPEG files in text, boxes, overlaps."""
import base64
from collections.abc import Sequence

import cv2
import numpy as np

from mmct.evaluation.metrics import inclusive_iou
from mmct.formats.annotations import Annotation

from .zoom import zoom_of

LONGEST_SIDE, QUALITY = 480, 72
LONGEST_ZOOMED = 960  # where a part is shown


def sequence_data(name: str, frames: Sequence[np.ndarray], annotation: Annotation,
                  boxes: Sequence[np.ndarray], room: int) -> dict:
    """One sequence for the player.

    Args:
        frames: (H, W, 3) BGR, at least as many as boxes; evenly spread ones are taken.
        boxes: (N, 4) x, y, w, h in pixels of each tracker.
        room: characters that the frames may take, roughly.

    Returns:
        name; length (N); width and height of the frames; zoom, see :mod:`report_page.zoom`;
        shown, indices of the M frames taken; jpegs (M, base64); truth (M boxes, None if there
        is none) and boxes (of each tracker M);
        overlaps (of each tracker N, None if the target is absent); absent, [begin, end) of
        stretches of frames.
    """
    length = len(annotation.boxes)
    height, width = frames[0].shape[:2]
    has_box = (annotation.boxes[:, 2:] > 0).all(axis=1)
    zoom = zoom_of(annotation.boxes, width, height)
    side = min(zoom * LONGEST_SIDE, LONGEST_ZOOMED)
    few = np.linspace(0, length - 1, min(length, 5)).astype(int)
    count = max(room // int(np.mean([len(jpeg(frames[i], side)) for i in few])), 2)
    shown = np.linspace(0, length - 1, min(count, length)).astype(int).tolist()
    seen = has_box & ~annotation.absent
    edges = np.flatnonzero(np.diff(np.concatenate([[False], annotation.absent, [False]])))
    return dict(
        name=name, length=length, width=width, height=height, zoom=zoom, shown=shown,
        jpegs=[jpeg(frames[i], side) for i in shown],
        truth=[annotation.boxes[i].round(1).tolist() if has_box[i] else None for i in shown],
        boxes=[own[shown].round(1).tolist() for own in boxes],
        overlaps=[[round(float(value), 4) if ok else None
                   for value, ok in zip(inclusive_iou(own, annotation.boxes), seen)]
                  for own in boxes],
        absent=edges.reshape(-1, 2).tolist())


def jpeg(frame: np.ndarray, side: int) -> str:
    """A frame scaled down to a longer side in pixels, as a JPEG file in base64."""
    scale = side / max(frame.shape[:2])
    if scale < 1:
        frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    file = cv2.imencode('.jpg', frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return base64.b64encode(file.tobytes()).decode()
