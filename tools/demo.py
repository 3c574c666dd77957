"""The whole of mmct on generated videos: compress a tracker, evaluate, show.

Makes the videos, compresses the small teacher that comes with mmct into four layers, trains the
same student from ground truth only on the same pairs, tests all three, and ends with a table and
a picture. Logs and results go to the work folder. Several students, each with and without the
teacher, are compared by --students.
"""
import argparse
import itertools
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from cli import run
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / 'configs' / 'demo'
TEACHER = 'teacher, 12 layers'
# Ways to train a student: settings on top of its config.
WAYS = {
    'compressed': [],
    'ground truth only': ['model.replace_prob=1.0', 'model.guidance_loss=None',
                          'model.mimic_loss=None', 'custom_hooks.1.mode=constant',
                          'custom_hooks.1.init=1.0'],
}
# Seconds that a step takes on two cores, so that the end of the whole can be told from the start.
TRAIN_COST, TEST_COST = 270, 45
PROGRESS_LINE = re.compile(r'Epoch\((train|test)\)\s+(?:\[\s*(\d+)\])?\[\s*(\d+)/(\d+)\]')


class Steps:
    """Runs tools one after another, with their progress and the end of it all on the screen."""

    def __init__(self, total_cost: float) -> None:
        self.console = Console()
        self.progress = Progress(
            TextColumn('{task.description:<34}'), BarColumn(),
            TextColumn('{task.percentage:3.0f} %'), TimeElapsedColumn(), TextColumn('left'),
            TimeRemainingColumn(), console=self.console)
        self.all = self.progress.add_task('everything', total=total_cost)
        self.done = 0.
        self.start = time.time()

    def run(self, name: str, cost: float, script: str, *args: str, log: Path) -> float:
        """Run a tool, its output into ``log``; returns the seconds it took.

        Raises:
            ValueError: the tool failed; the message names the log.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        task = self.progress.add_task(name, total=1.)
        start, told = time.time(), 0.
        command = [sys.executable, str(ROOT / 'tools' / script), *args]
        with log.open('w') as file, subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            epochs = 1
            for line in process.stdout:
                file.write(line)
                if match := re.match(r'train_cfg = .*max_epochs=(\d+)', line):
                    epochs = int(match[1])
                if match := PROGRESS_LINE.search(line):
                    share = int(match[3]) / int(match[4])
                    if match[1] == 'train':
                        share = (int(match[2]) - 1 + share) / epochs
                    self.progress.update(task, completed=share)
                    self.progress.update(self.all, completed=self.done + share * cost)
                    if not self.console.is_terminal and share >= told + 0.1:
                        told = share
                        print(f'{name}: {share:.0%}, {self._left(share * cost)} left of all',
                              flush=True)
        if process.returncode:
            raise ValueError(f'{name} failed (exit status {process.returncode}); see {log}')
        self.done += cost
        self.progress.update(task, completed=1.)
        self.progress.update(self.all, completed=self.done)
        return time.time() - start

    def _left(self, extra: float) -> str:
        done = self.done + extra
        total = self.progress.tasks[0].total
        seconds = (time.time() - self.start) * (total - done) / max(done, 1e-6)
        return f'{int(seconds // 60)}:{int(seconds % 60):02d}'


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'),
                        help='for logs and results (default %(default)s)')
    parser.add_argument('--data', type=Path, default=Path('data/demo'),
                        help='folder of the videos (default %(default)s)')
    parser.add_argument('--teacher', type=Path, default=CONFIGS / 'ostrack_tiny.pth',
                        help='its weights, of configs/demo/ostrack_tiny.py')
    parser.add_argument('--students', nargs='+', default=['ct_ostrack_tiny_4l_1335'],
                        metavar='CONFIG',
                        choices=sorted(file.stem for file in CONFIGS.glob('ct_*.py')),
                        help='names of configs in configs/demo (default ct_ostrack_tiny_4l_1335)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0],
                        help='train all students once with each (default 0)')
    parser.add_argument('--cfg-options', nargs='+', default=[],
                        help='settings for both trainings that replace those of the configs')
    return parser.parse_args()


def main(args) -> None:
    if not (args.data / 'annotations/lasot_test_infos.txt').is_file():
        subprocess.run([sys.executable, str(ROOT / 'tools/make_demo_videos.py'), str(args.data)],
                       check=True)
    runs = len(args.students) * len(args.seeds) * len(WAYS)
    steps = Steps(TEST_COST + runs * (TRAIN_COST + TEST_COST))
    with steps.progress:
        results, minutes = compress_and_test(args, steps)
    report(args, results, minutes)


def compress_and_test(args, steps: Steps):
    """Metrics of the teacher and, for each seed, of all students; minutes of training."""
    data = [f'{loader}_dataloader.dataset.{key}data_root={args.data}/' for loader, key in
            (('train', 'datasets.0.'), ('val', 'datasets.0.'), ('test', ''))]
    results = {TEACHER: [test(args, steps, TEACHER, 'ostrack_tiny', args.teacher, data)]}
    minutes = {}
    for seed in args.seeds:
        for config, way in itertools.product(args.students, WAYS):
            name = f'{config.removeprefix("ct_ostrack_tiny_")} {way}'
            label = f'{name}, seed {seed}'
            folder = args.work_dir / label.replace(', ', '-').replace(' ', '_')
            seconds = steps.run(
                f'train: {label}', TRAIN_COST, 'train.py', str(CONFIGS / f'{config}.py'),
                '--work-dir', str(folder), '--cfg-options', *data, f'randomness.seed={seed}',
                f'model.seed={seed}', f'model.teacher_checkpoint={args.teacher}',
                *WAYS[way], *args.cfg_options, log=folder / 'train.log')
            minutes.setdefault(name, []).append(seconds / 60)
            student = folder / 'student.pth'
            last = Path((folder / 'last_checkpoint').read_text())
            subprocess.run([sys.executable, str(ROOT / 'tools' / 'extract_student.py'), str(last),
                            str(student)], check=True, stdout=subprocess.DEVNULL)
            results.setdefault(name, []).append(
                test(args, steps, label, config, student, data))
    return results, minutes


def test(args, steps: Steps, label: str, config: str, checkpoint: Path, data: list) -> dict:
    folder = args.work_dir / 'tests' / label.replace(', ', '-').replace(' ', '_')
    steps.run(f'test: {label}', TEST_COST, 'test.py', str(CONFIGS / f'{config}.py'),
              str(checkpoint), '--work-dir', str(folder), '--results', str(folder / 'boxes'),
              '--json', str(folder / 'metrics.json'), '--cfg-options', *data,
              log=folder / 'test.log')
    metrics = json.loads((folder / 'metrics.json').read_text())
    return dict(metrics, boxes=folder / 'boxes', checkpoint=checkpoint, config=config)


def report(args, results: dict, minutes: dict) -> None:
    """The table and the picture."""
    from mmct import load_tracker
    from mmct.analysis import read_results
    from mmct.evaluation.complexity import count_macs, count_parameters
    from mmct.evaluation.speed import latency
    from mmct.report.clips import Clip
    from mmct.report.contact_sheet import draw_contact_sheet
    from mmct.runtime import Tracker
    from mmct.runtime.backends.pytorch import TorchNetwork

    videos = test_videos(args.data)
    trackers = {
        name: load_tracker(CONFIGS / f'{runs[0]["config"]}.py', runs[0]['checkpoint'])
        for name, runs in results.items()
    }
    frames, truth = next(iter(videos.values()))
    speed = latency({name: Tracker(TorchNetwork(own)) for name, own in trackers.items()},
                    list(Clip(frames[:60])), truth[0])
    rows = []
    for name, runs in results.items():
        metrics = {key: [run[f'sot/{key}'] for run in runs]
                   for key in ('success', 'norm_precision', 'precision')}
        share = [100 * auc / results[TEACHER][0]['sot/success'] for auc in metrics['success']]
        rows.append({
            'tracker': name,
            'AUC': spread(metrics['success']),
            'norm. precision': spread(metrics['norm_precision']),
            'precision': spread(metrics['precision']),
            '% of teacher': spread(share),
            'ms a frame': f'{speed[name]:.2f}',
            'speed-up': f'{speed[TEACHER] / speed[name]:.2f} x',
            'MMACs': f'{count_macs(trackers[name]) / 1e6:.1f}',
            'parameters': f'{count_parameters(trackers[name]) / 1e6:.2f} M',
            'training': spread(minutes[name]) + ' min' if name in minutes else 'given',
        })
    table = tabulate(rows, headers='keys', tablefmt='github')
    (args.work_dir / 'results.md').write_text(table + '\n')
    sheet = args.work_dir / 'contact_sheet.png'
    lengths = {name: len(boxes) for name, (_, boxes) in videos.items()}
    draw_contact_sheet(
        {name: Clip(frames)
         for name, (frames, _) in list(videos.items())[::max(len(videos) // 7, 1)]},
        {'ground truth': {name: boxes for name, (_, boxes) in videos.items()},
         **{name: read_results(runs[0]['boxes'], lengths)
            for name, runs in list(results.items())[:3]}},
        sheet, title='Teacher and students on test videos')
    print(f'\n{table}\n\nAUC, precision in % over {len(videos)} test videos; table: '
          f'{args.work_dir / "results.md"}, tracked frames: {sheet}')


def test_videos(data: Path) -> dict:
    """{name: (frame files, ground truth boxes)} of the test set."""
    from mmct.analysis import read_boxes
    lines = (data / 'annotations/lasot_test_infos.txt').read_text().split('\n')[1:]
    videos = {}
    for folder, annotation, *_ in (line.split(',') for line in lines if line):
        root = data / 'LaSOTBenchmark'
        frames = sorted((root / folder).glob('*.jpg'))
        videos[Path(folder).parent.name] = frames, read_boxes(root / annotation)
    return videos


def spread(values: list) -> str:
    """Mean, and standard deviation where there are several."""
    text = f'{np.mean(values):.1f}'
    return f'{text} ± {np.std(values, ddof=1):.1f}' if len(values) > 1 else text


if __name__ == '__main__':
    run(parse_args, main)
