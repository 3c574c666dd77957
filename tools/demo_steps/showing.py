"""What the demo ends with: the table, pictures, a page and a video."""
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmct.formats import read_results
from mmct.utils.files import write_text
from mmct.visualization.contact_sheet import draw_contact_sheet

from .plan import Contestant, tool
from .scores import video_aucs
from .speed import Speed, measure
from .table import as_json, as_text, compare, make_rows
from .teacher import build_tracker
from .videos import TestVideos

ROWS = 8  # of the contact sheet
SPEED_FRAMES = 60


def show(contestants: Sequence[Contestant], videos: TestVideos, folder: Path,
         speed_up: float | None) -> None:
    """Measure speeds, write all that there is to look at, and say where it is.

    Args:
        contestants: the teacher, a student by the method, the same from ground truth only, and
            perhaps more; all of them tested.
        folder: for all that is written.
        speed_up: that is promised, if one is.

    Raises:
        ValueError: a tool failed; names its log.
    """
    print('\nSpeed of teacher and student, in turns', flush=True)
    speeds = network_speeds(contestants, videos, folder / 'exported')
    aucs = video_aucs([own.boxes for own in contestants], videos.annotations)
    rows = make_rows(contestants, aucs, speeds)
    comparisons = compare(rows, speed_up)
    text = as_text(rows, comparisons)
    write_text(folder / 'results.md', text)
    write_text(folder / 'results.json', json.dumps(
        as_json(rows, comparisons, list(videos.annotations)), indent=1))

    print('Pictures, report and video', flush=True)
    seen, student = contestants[:3], contestants[1]
    # Neither easy nor hard for the student.
    typical = list(videos.annotations)[np.argsort(aucs[1])[len(videos) // 2]]
    places = {
        'table': folder / 'results.md',
        'the same with all videos': folder / 'results.json',
        'frames of test videos': draw_sheet(seen, videos, folder / 'contact_sheet.png'),
        'report page': write_report(seen, videos, folder / 'report'),
        'exported student': speeds[student.student].file,
        f'a test video ({typical}) tracked by it': track_video(
            speeds[student.student].file, videos, typical, folder / 'student.mp4')}
    print(f'\n{text}\nAUC in % over {len(videos)} test videos, ± standard error. Speed on one '
          'thread, teacher and student in turns, each in its fastest form.\n')
    for what, place in places.items():
        print(f'{what}: {place}')


def network_speeds(contestants: Sequence[Contestant], videos: TestVideos, folder: Path
                   ) -> dict[str | None, Speed]:
    """By student, None for the teacher; both ways of training give the same network.

    Args:
        folder: for the exported files.
    """
    first = {}
    for own in contestants:
        first.setdefault(own.student, own)
    name, annotation = next(iter(videos.annotations.items()))
    speeds = measure(
        {student or 'teacher': build_tracker(own.config, own.checkpoint)
         for student, own in first.items()},
        folder, list(videos.clip(name))[:SPEED_FRAMES], annotation.boxes[0])
    return {student: speeds[student or 'teacher'] for student in first}


def draw_sheet(contestants: Sequence[Contestant], videos: TestVideos, target: Path) -> Path:
    """Frames of some test videos with the boxes of contestants."""
    names = list(videos.annotations)
    names = names[::-(-len(names) // ROWS)]
    annotations = {name: videos.annotations[name] for name in names}
    lengths = {name: len(own.boxes) for name, own in annotations.items()}
    draw_contact_sheet(
        {name: videos.clip(name) for name in names},
        {'ground truth': {name: own.boxes for name, own in annotations.items()},
         **{own.name: read_results(own.boxes, lengths) for own in contestants}},
        target, title='Teacher and students on test videos')
    return target


def write_report(contestants: Sequence[Contestant], videos: TestVideos, folder: Path) -> Path:
    """The page of tools/report.py."""
    run_tool(folder.with_suffix('.log'), 'report.py',
             *(f'{own.name}={own.boxes}' for own in contestants), '--annotations', videos.folder,
             '--frames', videos.folder, '--out', folder)
    return folder / 'index.html'


def track_video(model: Path, videos: TestVideos, name: str, target: Path) -> Path:
    """A test video with the boxes of an exported tracker."""
    box = ','.join(f'{value:g}' for value in videos.annotations[name].boxes[0])
    run_tool(target.with_suffix('.log'), 'demo_video.py', videos.images(name), model,
             f'--box={box}', '--out', target)
    return target


def run_tool(log: Path, script: str, *args) -> None:
    """Raises:
        ValueError: the tool failed; names its log.
    """
    with log.open('w') as output:
        status = subprocess.run(tool(script, *args), stdout=output, stderr=subprocess.STDOUT,
                                check=False).returncode
    if status:
        raise ValueError(f'tools/{script} failed with exit status {status}; its log is {log}')
