"""The teachers that the demo knows."""
from pathlib import Path
from typing import NamedTuple

CONFIGS = Path(__file__).parents[2] / 'configs'


class Teacher(NamedTuple):
    """A teacher and its students.

    Attributes:
        name: in tables.
        config: its name in ``CONFIGS``.
        prefix, title: beginning of the names of its students' configs, and what tables have
            instead.
        student: the one that is trained if no other is asked for.
        work_dir: default folder for logs and results.
        speed_up: published for such students; None if none is.
    """
    name: str
    config: str
    prefix: str
    title: str
    student: str
    work_dir: str
    speed_up: float | None

    def students(self) -> dict[str, Path]:
        """Configs by name."""
        return {file.stem: file for file in sorted(CONFIGS.rglob(f'{self.prefix}*.py'))}


# By the ending of the file with their weights.
TEACHERS = {
    '.pth': Teacher('teacher, 12 layers', 'demo/ostrack_tiny.py', 'ct_ostrack_tiny_', '',
                    'ct_ostrack_tiny_4l_guided', 'work_dirs/demo', 2.17),
    '.onnx': Teacher('VitTrack, 3 layers', 'vittrack.py', 'ct_vittrack_', 'VitTrack ',
                     'ct_vittrack_2l', 'work_dirs/demo_vittrack', None)}
