"""Two trackers on three small sequences, with times, attributes and frames."""
from pathlib import Path

import cv2
import numpy as np

NAMES = ('cat-1', 'dog-2', '<script>alert(1)<b>')
LENGTH = 30


def write(path: Path, values, form: str = '%.2f') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, values, delimiter=',', fmt=form)


def write_two_trackers(root: Path) -> None:
    """Folders annos, frames, teacher and student; the student is worse by 0, 12 and 24 pixels."""
    for number, name in enumerate(NAMES):
        steps = np.arange(LENGTH)
        truth = np.column_stack([20. + steps, 15 + steps / 2, np.full((LENGTH, 2), 18)])
        absent = (steps >= 12) & (steps < 15) if number == 1 else np.zeros(LENGTH, bool)
        write(root / f'annos/{name}.txt', truth)
        write(root / f'annos/absent/{name}.txt', absent, '%d')
        write(root / f'annos/att/{name}.txt', [[1, 0] * 7], '%d')
        for tracker, off in (('teacher', 1), ('student', 1 + 12 * number)):
            write(root / f'{tracker}/{name}.txt', truth + [off, 0, 0, 0])
            write(root / f'{tracker}/{name}_time.txt',
                  [0.5] + [0.05 if tracker == 'teacher' else 0.02] * (LENGTH - 1))
        folder = root / 'frames' / ('img' if number else 'cat') / name / ('img' if number else '')
        folder.mkdir(parents=True)
        for i, (x, y, w, h) in enumerate(truth.astype(int)):
            frame = np.full((60, 80, 3), 90, np.uint8)
            frame[y:y + h, x:x + w] = 0, 200, 200
            cv2.imwrite(str(folder / f'{i + 1:04d}.jpg'), frame)
