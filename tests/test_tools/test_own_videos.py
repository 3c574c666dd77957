"""tools/compress.py, from own videos to a student."""
import os
import shutil
import sys

import pytest
import torch
from commands import ROOT, run_tool
from mmengine.config import Config
from videos import write_video

from mmct import load_tracker


def compress(setup, videos, folder, *args):
    return run_tool('compress.py', '--teacher', setup.teacher, '--videos', videos, '--config',
                    setup.config, '--work-dir', folder, *args)


def test_own_videos_become_a_student(setup, tmp_path, monkeypatch):
    def here(command):
        """The training that it starts, without a process of its own."""
        python, tool, *args = command
        assert (python, tool.parent) == (sys.executable, ROOT / 'tools')
        trainings.append(run_tool(tool.name, *args))
        return trainings[0].status

    trainings = []
    monkeypatch.setattr('cli.run_command', here)
    for i, split in enumerate(('train', 'train', 'val')):
        write_video(tmp_path / f'own/{split}/cat{i}', 20, i)
    work = tmp_path / 'work'
    work.mkdir()
    (work / 'student.pth').write_text('of an earlier run')
    done = compress(setup, tmp_path / 'own', work, '--cfg-options', 'train_cfg.max_epochs=1',
                    'default_hooks.batch_picture.interval=0')
    assert done.status == 0, trainings[0].err
    aside = tmp_path / 'work.1'
    assert (aside / 'student.pth').read_text() == 'of an earlier run'
    assert done.out.startswith(f'an earlier compression is in {aside} now\n'
                               f'{work}/student.pth is written. Next: tools/export.py ')
    assert load_tracker(work / 'compression.py', work / 'student.pth').info.exact_crops
    last = torch.load((work / 'last_checkpoint').read_text())
    assert last['meta']['epoch'] == 1


@pytest.fixture
def own(tmp_path):
    """Folders for videos of one's own, without any."""
    for split in ('train', 'val'):
        (tmp_path / 'own' / split).mkdir(parents=True)
    return tmp_path / 'own'


@pytest.fixture
def earlier(tmp_path):
    """The folder of an earlier compression."""
    work = tmp_path / 'work'
    work.mkdir()
    (work / 'student.pth').touch()
    return work


def test_videos_that_are_not_there(setup, tmp_path):
    (tmp_path / 'own/train').mkdir(parents=True)
    done = compress(setup, tmp_path / 'own', tmp_path / 'work')
    assert (done.status, done.err) == (
        2, f'error: {tmp_path}/own/val does not exist; the folder of --videos has to hold train '
        'and val, with videos and their boxes\n')
    assert not (tmp_path / 'work').exists()


def test_a_teacher_that_is_none(setup, tmp_path, own, earlier):
    """The earlier compression stays where it is."""
    (tmp_path / 'teachers').mkdir()
    done = compress(setup, own, earlier, '--teacher', tmp_path / 'teachers')
    assert done.status == 2
    assert done.err.startswith(f'error: checkpoint {tmp_path}/teachers is a folder; give a file')
    assert (earlier / 'student.pth').is_file()


def test_settings_that_take_the_teacher_away(setup, own, earlier):
    done = compress(setup, own, earlier, '--cfg-options', 'model.teacher_checkpoint=None')
    assert (done.status, done.err) == (2, 'error: checkpoint None does not exist\n')
    assert (earlier / 'student.pth').is_file()


@pytest.mark.parametrize('option', ['--teacher {}', '--cfg-options load_from={}'])
def test_weights_in_the_folder_of_an_earlier_compression(setup, tmp_path, own, earlier, option):
    done = compress(setup, own, earlier, *option.format(earlier / 'student.pth').split())
    assert (done.status, done.err) == (
        2, f'error: {earlier}/student.pth lies in the folder of an earlier compression, which '
        'would be moved aside; give another --work-dir\n')
    assert {path.name for path in tmp_path.iterdir()} == {'own', 'work'}


def test_the_current_folder_is_not_moved_aside(setup, tmp_path, own, earlier, monkeypatch):
    monkeypatch.chdir(earlier)
    done = compress(setup, own, '.')
    assert (done.status, done.err) == (
        2, f'error: {earlier} lies in the folder of an earlier compression, which would be moved '
        'aside; give another --work-dir\n')
    assert {path.name for path in tmp_path.iterdir()} == {'own', 'work'}


@pytest.mark.parametrize('option', ['max_epochs=1', 'train_datalader.batch_size=2'])
def test_settings_that_nothing_reads(setup, tmp_path, own, option):
    done = compress(setup, own, tmp_path / 'work', '--cfg-options', option)
    assert done.status == 2
    assert done.err.startswith(f'error: --cfg-options {option.partition("=")[0]} has no effect: ')
    assert not (tmp_path / 'work').exists()


def test_settings_replace_what_the_tool_sets(setup, tmp_path, own, monkeypatch):
    monkeypatch.setattr('cli.run_command', lambda _: 1)
    compress(setup, own, tmp_path / 'work', '--cfg-options',
             'train_dataloader.dataset.datasets.0.min_score=0.5')
    config = Config.fromfile(tmp_path / 'work/compression.py')
    dataset, = config.train_dataloader.dataset.datasets
    assert dataset == dict(type='FolderDataset', data_root=f'{own}/train/', min_score=0.5)


def test_a_damaged_last_checkpoint_gives_no_student_of_the_one_before(setup, tmp_path, own,
                                                                       monkeypatch):
    def trained(_):
        for name in ('epoch_1.pth', 'epoch_2.pth'):
            shutil.copy(setup.student, work / name)
        os.truncate(work / 'epoch_2.pth', 1000)
        (work / 'last_checkpoint').write_text(str(work / 'epoch_2.pth'))
        return 0

    work = tmp_path / 'work'
    monkeypatch.setattr('cli.run_command', trained)
    done = compress(setup, own, work)
    assert (done.status, done.err) == (
        2, f'error: {work}/epoch_2.pth is cut short or damaged; go on from the one before '
        'it with --resume\n')
    assert not (work / 'student.pth').exists()
