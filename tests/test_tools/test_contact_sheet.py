import cv2
import numpy as np
from report_page.contact_sheet import draw_contact_sheet

from mmct.formats import read_boxes
from mmct.runtime.frames import Frames


def test_contact_sheet_shows_each_tracker(tmp_path):
    frames = []
    for i in range(4):
        frames.append(tmp_path / f'{i}.png')
        cv2.imwrite(str(frames[-1]), np.full((60, 80, 3), 90, np.uint8))
    boxes = {name: {'video': np.tile([5. + 20 * k, 10, 12, 20], (4, 1))}
             for k, name in enumerate(('ground truth', 'teacher', 'student'))}
    target = tmp_path / 'sheet' / 'sheet.png'
    draw_contact_sheet({'video': Frames(frames)}, boxes, target, columns=3)
    picture = cv2.imread(str(target))
    for colour in ((255, 255, 255), (0, 94, 213), (189, 121, 11)):  # BGR of white, orange, blue
        close = np.abs(picture.astype(int) - colour).max(axis=2) < 40
        # Each of the three frames shows each box.
        columns = np.array_split(close[picture.shape[0] // 4:-picture.shape[0] // 4], 3, axis=1)
        assert all(column.any() for column in columns)


def test_box_files(tmp_path):
    (tmp_path / 'a.txt').write_text('1,2,3,4\n')
    assert read_boxes(tmp_path / 'a.txt').tolist() == [[1, 2, 3, 4]]
