"""The teachers that the demo knows."""
from pathlib import Path
from typing import NamedTuple

CONFIGS = Path(__file__).parents[2] / 'configs'


class Teacher(NamedTuple):
    """A teacher and its students.

    Attributes:
        name: in tables.
        config: file of the tracker.
        students: beginning of the paths of the compressions' configs.
        title: what tables have instead of that beginning.
        default: name of the student that is trained if no other is asked for.
        work_dir: default folder for logs and results.
        speed_up: published for such students; None if none is.
    """
    name: str
    config: Path
    students: Path
    title: str
    default: str
    work_dir: str
    speed_up: float | None

    def student_configs(self) -> dict[str, Path]:
        """Files by name."""
        return {file.stem: file for file in sorted(
            self.students.parent.glob(f'{self.students.name}*.py'))}

    def label(self, student: str) -> str:
        """A student in tables."""
        return self.title + student.removeprefix(self.students.name)


# By the ending of the file with their weights.
TEACHERS = {
    '.pth': Teacher('teacher, 12 layers', CONFIGS / 'demo/ostrack_tiny.py',
                    CONFIGS / 'demo/ct_ostrack_tiny_', '', 'ct_ostrack_tiny_4l_1461',
                    'work_dirs/demo', 2.17),
    '.onnx': Teacher('VitTrack, 3 layers', CONFIGS / 'vittrack.py', CONFIGS / 'ct_vittrack_',
                     'VitTrack ', 'ct_vittrack_2l', 'work_dirs/demo_vittrack', None)}
