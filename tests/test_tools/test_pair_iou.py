"""Single pairs of frames, video by video."""
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from pair_iou import iou, video_of
from videos import write_video


@pytest.fixture(scope='module')
def own(tmp_path_factory):
    """Two videos in the layout of own data."""
    root = tmp_path_factory.mktemp('own')
    for i, name in enumerate(('a', 'b')):
        write_video(root / f'.{name}', 24, i)
        shutil.move(root / f'.{name}/img', root / name)
        shutil.move(root / f'.{name}/groundtruth.txt', root / f'{name}.txt')
    return root


def test_a_tracker_agrees_with_itself(setup, own, tool, tmp_path):
    args = (setup.config, setup.student)
    done = tool('pair_iou.py', *args, '--data', own, '--pairs', 8, '--teacher', *args,
                '--json', tmp_path / 'pairs.json')
    assert (done.status, done.err) == (0, '')
    found = json.loads((tmp_path / 'pairs.json').read_text())
    assert found['mean']['teacher'] == 1
    assert found['error']['teacher'] == 0
    assert 0 <= found['mean']['ground truth'] < 1
    assert sorted(found['videos']) == ['a', 'b']
    assert sum(video['pairs'] for video in found['videos'].values()) == 16
    assert re.search(r'\| mean +\| 0\.\d{4} ± 0\.\d{4} +\| 1\.0000 ± 0\.0000', done.out)


def test_crops_that_cannot_be_compared(setup, own, tool, tmp_path):
    """Boxes are in units of the crop's side, so a teacher of the same weights would differ."""
    other = tmp_path / 'other.py'
    other.write_text(f'_base_ = {str(setup.config)!r}\n'
                     'model = dict(student=dict(test_cfg=dict(search_factor=5.)))\n')
    done = tool('pair_iou.py', setup.config, setup.student, '--data', own, '--pairs', 2,
                '--teacher', other, setup.student)
    assert done.status == 2
    assert 'the teacher sees other crops of the same pairs, so boxes cannot be' in done.err


def test_a_missing_folder_is_one_line(setup, tool, tmp_path):
    done = tool('pair_iou.py', setup.config, setup.student, '--data', tmp_path / 'none')
    assert done.status == 2
    folder = tmp_path / 'none'
    assert done.err == f'error: FolderDataset: folder {folder} is missing; set data_root\n'


def test_a_pair_alone_is_one_line(setup, own, tool, tmp_path):
    shutil.copytree(own / 'a', tmp_path / 'own/a')
    shutil.copy(own / 'a.txt', tmp_path / 'own')
    done = tool('pair_iou.py', setup.config, setup.student, '--data', tmp_path / 'own',
                '--pairs', 1)
    assert done == (2, done.out, 'error: --pairs 1 gave no video two pairs; give a higher number\n')


@pytest.mark.parametrize('path', ['own/kite/1.jpg', 'own/kite/img/1.jpg', 'own/kite.mp4#1'])
def test_videos_by_the_paths_of_frames(path):
    assert video_of(path, Path('own')) == 'kite'


def test_iou_of_boxes():
    boxes = torch.tensor([(1, 1, 2, 2), (.5, .5, 1, 1), (0, 0, 0, 0)])
    others = torch.tensor([(2, 2, 2, 2), (1.5, .5, 1, 1), (0, 0, 0, 0)])
    assert iou(boxes, others).tolist() == pytest.approx([1 / 7, 0, 0])
