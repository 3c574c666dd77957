"""Small data, a small compression, and the tools run as from a command line."""
import json
import shutil
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import tiny
import torch
from benchmarks.machine import RowError
from commands import ROOT, run_tool
from mmengine.utils.dl_utils import collect_env
from tiny import save_teacher, tracker
from two_trackers import write_two_trackers
from videos import INFO_HEADER, write_video

from mmct.runtime import Tracker
from mmct.runtime.frames import Frames

pytest.register_assert_rewrite('tracker_tools')
SHAPE = {'width': 32, 'depth': 4, 'template_size': 96, 'search_size': 192}


def metrics(folder: Path) -> dict:
    """What a test wrote down."""
    file, = folder.glob('*/*.json')
    return json.loads(file.read_text())


class Videos:
    """A folder in LaSOT's layout with one list of videos; a square wanders over noise."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lines = [INFO_HEADER]

    def add(self, name, length=20, first=None, out=()) -> Path:
        """Write a video, see :func:`write_video`; gives its folder."""
        path = f'{name.split("-")[0]}/{name}'
        folder = self.root / 'LaSOTBenchmark' / path
        write_video(folder, length, len(self.lines), out=out, first=first)
        self.lines.append(f'{path}/img,{path}/groundtruth.txt,1,{length}')
        (self.root / 'annotations').mkdir(exist_ok=True)
        for split in ('train', 'val', 'test'):
            (self.root / f'annotations/lasot_{split}_infos.txt').write_text(
                '\n'.join(self.lines))
        return folder


CONFIG = """
_base_ = {base!r}
# Patches as released trackers have them.
shape = dict(embed_dims=32, num_heads=2, patch_embed=dict(_delete_=True, type='PatchEmbed'))
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
        # And asks compilers for their versions at every start.
        patch.setattr('mmengine.runner.runner.collect_env', cache(collect_env))
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
    small = save_teacher(folder / 'student.pth', tiny.student(2, 4, **small), seed=1)
    return Setup(folder, write_config(folder / 'config.py', data.root, teacher), teacher, small)


@pytest.fixture(scope='session')
def material(tmp_path_factory) -> Path:
    """See :func:`write_two_trackers`."""
    root = tmp_path_factory.mktemp('material')
    write_two_trackers(root)
    return root


@pytest.fixture(scope='session')
def launch():
    """Function that starts Chromium, wherever it is installed, with options."""
    playwright = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
    found = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))),
                 None)
    if not found:
        pytest.skip('no chromium, chromium-browser or google-chrome is installed')
    with playwright.sync_playwright() as driver:
        yield lambda *options: driver.chromium.launch(executable_path=found, args=options)


@pytest.fixture(scope='session')
def browser(launch):
    """Chromium without options."""
    chromium = launch()
    yield chromium
    chromium.close()


@pytest.fixture(scope='module')
def trained(files, tool, tmp_path_factory):
    """The work folder of the compression of a module's ``files`` that ran to its end."""
    folder = tmp_path_factory.mktemp('whole')
    done = tool('train.py', files.config, '--work-dir', folder)
    assert (done.status, done.err) == (0, '')
    return folder


@pytest.fixture(scope='module')
def student(trained, tool):
    """The extracted student."""
    whole, file = trained / 'epoch_2.pth', trained / 'student.pth'
    done = tool('extract_student.py', whole, file)
    assert done == (0, f'student of {whole} written to {file}\n', '')
    return file


@pytest.fixture(scope='module')
def tested(files, student, tool, tmp_path_factory):
    """A folder with boxes and metrics of the extracted student."""
    from tracker_tools import run_test
    folder = tmp_path_factory.mktemp('tested')
    run_test(tool, files.config, student, folder)
    return folder


@pytest.fixture(scope='module')
def followed(files, student):
    """Boxes, scores and templates of the extracted student in a video."""
    from tracker_tools import track
    return track(Tracker(files.config, student), list(Frames(files.frames)))


@pytest.fixture
def in_one_process(monkeypatch):
    """Rows of a benchmark are measured in this process, which takes no time to start."""
    class Here:
        def __init__(self, device):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def run(self, function, *args):
            try:
                yield from function(*args)
            except Exception as error:
                raise RowError(f'{type(error).__name__}: {error}') from None

    threads = torch.get_num_threads()
    monkeypatch.setattr('benchmarks.machine.Worker', Here)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def refuse(files, tool, tmp_path):
    """The one line with which a tool, told to work in a folder of its own, says what is wrong."""
    def refuse(name, *args, changes=(), config=files.config):
        done = tool(name, config, *args, '--work-dir', tmp_path / 'work', *(
            ['--cfg-options', *changes] if changes else ()))
        assert done.status == 2
        line, = done.err.splitlines()
        assert line.startswith('error: ')
        return line
    return refuse
