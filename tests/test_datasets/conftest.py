"""Toy data sets in the layouts of the real ones."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from videos import INFO_HEADER, write_video

import mmct  # noqa: F401  before the tests import MMTracking


class LaSOT:
    """A LaSOT-layout folder of videos in which a square wanders over noise."""

    def __init__(self, root):
        self.root = Path(root)
        self.lines = [INFO_HEADER]

    def add(self, name, length=30, hidden=(), out=(), images=True):
        path = f'{name.split("-")[0]}/{name}'
        write_video(self.root / path, length, len(self.lines), hidden, out, images=images)
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
