"""Videos to train on and to test with."""
from pathlib import Path

import cv2
import numpy as np

INFO_HEADER = '(video_path,annotation_path,start_frame_id,end_frame_id)'


def write_video(folder: Path, length: int, seed: int, hidden=(), out=(), first=None,
                images=True) -> None:
    """A video in LaSOT's layout, in which a square wanders over noise.

    Args:
        hidden, out: frames, from 0, in which the target is said to be occluded, or out of view.
        first: the line of the first frame's box, instead of the true one.
    """
    (folder / 'img').mkdir(parents=True)
    noise = np.random.default_rng(seed).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    boxes = [(20 + i % 30, 15 + i % 20, 12, 10) for i in range(length)]
    for i, (x, y, w, h) in enumerate(boxes if images else (), 1):
        frame = noise.copy()
        frame[y:y + h, x:x + w] = 0, 0, 255
        cv2.imwrite(str(folder / 'img' / f'{i:08d}.jpg'), frame)
    lines = [','.join(map(str, box)) for box in boxes]
    lines[0] = first or lines[0]
    (folder / 'groundtruth.txt').write_text('\n'.join(lines) + '\n')
    for file, frames in (('full_occlusion', hidden), ('out_of_view', out)):
        (folder / f'{file}.txt').write_text(','.join(str(int(i in frames)) for i in range(length)))
