import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

# MMEngine's Config imports what a config names, mmct among it.
from mmengine.config import Config
from mmtrack.registry import MODELS

from mmct.checkpoint import save_tracker

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_demo_ends_with_a_table_and_a_picture(tmp_path):
    data, work, teacher = tmp_path / 'data', tmp_path / 'work', tmp_path / 'teacher.pth'
    subprocess.run([sys.executable, ROOT / 'tools/make_demo_videos.py', data, '--train', '8',
                    '--val', '2', '--test', '2', '--train-frames', '24', '--val-frames', '24',
                    '--test-frames', '24', '--workers', '1'], check=True)
    config = Config.fromfile(ROOT / 'configs/demo/ostrack_tiny.py')
    save_tracker(MODELS.build(config.model).state_dict(), teacher, student=False)
    out = subprocess.run(
        [sys.executable, ROOT / 'tools/demo.py', '--data', data, '--work-dir', work, '--teacher',
         teacher, '--seeds', '0', '1', '--cfg-options',
         'train_dataloader.dataset.pairs_per_epoch=64', 'train_dataloader.batch_size=32',
         'val_dataloader.dataset.pairs_per_epoch=32', 'train_cfg.max_epochs=2'],
        check=True, capture_output=True, text=True).stdout
    assert 'left of all' in out  # progress, without a terminal too
    table = (work / 'results.md').read_text()
    assert table in out
    for tracker in ('teacher, 12 layers', '4l_1335 compressed', '4l_1335 ground truth only'):
        row = next(line for line in table.splitlines() if tracker in line)
        assert re.search(r'\d+\.\d+ x', row)
    assert table.count('±') >= 8  # the spread over two seeds
    assert cv2.imread(str(work / 'contact_sheet.png')).shape[0] > 200
