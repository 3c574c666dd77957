"""One picture of many tracked frames, and a target drawn into its frame."""
import cv2
import numpy as np
import pytest
from drawing.target import draw_target
from report_page.contact_sheet import draw_contact_sheet

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


def test_small_targets_are_shown_larger(tmp_path):
    frame = np.full((240, 320, 3), 90, np.uint8)
    frame[200:206, 300:306] = 0, 255, 255
    cv2.imwrite(str(tmp_path / '0.png'), frame)
    # Where it is absent, the place of its last box is shown.
    boxes = {'ground truth': {'video': np.array([[300., 200, 6, 6], [0, 0, 0, 0]])}}
    draw_contact_sheet({'video': Frames([tmp_path / '0.png'] * 2)}, boxes, tmp_path / 'sheet.png',
                       columns=2)
    picture = cv2.imread(str(tmp_path / 'sheet.png')).astype(int)
    for half in np.array_split(picture, 2, axis=1):
        rows, columns = np.nonzero((np.abs(half - (0, 255, 255)) < 60).all(axis=2))
        assert np.ptp(rows) > 25
        assert np.ptp(columns) > 25


@pytest.mark.parametrize('box', [(30, 40, 6, 4), (0, 0, 3, 3), (157, 117, 3, 3), (-9, 50, 20, 9),
                                 (5, 1, 150, 100)])
@pytest.mark.parametrize('scale', [1, 6])
def test_nothing_is_drawn_over_the_target(box, scale):
    frame = np.full((120 * scale, 160 * scale, 3), 200, np.uint8)
    x, y, w, h = (scale * value for value in box)
    draw_target(frame, (x, y, w, h), 0.5)
    inside = frame[max(y, 0):y + h, max(x, 0):x + w]
    assert inside.size
    if h < 100 * scale:  # otherwise there is no room for the score
        assert (inside == 200).all()
    assert (frame != 200).any()
