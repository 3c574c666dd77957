"""Run all of mmct on generated videos: compress a tracker, evaluate, show.

The demo generates videos, compresses the small teacher that comes with mmct into four layers, and
trains the same student on the same pairs from ground truth only. It tests all three, and VitTrack's
fast student that comes with mmct, and ends with a table, pictures, a report page and a tracked
video. After an interruption, the same command goes on where it was. --students compares several
students, each with and without the teacher.
"""
import argparse
import os
import sys
import time
from pathlib import Path

from cli import run, run_command
from demo_steps.teachers import CONFIGS, TEACHERS


def parse_args() -> argparse.Namespace:
    tiny, vittrack = TEACHERS['.pth'], TEACHERS['.onnx']
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work-dir', type=Path, help='folder for logs and results (default '
                        f'{tiny.work_dir}, for VitTrack {vittrack.work_dir})')
    parser.add_argument('--data', type=Path, default=Path('data/demo'),
                        help='folder of the videos, made if missing (default %(default)s)')
    parser.add_argument('--teacher', type=Path, default=CONFIGS / 'demo/ostrack_tiny.pth',
                        metavar='FILE', help='weights (.pth) of configs/demo/ostrack_tiny.py, or '
                        "OpenCV's VitTrack (.onnx; default: the weights that come with mmct)")
    parser.add_argument('--students', nargs='+', metavar='CONFIG',
                        help=f'names of configs in configs/demo (default {tiny.student}), for '
                        f'VitTrack of configs/ct_vittrack_*.py (default {vittrack.student})')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0],
                        help='train every student once with each seed (default 0)')
    parser.add_argument('--jobs', type=int, default=min(2, os.cpu_count() or 1), metavar='N',
                        help='trainings and tests side by side, a thread each (default '
                        '%(default)s)')
    parser.add_argument('--cfg-options', nargs='+', default=[],
                        help='settings that replace those of the configs, for all trainings')
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    start = time.monotonic()
    if args.jobs < 1:
        raise ValueError(f'--jobs {args.jobs} must be at least 1')
    if args.teacher.suffix not in TEACHERS:
        raise ValueError(f'--teacher {args.teacher} ends in none of {", ".join(TEACHERS)}')
    teacher = TEACHERS[args.teacher.suffix]
    work_dir = args.work_dir or Path(teacher.work_dir)
    students, configs = args.students or [teacher.student], teacher.students()
    for student in students:
        if student not in configs:
            raise ValueError(f'--students {student} is not one of {", ".join(configs)}')
    if not args.teacher.is_file():
        raise FileNotFoundError(f'--teacher {args.teacher} does not exist; expected weights (.pth) '
                                'of configs/demo/ostrack_tiny.py, or VitTrack (.onnx)')
    from demo_steps import plan
    from demo_steps.jobs import run_jobs
    from demo_steps.progress import shown
    from demo_steps.showing import show

    for student in students:
        plan.read_config(configs[student], args.cfg_options)  # before anything takes long
    if not (args.data / plan.TEST_LIST).is_file():
        make_videos(args.data, args.jobs)
    weights = args.teacher
    if weights.suffix == '.onnx':
        print('Conversion of VitTrack', flush=True)
        weights = plan.convert_vittrack(weights, work_dir, configs[students[0]], args.data)
    contestants = plan.contestants(teacher, weights, students, args.seeds, work_dir, args.data,
                                   args.cfg_options)
    jobs = [own.training for own in contestants if own.training]
    jobs += [own.test for own in contestants]
    pairs = contestants[1].config.train_dataloader.dataset.pairs_per_epoch
    with shown(jobs, args.jobs, plan.SHOW_COST, start, pairs) as update:
        run_jobs(jobs, args.jobs, update)
    show(contestants, args.data, work_dir, teacher.speed_up)


def make_videos(folder: Path, workers: int) -> None:
    if run_command([sys.executable, str(Path(__file__).with_name('make_demo_videos.py')),
                    str(folder), '--workers', str(workers)]):
        raise ValueError(f'the videos in {folder} could not be made, see above')


if __name__ == '__main__':
    run(parse_args, main, stopped='stopped; the same command goes on from here')
