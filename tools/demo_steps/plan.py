"""What is trained and tested."""
import hashlib
import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import runner_config, runner_parser
from mmengine.config import Config

from mmct.formats import Annotation, read_annotation
from mmct.formats.layouts import Texts
from mmct.formats.sequences import lasot_sequence, names_in_infos
from mmct.utils.files import write_text

from .jobs import Job, run_jobs
from .teachers import CONFIGS, Teacher

TOOLS = Path(__file__).parents[1]
VIDEOS = 'LaSOTBenchmark'
TEST_LIST = 'annotations/lasot_test_infos.txt'
COMPRESSED, TRUTH_ONLY = 'compressed', 'ground truth only'
# Comes with mmct, and is tested beside the others: how a tracker does that learned from real ones.
READY = 'ct_vittrack_fast'
# Ways to train a student: settings on top of its config.
WAYS = {
    COMPRESSED: [],
    TRUTH_ONLY: ['model.replace_prob=1.0', 'model.guidance_loss=None', 'model.mimic_loss=None',
                 'custom_hooks.1.mode=constant', 'custom_hooks.1.init=1.0'],
}
# How long things take, in pairs of a compression: a pair, a frame of a test, all after the tests.
PAIR_COSTS, FRAME_COST, SHOW_COST = {COMPRESSED: 1., TRUTH_ONLY: 0.65}, 0.5, 1800.


@dataclass
class Contestant:
    """A tracker that is tested, and trained before that if it is a student.

    Attributes:
        name: of its row in the table.
        student, way: names of its config and of its training; None for the teacher, and no way
            for a student that is not trained here.
        config: as it is tested.
        checkpoint: its weights, there when all jobs are done.
        boxes: folder of its results, likewise.
    """
    name: str
    student: str | None
    way: str | None
    config: Config
    checkpoint: Path
    boxes: Path
    training: Job | None
    test: Job


def contestants(teacher: Teacher, weights: Path, students: Sequence[str], seeds: Sequence[int],
                folder: Path, data: Path, options: Sequence[str]) -> list[Contestant]:
    """The teacher, then for each seed all students, by the method and from ground truth only; last
    the student of VitTrack that comes with mmct.

    Args:
        students: names of their configs.
        folder: for logs and results.
        data: folder of the videos.
        options: settings on top of the students' configs, KEY=VALUE.

    Raises:
        ValueError: settings make no sense.
    """
    lists = [file.read_bytes() for file in sorted((data / 'annotations').glob('*.*'))]
    sources = digest(weights.read_bytes(), lists)
    frames = sum(len(annotation.boxes) for annotation in read_videos(data).values())

    def tested(name: str, label: str, file: Path, options: Sequence[str], checkpoint: Path,
               student: str | None = None, way: str | None = None, training: Job | None = None
               ) -> Contestant:
        own = folder / 'tests' / folder_name(label)
        options = [*options, f'test_dataloader.dataset.data_root={data}/',
                   'test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False']
        config = read_config(file, options)
        test = Job(
            f'test: {label}', own / 'test.log',
            tool('test.py', file, checkpoint, '--work-dir', own, '--results', own / 'boxes',
                 '--json', own / 'metrics.json', '--cfg-options', *options),
            digest(config.to_dict(), training.settings if training else sources),
            cost=frames * FRAME_COST, resume=['--resume'], after=training)
        return Contestant(name, student, way, config, checkpoint, own / 'boxes', training, test)

    found = [tested(teacher.name, teacher.name, CONFIGS / teacher.config, [], weights)]
    for seed, student, way in itertools.product(seeds, students, WAYS):
        own_name = f'{teacher.title}{student.removeprefix(teacher.prefix)}'
        label = f'{own_name} {way}, seed {seed}'
        name = f'{own_name if len(students) > 1 else "student"}, {way}'
        own, file = folder / folder_name(label), teacher.students()[student]
        settings = [f'randomness.seed={seed}', f'model.seed={seed}', *WAYS[way],
                    *pairs_from(data), f'model.teacher_checkpoint={weights}', *options]
        config = read_config(file, settings)
        epochs = config.train_cfg.max_epochs
        training = Job(
            f'train: {label}', own / 'train.log',
            tool('train.py', file, '--work-dir', own, '--cfg-options', *settings),
            digest(config.to_dict(), sources), epochs=epochs, resume=['--resume'],
            cost=epochs * config.train_dataloader.dataset.pairs_per_epoch * PAIR_COSTS[way])
        found.append(tested(name, label, file, settings, own / f'epoch_{epochs}.pth', student,
                            way, training))
    ready = CONFIGS / f'{READY}.py'
    return [*found, tested("VitTrack's fast student", READY, ready, [], ready.with_suffix('.pth'),
                           READY)]


def convert_vittrack(file: Path, folder: Path, student: Path, data: Path) -> Path:
    """VitTrack as weights that a student can be trained with, in a folder; made if missing.

    Args:
        student: config of a compression, on whose pairs its batch norm is measured.

    Raises:
        ValueError: it failed.
    """
    target, pairs = folder / 'vittrack/vittrack.pth', folder / 'vittrack.py'
    config = read_config(student, pairs_from(data))
    write_text(pairs, config.pretty_text)
    run_jobs([Job('conversion of VitTrack', target.with_suffix('.log'),
                  tool('convert_weights.py', file, target, '--calibration', pairs),
                  digest(file.read_bytes(), config.val_dataloader.to_dict()))], 1)
    return target


def read_videos(data: Path) -> dict[str, Annotation]:
    """Ground truth of the test videos by name, in the order of their list."""
    texts = Texts(data / VIDEOS)
    return {name: read_annotation(lasot_sequence(name), texts)
            for name in names_in_infos(data / TEST_LIST)}


def tool(script: str, *args) -> list[str]:
    return [sys.executable, str(TOOLS / script), *map(str, args)]


def pairs_from(data: Path) -> list[str]:
    """Options that let a config take its pairs from a folder."""
    return [f'{loader}_dataloader.dataset.datasets.0.data_root={data}/'
            for loader in ('train', 'val')]


def folder_name(label: str) -> str:
    return label.replace(', ', '-').replace(' ', '_')


def read_config(path: Path, options: Sequence[str]) -> Config:
    """As a tool with these --cfg-options reads it."""
    return runner_config(runner_parser('').parse_args(
        [str(path), *(['--cfg-options', *options] if options else [])]))


def digest(*parts) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
