"""tools/compress.py, from own videos to a student."""
import subprocess
import sys

import torch
from commands import ROOT, run_tool
from videos import write_video

from mmct import load_tracker


def compress(setup, videos, folder, *args):
    return run_tool('compress.py', '--teacher', setup.teacher, '--videos', videos, '--config',
                    setup.config, '--work-dir', folder, *args)


def test_own_videos_become_a_student(setup, tmp_path, monkeypatch):
    def here(command, check):
        """The training that it starts, without a process of its own."""
        python, tool, *args = command
        assert (python, tool.parent, check) == (sys.executable, ROOT / 'tools', False)
        monkeypatch.undo()
        trainings.append(run_tool(tool.name, *args))
        return subprocess.CompletedProcess(command, trainings[0].status)

    trainings = []
    monkeypatch.setattr('subprocess.run', here)
    for i, split in enumerate(('train', 'train', 'val')):
        write_video(tmp_path / f'own/{split}/cat{i}', 20, i)
    work = tmp_path / 'work'
    done = compress(setup, tmp_path / 'own', work, '--cfg-options', 'train_cfg.max_epochs=1',
                    'default_hooks.batch_picture.interval=0')
    assert done.status == 0, trainings[0].err
    assert done.out.startswith(f'{work}/student.pth is written. Next: tools/export.py ')
    assert load_tracker(work / 'compression.py', work / 'student.pth').info.exact_crops
    last = torch.load((work / 'last_checkpoint').read_text())
    assert last['meta']['epoch'] == 1


def test_videos_that_are_not_there(setup, tmp_path):
    (tmp_path / 'own/train').mkdir(parents=True)
    done = compress(setup, tmp_path / 'own', tmp_path / 'work')
    assert (done.status, done.err) == (
        2, f'error: {tmp_path}/own/val does not exist; the folder of --videos has to hold train '
        'and val, with videos and their boxes\n')
    assert not (tmp_path / 'work').exists()
