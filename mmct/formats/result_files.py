"""Raw results: NAME.txt with the box x,y,w,h of each frame, NAME_score.txt with its score and
NAME_time.txt with its seconds."""
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..utils.files import atomic_write, read_text, write_text
from .results import box_text, parse_boxes

DIGITS = 4
# Where to hand in the results of sets whose annotations are kept secret.
SERVERS = {'got10k': 'http://got-10k.aitestunit.com',
           'trackingnet': 'https://eval.tracking-net.org'}


def write_sequence(folder: Path, name: str, boxes: np.ndarray, scores: Sequence[float],
                   seconds: Sequence[float]) -> None:
    """The files of a sequence. Whoever finds the boxes finds the others.

    Args:
        boxes: (N, 4) x, y, w, h in pixels.
        scores: N, how sure the tracker is of each box.
        seconds: N, what each took.
    """
    write_text(folder / f'{name}_score.txt',
               ''.join(f'{score:.{DIGITS}f}\n' for score in scores))
    write_text(folder / f'{name}_time.txt', ''.join(f'{second:.6f}\n' for second in seconds))
    write_text(folder / f'{name}.txt',
               box_text(np.round(boxes, DIGITS).tolist(), f'.{DIGITS}f'))


def finished_boxes(folder: Path, name: str, length: int) -> np.ndarray | None:
    """Boxes (length, 4) of a sequence that is done, None if it is not."""
    path = folder / f'{name}.txt'
    if not path.is_file():
        return None
    try:
        text = read_text(path)
        boxes = parse_boxes(text, path)
    except ValueError:
        return None
    whole_file = text.endswith('\n') and len(boxes) == length and np.isfinite(boxes).all()
    return boxes if whole_file else None


def write_submission(folder: Path, names: Iterable[str], server: str) -> Path:
    """Pack the results of all sequences as a server expects them, FOLDER.zip; returns its path.

    GOT-10k's has a folder NAME with NAME_001.txt and NAME_time.txt, TrackingNet's NAME.txt alone.

    Raises:
        ValueError: there is no such server.
    """
    if server not in SERVERS:
        raise ValueError(f'submission={server!r} is not one of {", ".join(SERVERS)}')
    path = folder.with_name(f'{folder.name}.zip')
    with atomic_write(path) as part, zipfile.ZipFile(part, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            if server == 'got10k':
                archive.write(folder / f'{name}.txt', f'{name}/{name}_001.txt')
                archive.write(folder / f'{name}_time.txt', f'{name}/{name}_time.txt')
            else:
                archive.write(folder / f'{name}.txt', f'{name}.txt')
    return path
