"""The teachers that the demo knows."""
import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmtrack.registry import MODELS

from mmct.api import fuse_for_inference
from mmct.checkpoint import load_weights
from mmct.models import OSTrack
from mmct.utils.files import write_text

from .jobs import Job, run_jobs

TOOLS = Path(__file__).parents[1]
CONFIGS = TOOLS.parent / 'configs'
VITTRACK = '.onnx'  # ending of its file


class Teacher(NamedTuple):
    """A teacher and its students.

    Attributes:
        name: in tables.
        config: of the tracker.
        weights: file of them.
        students: {name: config} of the compressions.
        prefix: of the students' names, and what tables have instead.
        speed_up: that is published for such students, if it is.
        train_costs: seconds a pair, compressed and from ground truth only, on two free cores.
        test_costs: seconds a frame, teacher and student, likewise.
    """
    name: str
    config: Path
    weights: Path
    students: dict[str, Path]
    prefix: tuple[str, str]
    speed_up: float | None
    train_costs: tuple[float, float]
    test_costs: tuple[float, float]

    def label(self, student: str) -> str:
        """A student in tables."""
        prefix, title = self.prefix
        return title + student.removeprefix(prefix)

    def digest(self) -> str:
        """Of the weights."""
        return hashlib.sha256(self.weights.read_bytes()).hexdigest()


def find_teacher(file: Path, folder: Path) -> Teacher:
    """The teacher that a file is, or will be in ``folder`` when it is converted.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not one of a teacher.
    """
    if not file.is_file():
        raise FileNotFoundError(f'--teacher {file} does not exist; expected weights (.pth) of '
                                'configs/demo/ostrack_tiny.py, or VitTrack (.onnx)')
    if file.suffix == VITTRACK:
        from vittrack.reading import read_vittrack

        read_vittrack(file)
        return Teacher('VitTrack, 3 layers', CONFIGS / 'vittrack.py',
                       folder / 'vittrack/vittrack.pth', named(CONFIGS, 'ct_vittrack_'),
                       ('ct_vittrack_', 'VitTrack '), None, (0.025, 0.017), (0.014, 0.012))
    config = CONFIGS / 'demo/ostrack_tiny.py'
    build_tracker(Config.fromfile(config), file)
    return Teacher('teacher, 12 layers', config, file, named(CONFIGS / 'demo', 'ct_ostrack_tiny_'),
                   ('ct_ostrack_tiny_', ''), 2.17, (0.02, 0.012), (0.011, 0.0075))


def named(folder: Path, prefix: str) -> dict[str, Path]:
    return {file.stem: file for file in sorted(folder.glob(f'{prefix}*.py'))}


def convert_vittrack(file: Path, target: Path, config: Config) -> None:
    """Write VitTrack as weights that a student can be trained with, if that is not done.

    Args:
        target: in a folder of its own.
        config: of a compression, with the pairs that its batch norm is measured on.

    Raises:
        ValueError: it failed.
    """
    pairs = target.parent.with_suffix('.py')
    write_text(pairs, config.pretty_text)
    settings = dict(file=hashlib.sha256(file.read_bytes()).hexdigest(),
                    pairs=str(config.val_dataloader.to_dict()))
    run_jobs([Job('conversion of VitTrack', target.with_suffix('.log'), [
        sys.executable, str(TOOLS / 'convert_weights.py'), str(file), str(target),
        '--calibration', str(pairs)], settings)], 1)


def build_tracker(config: Config, checkpoint: Path) -> OSTrack:
    """A tracker, or the student of a compression, for inference.

    Raises:
        CheckpointError: the weights are of another network.
    """
    tracker = MODELS.build(config.model.get('student', config.model))
    load_weights(tracker, checkpoint)
    return fuse_for_inference(tracker)
