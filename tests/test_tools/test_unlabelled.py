"""From videos with a first box only to a student, through the tools."""
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT
from mmengine.config import Config
from tiny import save_teacher

from mmct.datasets import PairDataset

LENGTH = 24
NAMES = 'cat-1', 'cat-2'


@pytest.fixture(scope='module')
def data(tmp_path_factory, new_videos):
    """Two folders of frames, each with one line of boxes."""
    folder = tmp_path_factory.mktemp('data')
    made = new_videos(folder / 'lasot')
    for name in NAMES:
        source = made.add(name, LENGTH)
        shutil.copytree(source / 'img', folder / 'own' / name)
        first = (source / 'groundtruth.txt').read_text().splitlines()[0]
        (folder / f'own/{name}.txt').write_text(first + '\n')
    return folder / 'own'


@pytest.fixture(scope='module')
def teacher(data):
    """Weights of an untrained VitTrack."""
    return save_teacher(data.parent / 'teacher.pth',
                        Config.fromfile(ROOT / 'configs/vittrack.py').model)


@pytest.fixture(scope='module')
def results(tool, data, teacher):
    """What the teacher tracked."""
    folder = data.parent / 'results'
    done = tool('test.py', ROOT / 'configs/vittrack.py', teacher, '--work-dir',
                data.parent / 'test', '--dataset', 'own', '--results', folder, '--cfg-options',
                f'test_dataloader.dataset.data_root={data}', 'test_dataloader.num_workers=0',
                'test_dataloader.persistent_workers=False')
    assert (done.status, done.err) == (0, '')
    assert '2 of 2 sequences are tracked and not scored' in done.out
    return folder


def test_sequences_are_tracked_to_their_end(results, data):
    assert sorted(path.name for path in results.glob('*.txt')) == [
        f'cat-{i}{kind}.txt' for i in (1, 2) for kind in ('', '_score', '_time')]
    for name in NAMES:
        assert np.loadtxt(results / f'{name}.txt', delimiter=',').shape == (LENGTH, 4)
        assert np.loadtxt(results / f'{name}_score.txt').shape == (LENGTH, )


@pytest.mark.parametrize('kind', ['', '_guided'])
def test_training_on_what_was_tracked(tool, data, teacher, results, tmp_path, monkeypatch, kind):
    scores = {name: np.loadtxt(results / f'{name}_score.txt') for name in NAMES}
    boxes = {name: np.loadtxt(results / f'{name}.txt', delimiter=',') for name in NAMES}
    min_score = float(min(np.sort(own)[-12] for own in scores.values()))
    assert any((own < min_score).any() for own in scores.values())
    seen, run = [], PairDataset.run

    def looked_at(self, pair):
        seen.extend(zip(pair['img_path'], pair['boxes']))
        return run(self, pair)

    monkeypatch.setattr(PairDataset, 'run', looked_at)
    config = ROOT / f'configs/ct_vittrack_2l_unlabelled{kind}.py'
    videos = {'data_root': data, 'annotations': results, 'min_score': min_score}
    loader = {'num_workers': 0, 'persistent_workers': False, 'batch_size': 2}
    done = tool('train.py', config, '--work-dir', tmp_path / 'work', '--cfg-options',
                f'model.teacher_checkpoint={teacher}', 'train_cfg.max_epochs=1',
                'train_cfg.val_interval=1', 'default_hooks.logger.interval=1',
                'default_hooks.batch_picture.interval=0',
                'train_dataloader.dataset.pairs_per_epoch=4',
                'val_dataloader.dataset.pairs_per_epoch=2',
                *(f'{split}_dataloader.dataset.datasets.0.{key}={value}'
                  for split in ('train', 'val') for key, value in videos.items()),
                *(f'{split}_dataloader.{key}={value}'
                  for split in ('train', 'val') for key, value in loader.items()))
    assert (done.status, done.err) == (0, '')
    assert f'those from min_score={min_score} on' in done.out
    assert len(seen) >= 2 * (4 + 2)  # two iterations, and validation; some are drawn again
    for path, box in seen:
        frame, name = int(Path(path).stem) - 1, Path(path).parent.name
        assert scores[name][frame] >= min_score
        np.testing.assert_array_equal(box, boxes[name][frame].astype(np.float32))
    file, = (tmp_path / 'work').glob('*/vis_data/scalars.json')
    steps = [json.loads(line) for line in file.read_text().splitlines()]
    steps = [step for step in steps if 'loss' in step]
    assert len(steps) == 2
    for step in steps:
        for part in ('focal', 'giou', 'l1'):
            assert (step[f'loss_track_{part}'] == 0) == (kind == '_guided')
        assert ('loss_guidance_focal' in step) == (kind == '_guided')
    student = tmp_path / 'student.pth'
    assert tool('extract_student.py', tmp_path / 'work/epoch_1.pth', student).status == 0
    done = tool('test.py', config, student, '--work-dir', tmp_path / 'test', '--cfg-options',
                f'test_dataloader.dataset.data_root={data}')
    assert (done.status, done.err) == (0, '')


def test_a_look_at_what_was_tracked(tool, data, results, tmp_path):
    done = tool('report.py', results, '--annotations', results, '--frames', data, '--out',
                tmp_path)
    assert (done.status, done.err) == (0, '')
    assert (tmp_path / 'index.html').is_file()
