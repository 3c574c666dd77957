"""Measure tracking speed by backend and precision, for teacher and student; with --train, training
steps; with --data, the making of training pairs. On a GPU, one command measures tracking and
training.

Each row is printed as soon as it is measured. A table of all rows follows, even after Ctrl-C,
SIGTERM, a closed terminal or a failed row.

The first row is the step as the published code computes it: eager, fp32, attention multiplied out;
in tracking with attention maps kept, templates run in every frame and batch norm not folded; in
training with the teacher twice in memory. With --data it is MMTracking's own pipeline. All ratios
refer to the first row.

Without a checkpoint, weights are random, which takes as long. GMACs are given for a frame and,
separately, for encoding the templates, which is done once for a target or update. If encoding is
much of the work, a row full:fp32 shows the tracker that encodes nothing ahead.
"""
import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from cli import box, count, existing_config, out_file, run, stopped_status

STEPS, STEPS_GPU = dict(track=30, train=2, data=100), dict(track=100, train=5)
# Of the first config, eagerly; then what is compiled, in this order.
LATE = {'graphs': 1, 'compile': 3}
LATE_TRAINING = 2


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config of a compression, or of a tracker')
    parser.add_argument('checkpoint', type=Path, nargs='?',
                        help='weights of the student, or of the tracker (default: random)')
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--train', dest='what', action='store_const', const='train',
                      help='measure training steps of a compression')
    what.add_argument('--data', dest='what', action='store_const', const='data',
                      help='measure the making of training pairs')
    parser.add_argument('--also', type=Path, nargs='+', default=[], metavar='CONFIG',
                        help='measure tracking with these, too')
    parser.add_argument('--rows', nargs='+', metavar='BACKEND:PRECISION',
                        help='backends and precisions to track with, such as openvino:bf16 '
                        '(default: on a CPU all but compiled ones and fp16; on a GPU those of '
                        'PyTorch, and training)')
    parser.add_argument('--peer', type=Path, metavar='ONNX', help="also time OpenCV's VitTrack: "
                        'its file in ONNX Runtime, and TrackerVit of the OpenCV installed here, '
                        'with a stdvalue under which it is right where the default is wrong')
    parser.add_argument('--device', default='cpu', help='where PyTorch computes, such as cuda '
                        '(default cpu)')
    parser.add_argument('--targets', type=count, nargs='+', default=[], metavar='N',
                        help='also track N targets at once')
    parser.add_argument('--peak', action='store_true', help='also time large matrix products in '
                        "OpenVINO, and compare its rows with what a network's "
                        'multiply-accumulates would take at their rate')
    parser.add_argument('--video', type=Path, help='also track through a video file or a '
                        'folder of frames, from --box on, and count the reading')
    parser.add_argument('--box', type=box, metavar='X,Y,W,H',
                        help='the target in the first frame of --video, in pixels')
    parser.add_argument('--batch-size', type=count, metavar='N',
                        help='batch size of training steps (default: 4 on a CPU, 32 on a GPU)')
    parser.add_argument('--steps', type=count, metavar='N', help='how many are timed: tracking '
                        'steps (default: 30 on a CPU, 100 on a GPU), training steps at each p '
                        '(2, 5), or pairs (100)')
    parser.add_argument('--threads', type=count, default=os.cpu_count(), metavar='N',
                        help='number of threads (default: one for each core)')
    parser.add_argument('--json', type=out_file, metavar='OUT',
                        help='also write all figures to this file')
    return parser.parse_args()


def main(args) -> int:
    from benchmarks.machine import Worker, check_device, machine
    from benchmarks.tables import Report
    from mmengine.registry import init_default_scope

    config = existing_config(args.config)
    check_device(args.device)
    init_default_scope('mmtrack')
    gpu = args.device != 'cpu'
    args.batch_size = args.batch_size or (32 if gpu else 4)
    about = dict(machine=machine(args.device), threads=args.threads, steps=args.steps)
    report, status = Report(about, args.json), 0
    kinds = dict(train=(training, ), data=(data, )).get(args.what, (tracking, ))
    if gpu and not args.what and not args.rows and config.model.type == 'ReplacementDistiller':
        kinds = tracking, training
    notes = []
    with TemporaryDirectory() as folder, Worker(args.device) as worker:
        try:
            jobs = []
            for kind in kinds:
                own, note = kind(config, args, Path(folder), worker)
                jobs += own
                notes.append(note)
            report.measure_all(jobs)
        except KeyboardInterrupt as error:
            print('stopped')
            status = stopped_status(error)
    print(f'\n{report.tables()}\n\n{about["machine"]}, {args.threads} '
          f'thread{"s" * (args.threads > 1)}\n' +
          '\n'.join(notes))
    report.write()
    return status or int(not report.rows)


def steps_of(args, what: str) -> int:
    """How many are timed."""
    return args.steps or (STEPS if args.device == 'cpu' else {**STEPS, **STEPS_GPU})[what]


def tracking(config, args, folder: Path, worker) -> tuple[list, str]:
    """A job for each row of tracking, and what its table has to say."""
    import cv2
    from benchmarks import tracking as benchmark
    from benchmarks.tables import Job

    if args.video and args.box is None:
        raise ValueError('--video needs the box of a target in its first frame: --box X,Y,W,H')
    default = benchmark.DEFAULT if args.device == 'cpu' else benchmark.DEFAULT_GPU
    chosen = map(benchmark.kind, args.rows) if args.rows else default
    kinds = list(dict.fromkeys([('published', 'fp32'), *chosen]))
    contestants, teachers = [], []
    for path in (args.config, *args.also):
        own = config if path == args.config else existing_config(path)
        checkpoint = args.checkpoint if path == args.config else None
        found = benchmark.prepare(own, path.stem, checkpoint, folder, kinds, args.device)
        # Students that have their teacher in common, have its rows in common.
        teacher = own.model.get('teacher')
        name = next((name for name, known in teachers if known == teacher), None)
        if name is None:
            teachers.append((path.stem, teacher))
        contestants += [replace(one, teacher=name or path.stem) for one in found
                        if name is None or one.role != 'teacher']
    if args.peer:
        contestants += benchmark.peers(args.peer)
    steps, peaks = steps_of(args, 'track'), {}

    def rows(contestant) -> Iterator:
        if getattr(contestant, 'exported', None) and not contestant.exported.exists():
            yield from worker.run(benchmark.export, contestant)
        peak = None
        if args.peak and contestant.backend == 'openvino':
            precision = contestant.precision
            if precision not in peaks:
                peaks[precision], = worker.run(benchmark.peak, precision, args.threads)
            peak = peaks[precision]
        for row in worker.run(benchmark.measure, contestant, args.threads, steps, args.video,
                              args.box, args.targets):
            yield replace(row, peak=peak)

    jobs = [Job(one.name, rows(one), LATE.get(one.backend, 0)) for one in contestants]
    frame = 'x'.join(map(str, benchmark.FRAME_SIZE[::-1]))
    note = f'tracking: medians of {steps} steps, frames of {frame}'
    if args.peak:
        note += ('; demand: what the multiply-accumulates would take at the rate of large '
                 'products of the same precision')
    if args.peer:
        note += f'; TrackerVit is that of OpenCV {cv2.__version__}'
    return jobs, note


def training(config, args, folder: Path, worker) -> tuple[list, str]:
    """A job for each way to train, and what its table has to say."""
    from benchmarks import training as benchmark
    from benchmarks.tables import Job

    teacher, steps = benchmark.prepare(config, folder), steps_of(args, 'train')
    gpu = args.device != 'cpu'
    jobs = [Job(f'training, {one.name}', worker.run(
        benchmark.measure, one, config, teacher, args.threads, args.batch_size, steps,
        args.device), LATE_TRAINING if one.compiled else 0, len(one.probs(args.device)))
        for one in (benchmark.CONTESTANTS_GPU if gpu else benchmark.CONTESTANTS)]
    return jobs, (f'training: batches of {args.batch_size}, means of {steps} steps; demand: what '
                  'the multiply-accumulates would take at the rate of the student alone')


def data(config, args, folder: Path, worker) -> tuple[list, str]:
    """The job of all pipelines, and what their table has to say."""
    from benchmarks import data as benchmark
    from benchmarks.tables import Job

    pairs = steps_of(args, 'data')
    frame = 'x'.join(map(str, benchmark.FRAME_SIZE[::-1]))
    rows = worker.run(benchmark.measure, config, benchmark.make_frames(folder), pairs)
    return [Job('pipelines', rows, count=3)], (
        f'medians of {pairs} pairs, JPEG frames of {frame} in videos of {benchmark.LENGTH}; '
        "MMTracking's reads three frames, mmct two")


if __name__ == '__main__':
    run(parse_args, main)
