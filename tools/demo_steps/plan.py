"""What is trained and tested."""
import hashlib
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cli import runner_config, runner_parser
from mmengine.config import Config

from mmct.checkpoint import extract_student

from .jobs import Job
from .progress import test_share, train_share
from .teacher import TOOLS, Teacher
from .videos import TestVideos

COMPRESSED, TRUTH_ONLY = 'compressed', 'ground truth only'
# Ways to train a student: settings on top of its config.
WAYS = {
    COMPRESSED: [],
    TRUTH_ONLY: ['model.replace_prob=1.0', 'model.guidance_loss=None', 'model.mimic_loss=None',
                 'custom_hooks.1.mode=constant', 'custom_hooks.1.init=1.0'],
}
START_COST = 8.  # seconds that a tool takes before it begins


@dataclass
class Contestant:
    """A tracker that is tested, and trained before that if it is a student.

    Attributes:
        name: of its row in the table.
        student, way: names of its config and of its training; None for the teacher.
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


class Plan:
    """Makes the jobs of contestants.

    Args:
        teacher: its weights are there.
        work_dir: for all logs and results.
        data: folder of the videos.
        videos: those of them that are tested on.
        options: settings on top of the students' configs, KEY=VALUE.
    """

    def __init__(self, teacher: Teacher, work_dir: Path, data: Path, videos: TestVideos,
                 options: Sequence[str]) -> None:
        self.teacher, self.work_dir, self.videos = teacher, work_dir, videos
        self.options = [*pairs_from(data), f'model.teacher_checkpoint={teacher.weights}', *options]
        self.test_options = [f'test_dataloader.dataset.data_root={data}/',
                             'test_dataloader.num_workers=0',
                             'test_dataloader.persistent_workers=False']
        self.sources = dict(teacher=teacher.digest(), videos=videos.digest)

    def contestants(self, students: Sequence[str], seeds: Sequence[int]) -> list[Contestant]:
        """The teacher, then for each seed all students.

        Raises:
            ValueError: settings make no sense.
        """
        name = self.teacher.name
        teacher = self.contestant(name, None, None, self.teacher.config, [], self.teacher.weights,
                                  name, None)
        return [teacher, *itertools.starmap(
            self.student, itertools.product(seeds, students, WAYS))]

    def student(self, seed: int, student: str, way: str) -> Contestant:
        name = f'{self.teacher.label(student)} {way}'
        label = f'{name}, seed {seed}'
        folder = self.work_dir / folder_name(label)
        path = self.teacher.students[student]
        options = [f'randomness.seed={seed}', f'model.seed={seed}', *WAYS[way], *self.options]
        config = read_config(path, options)
        checkpoint = folder / 'student.pth'
        epochs = config.train_cfg.max_epochs
        pairs = epochs * config.train_dataloader.dataset.pairs_per_epoch
        training = Job(
            f'train: {label}', folder / 'train.log',
            tool('train.py', path, '--work-dir', folder, '--cfg-options', *options),
            dict(config=digest(config), **self.sources),
            cost=START_COST + pairs * self.teacher.train_costs[way == TRUTH_ONLY],
            resume=['--resume'], progress=partial(train_share, epochs=epochs),
            finish=lambda: extract_student(Path((folder / 'last_checkpoint').read_text()),
                                           checkpoint))
        return self.contestant(name, student, way, path, options, checkpoint, label, training)

    def contestant(self, name: str, student: str | None, way: str | None, path: Path,
                   options: Sequence[str], checkpoint: Path, label: str, training: Job | None
                   ) -> Contestant:
        folder = self.work_dir / 'tests' / folder_name(label)
        options = [*options, *self.test_options]
        config = read_config(path, options)
        settings = training.record['settings'] if training else self.sources
        test = Job(
            f'test: {label}', folder / 'test.log',
            tool('test.py', path, checkpoint, '--work-dir', folder, '--results', folder / 'boxes',
                 '--json', folder / 'metrics.json', '--cfg-options', *options),
            dict(settings, test=digest(config)),
            cost=START_COST + self.videos.frames * self.teacher.test_costs[training is not None],
            resume=['--resume'], after=training, progress=test_share)
        return Contestant(name, student, way, config, checkpoint, folder / 'boxes', training, test)


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


def digest(config: Config) -> str:
    text = json.dumps(config.to_dict(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
