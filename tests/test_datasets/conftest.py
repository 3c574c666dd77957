"""Toy data sets in the layouts of the real ones."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import mmct  # noqa: F401  before the tests import MMTracking

INFO_HEADER = '(video_path,annotation_path,start_frame_id,end_frame_id)'


class LaSOT:
    """A LaSOT-layout folder of videos in which a square wanders over noise."""

    def __init__(self, root):
        self.root = Path(root)
        self.lines = [INFO_HEADER]

    def add(self, name, length=30, hidden=(), out=(), images=True):
        path = f'{name.split("-")[0]}/{name}'
        folder = self.root / path
        (folder / 'img').mkdir(parents=True)
        noise = np.random.default_rng(len(self.lines)).integers(
            0, 255, (60, 80, 3), dtype=np.uint8)
        boxes = [(20 + i % 30, 15 + i % 20, 12, 10) for i in range(length)]
        for i, (x, y, w, h) in enumerate(boxes, 1):
            if images:
                frame = noise.copy()
                frame[y:y + h, x:x + w] = 0, 0, 255
                cv2.imwrite(str(folder / 'img' / f'{i:08d}.jpg'), frame)
        (folder / 'groundtruth.txt').write_text(
            '\n'.join(','.join(map(str, box)) for box in boxes) + '\n')
        for file, frames in (('full_occlusion', hidden), ('out_of_view', out)):
            (folder / f'{file}.txt').write_text(
                ','.join(str(int(i in frames)) for i in range(length)))
        self.lines.append(f'{path}/img,{path}/groundtruth.txt,1,{length}')
        (self.root / 'infos.txt').write_text('\n'.join(self.lines))
        return self

    @property
    def config(self):
        return {'type': 'LaSOTDataset', 'data_root': str(self.root), 'ann_file': 'infos.txt',
                'data_prefix': {'img_path': '.'}}


class Coco:
    """A COCO-layout folder: one image, two objects and a crowd."""

    def __init__(self, root):
        self.root = Path(root)
        cv2.imwrite(str(self.root / 'a.jpg'), np.full((60, 80, 3), 90, np.uint8))
        annotations = [
            {'id': i, 'image_id': 1, 'category_id': 1, 'bbox': box, 'iscrowd': crowd}
            for i, (box, crowd) in enumerate(
                [([10, 10, 20, 20], 0), ([30, 20, 10, 30], 0), ([0, 0, 80, 60], 1)], 1)]
        (self.root / 'a.json').write_text(json.dumps({
            'images': [{'id': 1, 'file_name': 'a.jpg', 'width': 80, 'height': 60}],
            'categories': [{'id': 1, 'name': 'thing'}],
            'annotations': annotations}))

    @property
    def config(self):
        return {'type': 'SOTCocoDataset', 'data_root': str(self.root), 'ann_file': 'a.json',
                'data_prefix': {'img_path': '.'}}


@pytest.fixture
def lasot(tmp_path):
    return LaSOT(tmp_path / 'lasot')


@pytest.fixture
def coco(tmp_path):
    (tmp_path / 'coco').mkdir()
    return Coco(tmp_path / 'coco')


@pytest.fixture
def warnings(monkeypatch):
    """What the data sets report, instead of the log."""
    messages = []
    for module in ('pairs', 'sources'):
        monkeypatch.setattr(f'mmct.datasets.{module}.print_log',
                            lambda message, *args: messages.append(message))
    return messages
