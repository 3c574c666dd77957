"""The whole of mmct on generated videos: compress a tracker, evaluate, show.

Makes the videos, then compresses the small teacher that comes with mmct into four layers and,
beside that, trains the same student from ground truth only on the same pairs; tests all three,
and ends with a table, a picture, a report page and a tracked video. Started again, it goes on
where it was broken off. Several students, each with and without the teacher, are compared by
--students.
"""
import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cli import run

ROOT = Path(__file__).resolve().parents[1]
TEACHER = ROOT / 'configs/demo/ostrack_tiny.pth'
# By the ending of the teacher's file.
STUDENT = {'.pth': 'ct_ostrack_tiny_4l_1461', '.onnx': 'ct_vittrack_2l'}
WORK_DIR = {'.pth': 'work_dirs/demo', '.onnx': 'work_dirs/demo_vittrack'}
SHOW_COST = 40  # seconds from the last test to the end


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work-dir', type=Path, help='for logs and results (default '
                        'work_dirs/demo, for VitTrack work_dirs/demo_vittrack)')
    parser.add_argument('--data', type=Path, default=Path('data/demo'),
                        help='folder of the videos, made if missing (default %(default)s)')
    parser.add_argument('--teacher', type=Path, default=TEACHER, metavar='FILE',
                        help="weights (.pth) of configs/demo/ostrack_tiny.py, or OpenCV's VitTrack "
                        '(.onnx; default: the weights that come with mmct)')
    parser.add_argument('--students', nargs='+', metavar='CONFIG',
                        help='names of configs in configs/demo (default '
                        f'{STUDENT[".pth"]}), for VitTrack of configs/ct_vittrack_*.py (default '
                        f'{STUDENT[".onnx"]})')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0],
                        help='train all students once with each (default 0)')
    parser.add_argument('--jobs', type=int, default=min(2, os.cpu_count() or 1), metavar='N',
                        help='trainings and tests side by side, a thread each (default '
                        '%(default)s)')
    parser.add_argument('--cfg-options', nargs='+', default=[],
                        help='settings for all trainings that replace those of the configs')
    return parser.parse_args()


def main(args) -> None:
    start = time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    if args.jobs < 1:
        raise ValueError(f'--jobs {args.jobs} must be at least 1')
    if args.teacher.suffix not in STUDENT:
        raise ValueError(f'--teacher {args.teacher} ends in none of {", ".join(STUDENT)}')
    from demo_steps.jobs import run_jobs
    from demo_steps.plan import Plan, pairs_from, read_config
    from demo_steps.progress import Screen
    from demo_steps.showing import show
    from demo_steps.teacher import convert_vittrack, find_teacher
    from demo_steps.videos import TEST_LIST, TestVideos

    work_dir = args.work_dir or Path(WORK_DIR[args.teacher.suffix])
    students = args.students or [STUDENT[args.teacher.suffix]]
    teacher = find_teacher(args.teacher, work_dir)
    for student in students:
        if student not in teacher.students:
            raise ValueError(f'--students {student} is none of {", ".join(teacher.students)}')
    if not (args.data / TEST_LIST).is_file():
        make_videos(args.data, args.jobs)
    videos = TestVideos(args.data)
    if args.teacher.suffix == '.onnx':
        print('Conversion of VitTrack', flush=True)
        convert_vittrack(args.teacher, teacher.weights, read_config(
            teacher.students[students[0]], pairs_from(args.data)))
    plan = Plan(teacher, work_dir, args.data, videos, args.cfg_options)
    contestants = plan.contestants(students, args.seeds)
    jobs = [own.training for own in contestants if own.training]
    jobs += [own.test for own in contestants]
    # The number of pairs that the time was promised for.
    usual = not args.cfg_options and len(jobs) == 5
    pairs = contestants[1].config.train_dataloader.dataset.pairs_per_epoch if usual else None
    with Screen(jobs, args.jobs, SHOW_COST, start, pairs) as screen:
        run_jobs(jobs, args.jobs, screen.update)
    show(contestants, videos, work_dir, teacher.speed_up)


def stop(number: int, frame) -> None:
    """End as the handler of a signal, with all that runs."""
    print('stopped; the same command goes on from here', file=sys.stderr)
    sys.exit(128 + number)


def make_videos(folder: Path, workers: int) -> None:
    done = subprocess.run([sys.executable, str(ROOT / 'tools/make_demo_videos.py'), str(folder),
                           '--workers', str(workers)], check=False)
    if done.returncode:
        raise ValueError(f'the videos in {folder} could not be made, see above')


if __name__ == '__main__':
    run(parse_args, main)
