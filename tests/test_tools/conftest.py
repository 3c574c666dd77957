"""Small data, a small compression, and the tools run as from a command line."""
import json
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from commands import ROOT, run_tool
from tiny import save_teacher, student, tracker

SHAPE = {'width': 32, 'depth': 4, 'template_size': 64, 'search_size': 128}


def metrics(folder: Path) -> dict:
    """What a test wrote down."""
    file, = folder.glob('*/*.json')
    return json.loads(file.read_text())


class Videos:
    """A folder in LaSOT's layout with one list of videos; a square wanders over noise."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lines = ['(video_path,annotation_path,start_frame_id,end_frame_id)']

    def add(self, name, length=20, first=None, hidden=()) -> Path:
        """Write a video; gives its folder.

        Args:
            first: the line of the first frame's box, instead of the true one.
            hidden: frames where the target is said to be out of view.
        """
        path = f'{name.split("-")[0]}/{name}'
        folder = self.root / 'LaSOTBenchmark' / path
        (folder / 'img').mkdir(parents=True)
        noise = np.random.default_rng(len(self.lines)).integers(
            0, 255, (60, 80, 3), dtype=np.uint8)
        boxes = [(20 + i % 30, 15 + i % 20, 12, 10) for i in range(length)]
        for i, (x, y, w, h) in enumerate(boxes, 1):
            frame = noise.copy()
            frame[y:y + h, x:x + w] = 0, 0, 255
            cv2.imwrite(str(folder / 'img' / f'{i:08d}.jpg'), frame)
        lines = [','.join(map(str, box)) for box in boxes]
        lines[0] = first or lines[0]
        (folder / 'groundtruth.txt').write_text('\n'.join(lines) + '\n')
        (folder / 'full_occlusion.txt').write_text(','.join('0' * length))
        (folder / 'out_of_view.txt').write_text(
            ','.join(str(int(i in hidden)) for i in range(length)))
        self.lines.append(f'{path}/img,{path}/groundtruth.txt,1,{length}')
        (self.root / 'annotations').mkdir(exist_ok=True)
        for split in ('train', 'val', 'test'):
            (self.root / f'annotations/lasot_{split}_infos.txt').write_text(
                '\n'.join(self.lines))
        return folder


CONFIG = """
_base_ = {base!r}
shape = dict(embed_dims=32, num_heads=2)
head = dict(in_channels=32, channels=16)
model = dict(
    teacher=dict(backbone=dict(depth=4, **shape), head=head),
    student=dict(
        backbone=dict(teacher_depth=4, division=2, drop_path_rate=0.4, **shape), head=head),
    teacher_checkpoint={teacher!r})
videos = dict(type='LaSOTDataset', data_root={data!r},
              data_prefix=dict(img_path='LaSOTBenchmark'))
train_dataloader = dict(
    batch_size=2,
    dataset=dict(pairs_per_epoch=6,
                 datasets=[dict(ann_file='annotations/lasot_train_infos.txt', **videos)]))
val_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(pairs_per_epoch=2,
                 datasets=[dict(ann_file='annotations/lasot_val_infos.txt', **videos)]))
test_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(data_root={data!r}))
max_epochs = 3
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1, max_keep_ckpts=9))
"""


def write_config(file: Path, data: Path, teacher: Path) -> Path:
    file.write_text(CONFIG.format(
        base=str(ROOT / 'configs/demo/ct_ostrack_tiny_4l.py'), data=str(data),
        teacher=str(teacher)))
    return file


@pytest.fixture(scope='session')
def tool():
    """The function :func:`run_tool`."""
    with pytest.MonkeyPatch.context() as patch:
        # MMEngine lays out the config at every start and for every checkpoint, which takes
        # longer than all else in runs as short as these.
        patch.setattr('mmengine.config.config.FormatCode', lambda text, **kwargs: (text, True))
        yield run_tool


@pytest.fixture(scope='session')
def read_metrics():
    """The function :func:`metrics`."""
    return metrics


@pytest.fixture(scope='session')
def new_videos():
    """The class :class:`Videos`."""
    return Videos


@pytest.fixture
def videos(tmp_path):
    """An empty data set of its own for a test."""
    return Videos(tmp_path / 'videos')


class Setup(NamedTuple):
    """Files of a compression: its config, the data and the checkpoints it starts from."""
    folder: Path
    config: Path
    teacher: Path
    student: Path


@pytest.fixture(scope='session')
def setup(tmp_path_factory):
    """Two good videos and an untrained teacher and student."""
    folder = tmp_path_factory.mktemp('setup')
    data = Videos(folder / 'data')
    for i in range(2):
        data.add(f'cat-{i + 1}')
    teacher = save_teacher(folder / 'teacher.pth', tracker(**SHAPE))
    small = {key: value for key, value in SHAPE.items() if key != 'depth'}
    small = save_teacher(folder / 'student.pth', student(2, 4, **small), seed=1)
    return Setup(folder, write_config(folder / 'config.py', data.root, teacher), teacher, small)
