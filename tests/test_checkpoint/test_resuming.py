"""Which checkpoint a run goes on from, and how one gets there."""
import os
import resource
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from mmengine.runner import save_checkpoint

from mmct.checkpoint import newest_intact, read_checkpoint
from mmct.checkpoint import save_checkpoint as save_checkpoint_whole
from mmct.utils.files import atomic_write, write_text


@pytest.fixture
def work(tmp_path):
    """A work folder with checkpoints of three epochs, the last of them noted."""
    for epoch in (1, 2, 3):
        file = tmp_path / f'epoch_{epoch}.pth'
        save_checkpoint({'state_dict': {'w': torch.rand(1000)}}, str(file))
        os.utime(file, (epoch, epoch))
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_3.pth'))
    return tmp_path


def found(work):
    newest, broken = newest_intact(work)
    return newest and newest.name, [file.name for file in broken]


def test_the_last_one(work):
    assert found(work) == ('epoch_3.pth', [])
    save_checkpoint({}, str(work / 'best_iou_epoch_9.pth'))
    save_checkpoint({}, str(work / 'interrupted.pth'))
    assert found(work) == ('epoch_3.pth', [])
    (work / 'last_checkpoint').write_text('/another/place/interrupted.pth')
    assert found(work) == ('interrupted.pth', [])


def test_a_folder_that_was_moved_with_another_run_in_its_place(work, tmp_path_factory):
    moved = tmp_path_factory.mktemp('runs') / 'work.1'
    shutil.copytree(work, moved)
    assert newest_intact(moved) == (moved / 'epoch_3.pth', [])


@pytest.mark.parametrize('note', ['', 'epoch_7.pth', '\udcff\0', 'x' * 5000, '/dev/zero',
                                  None])
def test_no_note_of_the_last_one(work, note):
    if note is None:
        (work / 'last_checkpoint').unlink()
    else:
        (work / 'last_checkpoint').write_text(note, errors='surrogateescape')
    assert found(work) == ('epoch_3.pth', [])


@pytest.mark.parametrize('tenth', range(10))
def test_cut_short_at_each_tenth(work, tenth):
    last = work / 'epoch_3.pth'
    os.truncate(last, last.stat().st_size * tenth // 10)
    assert found(work) == ('epoch_2.pth', ['epoch_3.pth'])


def test_a_changed_bit(work):
    """``torch.load`` does not see it."""
    for name in ('epoch_3.pth', 'epoch_2.pth'):
        content = bytearray((work / name).read_bytes())
        content[content.index(torch.load(work / name)['state_dict']['w'].numpy().tobytes())] ^= 1
        (work / name).write_bytes(content)
    assert found(work) == ('epoch_1.pth', ['epoch_3.pth', 'epoch_2.pth'])


def test_a_changed_bit_of_what_describes_the_parts(work):
    """Some bits there matter to nobody."""
    last, seen = work / 'epoch_3.pth', set()
    content = last.read_bytes()
    for place in range(content.rindex(b'PK\1\2'), len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 8
        last.write_bytes(damaged)
        newest, broken = found(work)
        seen.add(newest)
        if newest == 'epoch_3.pth':
            read_checkpoint(last)
        else:
            assert (newest, broken) == ('epoch_2.pth', ['epoch_3.pth'])
    assert len(seen) == 2


def test_none(tmp_path):
    assert newest_intact(tmp_path) == newest_intact(tmp_path / 'none') == (None, [])


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    write_text(tmp_path / 'a', 'before')
    def write():
        with atomic_write(tmp_path / 'a') as part:
            part.write_text('half')
            Path('/dev/full').write_text('the other half')

    with pytest.raises(OSError, match=r"No space left on device: '.*/a'"):
        write()
    assert [file.name for file in tmp_path.iterdir()] == ['a']
    assert (tmp_path / 'a').read_text() == 'before'


@pytest.mark.parametrize('error', [
    FileNotFoundError(2, 'No such file or directory', '/elsewhere/b'),
    FileNotFoundError('frame 7 cannot be read'), ValueError('5 is no box')])
def test_errors_that_are_not_of_the_file_stay_what_they_are(tmp_path, error):
    def write():
        with atomic_write(tmp_path / 'a') as part:
            part.write_text('half')
            raise error

    with pytest.raises(type(error)) as caught:
        write()
    assert caught.value is error
    assert not list(tmp_path.iterdir())


def test_pipes_devices_and_links_stay_what_they_are(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    with ThreadPoolExecutor() as pool:
        read = pool.submit((tmp_path / 'pipe').read_text)
        write_text(tmp_path / 'pipe', 'text')
        assert read.result(60) == 'text'
    assert (tmp_path / 'pipe').is_fifo()
    (tmp_path / 'full').symlink_to('/dev/full')
    with pytest.raises(OSError, match=r"No space left on device: '.*/full'"):
        write_text(tmp_path / 'full', 'text')
    assert (tmp_path / 'full').is_char_device()
    (tmp_path / 'link').symlink_to(tmp_path / 'disk')
    for text in ('first', 'second'):
        write_text(tmp_path / 'link', text)
        assert (tmp_path / 'disk').read_text() == text
    assert (tmp_path / 'link').is_symlink()
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        write_text(tmp_path, 'text')
    assert {file.name for file in tmp_path.iterdir()} == {'pipe', 'full', 'link', 'disk'}


def test_nothing_was_written(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'.*/a'"), atomic_write(tmp_path / 'a'):
        pass


def test_a_full_disk_under_weights(tmp_path):
    save_checkpoint_whole({'before': torch.zeros(1)}, tmp_path / 'a.pth')
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*/a.pth'"):
            save_checkpoint_whole({'after': torch.zeros(10_000)}, tmp_path / 'a.pth')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert list(read_checkpoint(tmp_path / 'a.pth')) == ['before']
    assert [file.name for file in tmp_path.iterdir()] == ['a.pth']
