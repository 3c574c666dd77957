"""What the demo ends with: the table, pictures, a page and a video."""
import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from drawing.target import draw_target
from drawing.video import VideoFile
from report_page.clips import find_clip
from report_page.contact_sheet import draw_contact_sheet
from report_page.write import write_report

from mmct.formats import read_results
from mmct.runtime import Tracker
from mmct.runtime.frames import Frames
from mmct.utils.files import write_text

from .plan import VIDEOS, Contestant, read_videos
from .results import as_text, compare, measured
from .speed import measure

ROWS = 8  # of the contact sheet
SPEED_FRAMES = 60
FPS = 30.  # of the video


def show(contestants: Sequence[Contestant], data: Path, folder: Path, speed_up: float | None
         ) -> None:
    """Measure speeds, write all that there is to look at, and say where it is.

    Args:
        contestants: the teacher, a student by the method, the same from ground truth only, and
            perhaps more; all of them tested.
        data: folder of the videos.
        folder: for all that is written.
        speed_up: that is promised, if one is.
    """
    print('\nSpeed of teacher and student, in turns', flush=True)
    videos, frames = read_videos(data), data / VIDEOS
    names = list(videos)
    boxes = {name: own.boxes for name, own in videos.items()}
    clips = {name: find_clip(frames, name, len(own)) for name, own in boxes.items()}
    speeds = measure(contestants, folder / 'exported', list(clips[names[0]])[:SPEED_FRAMES],
                     boxes[names[0]][0])
    trackers = measured(contestants, videos, speeds)
    comparisons = compare(trackers, speed_up)
    text = as_text(trackers, comparisons)
    table, numbers = folder / 'results.md', folder / 'results.json'
    write_text(table, text)
    write_text(numbers, json.dumps(
        dict(videos=names, trackers=trackers, comparisons=comparisons), indent=1))

    print('Pictures, report and video', flush=True)
    sheet, picture, report, video = (folder / name for name in (
        'contact_sheet.png', 'quartiles.png', 'report', 'student.mp4'))
    seen, some = contestants[:3], names[::-(-len(names) // ROWS)]
    lengths = {name: len(boxes[name]) for name in some}
    draw_contact_sheet(
        {name: clips[name] for name in some},
        {'ground truth': boxes, **{own.name: read_results(own.boxes, lengths) for own in seen}},
        sheet, title='Teacher and students on test videos')
    with contextlib.redirect_stdout(io.StringIO()):  # its notes are on the page, too
        write_report([f'{own.name}={own.boxes}' for own in seen], frames, report, frames,
                     timed=False)
    aucs = trackers[1]['aucs'][0]
    # Hard, neither easy nor hard, and easy for the student.
    hard, typical, easy = (int(np.argsort(aucs)[len(names) * share // 4]) for share in (1, 2, 3))
    chosen = {names[i]: f'{names[i]}\nAUC {aucs[i]:.0f}' for i in (easy, typical, hard)}
    tracked = {own.name: read_results(own.boxes, {name: len(boxes[name]) for name in chosen})
               for own in seen[:2]}
    draw_contact_sheet({name: clips[name] for name in chosen}, {'ground truth': boxes, **tracked},
                       picture, columns=4, labels=chosen)
    typical = names[typical]
    model = speeds[seen[1].student].file
    track_video(Tracker(model), clips[typical], boxes[typical][0], video)
    print(f'\n{text}\nAUC in % over {len(names)} test videos, ± standard error. Speed on one '
          'thread, teacher and student in turns, each in its fastest form.\n')
    print(f'table: {table}', f'the same with all videos: {numbers}',
          f'frames of test videos: {sheet}',
          f"three of them, at the quartiles of the student's AUC: {picture}",
          f'report page: {report / "index.html"}',
          f'exported student: {model}', f'a test video ({typical}) tracked by it: {video}',
          sep='\n')


def track_video(tracker: Tracker, clip: Frames, box: Sequence[float], target: Path) -> None:
    """Write a video of what a tracker finds.

    Args:
        box: x, y, w, h of the target in the first frame, in pixels.
    """
    with VideoFile(target, FPS) as video:
        for number, frame in enumerate(clip):
            score = 1.
            if number:
                box, score = tracker.update(frame)
            else:
                tracker.init(frame, box)
            draw_target(frame, box, score)
            video.write(frame)
