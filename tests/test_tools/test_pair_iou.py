"""Single pairs of frames, video by video."""
import json
import re
import shutil

import pytest
import torch
from drawing.video import VideoFile
from pair_iou import iou
from videos import write_video

from mmct.runtime.frames import Frames


@pytest.fixture(scope='module')
def own(tmp_path_factory):
    """Videos in the layouts of own data, two with names like those of parts of UAV123's."""
    root = tmp_path_factory.mktemp('own')
    for i, (name, place) in enumerate((
            ('a', 'a'), ('car1_1', 'car1_1/img'), ('car1_2', 'car1_2/pictures'))):
        write_video(root / f'.{name}', 24, i)
        (root / place).parent.mkdir(exist_ok=True)
        shutil.move(root / f'.{name}/img', root / place)
        shutil.move(root / f'.{name}/groundtruth.txt', root / f'{name}.txt')
    with VideoFile(root / 'd.mp4', 25) as video:
        for frame in Frames(root / 'a'):
            video.write(frame)
    shutil.copy(root / 'a.txt', root / 'd.txt')
    return root


def test_a_tracker_agrees_with_itself(setup, own, tool, tmp_path, monkeypatch):
    monkeypatch.setattr('cli.LOG_PERIOD', 0.)
    args = (setup.config, setup.student)
    done = tool('pair_iou.py', *args, '--data', own, '--pairs', 8, '--teacher', *args,
                '--json', tmp_path / 'pairs.json')
    assert done.status == 0
    assert [line.partition(',')[0] for line in done.err.splitlines()] == [
        'pairs 1/1', "teacher's 1/1"]
    found = json.loads((tmp_path / 'pairs.json').read_text())
    assert found['mean']['teacher'] == 1
    assert found['error']['teacher'] == 0
    assert 0 <= found['mean']['ground truth'] < 1
    assert sorted(found['videos']) == ['a', 'car1_1', 'car1_2', 'd']
    assert sum(video['pairs'] for video in found['videos'].values()) == 32
    assert re.search(r'\| mean +\| 0\.\d{4} ± 0\.\d{4} +\| 1\.0000 ± 0\.0000', done.out)


def test_what_is_doubtful_is_said_once(setup, own, tool, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmct.datasets.listed.print_log', lambda text, *_: said.append(text))
    shutil.copytree(own / 'a', tmp_path / 'own/a')
    shutil.copy(own / 'a.txt', tmp_path / 'own')
    shutil.copytree(own / 'a', tmp_path / 'own/bare')
    args = (setup.config, setup.student)
    done = tool('pair_iou.py', *args, '--data', tmp_path / 'own', '--pairs', 8, '--teacher', *args)
    assert done.status == 0
    assert [text.rpartition(': ')[2] for text in said] == ['bare']


def test_trackers_that_see_more_or_less_are_compared(setup, own, tool, tmp_path):
    """Boxes are in units that both have, so it does not matter who is the teacher."""
    other = tmp_path / 'other.py'
    other.write_text(f'_base_ = {str(setup.config)!r}\n'
                     'model = dict(student=dict(test_cfg=dict(search_factor=3.)))\n')
    found = []
    for one, teacher in ((setup.config, other), (other, setup.config)):
        done = tool('pair_iou.py', one, setup.student, '--data', own, '--pairs', 16,
                    '--teacher', teacher, setup.student, '--center-jitter', 1,
                    '--json', tmp_path / 'pairs.json')
        assert done.status == 0, done.err
        found.append(json.loads((tmp_path / 'pairs.json').read_text())['mean'])
    assert 0.1 < found[0]['teacher'] < 1
    assert found[0]['teacher'] == pytest.approx(found[1]['teacher'], abs=1e-6)
    assert found[0]['ground truth'] != found[1]['ground truth']


def test_pairs_that_one_tracker_does_not_see_are_left_out(setup, own, tool, tmp_path):
    """Targets of three pixels in a corner: of some, a narrow crop shows nothing but padding."""
    shutil.copytree(own / 'a', tmp_path / 'own/a')
    (tmp_path / 'own/a.txt').write_text('-1,-1,3,3\n' * 24)
    other = tmp_path / 'other.py'
    other.write_text(f'_base_ = {str(setup.config)!r}\n'
                     'model = dict(student=dict(test_cfg=dict(search_factor=2.)))\n')
    done = tool('pair_iou.py', setup.config, setup.student, '--data', tmp_path / 'own', '--pairs',
                64, '--teacher', other, setup.student, '--json', tmp_path / 'pairs.json')
    assert done.status == 0, done.err
    found = json.loads((tmp_path / 'pairs.json').read_text())['videos']['a']
    assert 32 < found['pairs'] < 64


def test_targets_may_be_nearer_to_the_centre(setup, own, tool, tmp_path):
    for jitter in (-1, 'nan'):
        done = tool('pair_iou.py', setup.config, setup.student, '--data', own,
                    '--center-jitter', jitter)
        assert done.status == 2
        assert 'center_jitter' in done.err


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


def test_iou_of_boxes():
    boxes = torch.tensor([(1, 1, 2, 2), (.5, .5, 1, 1), (0, 0, 0, 0)])
    others = torch.tensor([(2, 2, 2, 2), (1.5, .5, 1, 1), (0, 0, 0, 0)])
    assert iou(boxes, others).tolist() == pytest.approx([1 / 7, 0, 0])
