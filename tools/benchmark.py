"""What a tracker costs: milliseconds of a tracking step, by backend and precision, teacher beside
student; or, by --train, seconds of a training step; or, by --data, pairs per second of a worker.

The first row is the step as the published code has it (eager fp32, attention multiplied out; in
tracking its maps kept, templates run in every frame and batch norm not folded; in training
the teacher twice in memory), or MMTracking's own pipeline; ratios are to it. All take turns in one
run. Weights that are not given are random, which takes as long. GMACs are those of a frame, and
apart those of encoding templates, once a target or update; if they are many, the row full:fp32 is
there, which encodes nothing ahead.
"""
import argparse
import json
import math
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from cli import bars, box, existing_config, run
from tabulate import tabulate

STEPS = dict(latency=30, train=3, data=100)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='of a compression, or of a tracker')
    parser.add_argument('checkpoint', type=Path, nargs='?', help='of the student, or the tracker')
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--train', dest='what', action='store_const', const='train',
                      default='latency', help='measure training steps of a compression')
    what.add_argument('--data', dest='what', action='store_const', const='data',
                      help='measure the making of training pairs')
    parser.add_argument('--rows', nargs='+', metavar='BACKEND:PRECISION',
                        help='of tracking, such as openvino:bf16 (default: all but compile:...)')
    parser.add_argument('--peer', type=Path, metavar='ONNX', help="also time OpenCV's VitTrack: "
                        'its file in ONNX Runtime, and TrackerVit of the OpenCV installed here, '
                        'for its time only: its boxes are wrong from OpenCV 4.11 on')
    parser.add_argument('--device', default='cpu', help='of PyTorch, such as cuda (default cpu)')
    parser.add_argument('--targets', type=int, nargs='+', default=[], metavar='N',
                        help='also follow so many targets at once')
    parser.add_argument('--video', type=Path, help='also follow a video, reading it included, a '
                        'file or a folder of frames, from --box on')
    parser.add_argument('--box', type=box, metavar='X,Y,W,H')
    parser.add_argument('--batch-size', type=int, default=8, metavar='N',
                        help='of training (default %(default)s)')
    parser.add_argument('--steps', type=int, metavar='N', help='what is timed: tracking steps '
                        '(default 30), training steps at each p (3), or pairs (100)')
    parser.add_argument('--threads', type=int, default=os.cpu_count(), metavar='N')
    parser.add_argument('--json', type=Path, metavar='OUT')
    return parser.parse_args()


def main(args) -> None:
    from benchmarks.machine import processor
    from mmengine.registry import init_default_scope

    from mmct.utils.files import write_text

    config = existing_config(args.config)
    args.steps = args.steps or STEPS[args.what]
    init_default_scope('mmtrack')
    with TemporaryDirectory() as folder, bars('{task.description:<8}') as progress:
        lines, content, note = dict(latency=latency, train=training, data=data)[args.what](
            config, args, Path(folder), progress)
    print(tabulate(lines, headers='keys', tablefmt='github'))
    print(f'\n{processor()}, {note}')
    if args.json:
        write_text(args.json, json.dumps(dict(
            processor=processor(), threads=args.threads, steps=args.steps, rows=content), indent=1))


def latency(config, args, folder: Path, progress):
    import cv2
    from benchmarks import tracking as benchmark
    from benchmarks.peers import ROLE as PEER

    if args.video and args.box is None:
        raise ValueError('--video needs the box of a target in its first frame: --box X,Y,W,H')
    chosen = map(benchmark.kind, args.rows) if args.rows else benchmark.DEFAULT
    kinds = list(dict.fromkeys([('published', 'fp32'), *chosen]))
    export = progress.add_task('export', total=1)
    contestants, costs = benchmark.prepare(
        config, args.checkpoint, folder, kinds, device=args.device)
    if args.peer:
        others, costs[PEER] = benchmark.peers(args.peer)
        contestants += others
    progress.advance(export)
    tasks = {name: progress.add_task(name, total=total) for name, total in (
        ('load', len(contestants)), ('turn', math.ceil(args.steps / benchmark.TURN)),
        ('memory', len(contestants)))}
    rows = benchmark.measure(contestants, costs, args.threads, args.steps,
                             lambda name: progress.advance(tasks[name]), args.video, args.box,
                             args.targets)
    frame = 'x'.join(map(str, benchmark.FRAME_SIZE[::-1]))
    note = f'{args.threads} threads, medians of {args.steps} steps in turns, frames of {frame}'
    if args.peer:
        note += f'; TrackerVit of OpenCV {cv2.__version__} is there for its time only'
    return table(rows), [record(row) for row in rows], note


def training(config, args, folder: Path, progress):
    from benchmarks import training as benchmark_train
    from mmengine.logging import MMLogger

    # Not where each student starts from.
    MMLogger.get_instance('benchmark', log_level='WARNING')
    steps = progress.add_task('steps', total=len(benchmark_train.PROBS) * (args.steps + 1))
    rows = benchmark_train.measure(config, folder, args.threads, args.batch_size, args.steps,
                                   lambda: progress.advance(steps))
    memory = progress.add_task('memory', total=len(benchmark_train.CONTESTANTS))
    peaks = benchmark_train.measure_memory(config, folder, args.threads, args.batch_size,
                                           lambda: progress.advance(memory))
    by = {(row.name, row.prob): row for row in rows}
    lines, content = [], []
    for row in rows:
        base, plain = by['published', row.prob], by['student alone', row.prob]
        demanded = plain.seconds * row.macs / plain.macs
        peak, base_peak = peaks[row.name], peaks['published']
        content.append(dict(vars(row), seconds_demanded=demanded, peak_memory_mb=peak))
        lines.append({
            'training': row.name, 'p': row.prob, 's': f'{row.seconds:.2f}',
            'of published': f'{row.seconds / base.seconds:.2f}', 'GMACs': f'{row.macs / 1e9:.0f}',
            'demand s': f'{demanded:.2f}', 'of demand': f'{row.seconds / demanded:.2f}',
            'loss': f'{row.loss:.4f}', 'memory MB': '' if peak is None else f'{peak:.0f}',
            'of published ': '' if peak is None else f'{peak / base_peak:.2f}'})
    note = (f'{args.threads} threads, batches of {args.batch_size}, means of {args.steps} steps in '
            'turns; demand: what the multiply-accumulates would take at the rate of the student '
            'alone')
    return lines, content, note


def data(config, args, folder: Path, progress):
    from benchmarks import data as benchmark_data

    videos = benchmark_data.make_frames(folder)
    task = progress.add_task('pairs', total=math.ceil(args.steps / benchmark_data.TURN))
    rows = benchmark_data.measure(benchmark_data.prepare(config, videos), args.steps,
                                  lambda: progress.advance(task))
    lines = [{
        'pipeline': row.name, 'ms a pair': f'{row.ms:.1f}',
        'pairs/s a worker': f'{row.pairs_per_second:.1f}',
        'to the first': f'{rows[0].ms / row.ms:.2f} x', 'decoding': f'{row.decoding:.0%}',
        'change of the search crop': f'{row.change:.2f}'} for row in rows]
    frame = 'x'.join(map(str, benchmark_data.FRAME_SIZE[::-1]))
    note = (f'medians of {args.steps} pairs in turns, JPEG frames of {frame} in videos of '
            f"{benchmark_data.LENGTH}; MMTracking's reads three frames, the others two; change: "
            'mean difference to whole decoding, of 255')
    return lines, [vars(row) for row in rows], note


def record(row) -> dict:
    contestant = row.contestant
    return dict(role=contestant.role, backend=contestant.backend, precision=contestant.precision,
                macs=row.macs, encode_macs=row.encode_macs, parameters=row.parameters,
                crop_ms=row.crop, network_ms=row.network, decode_ms=row.decode,
                update_ms=row.update, update_10_90_ms=row.spread, fps=1e3 / row.update,
                peak_memory_mb=row.memory, video_ms=row.video, many_ms=row.many)


def table(rows) -> list[dict]:
    from benchmarks.peers import ORIGINAL
    from benchmarks.peers import ROLE as PEER

    by = {(r.contestant.role, r.contestant.backend, r.contestant.precision): r for r in rows}
    lines = []
    for row in rows:
        role, backend, precision = (
            row.contestant.role, row.contestant.backend, row.contestant.precision)
        teacher, base = by.get(('teacher', backend, precision)), by.get(
            (role, 'published', 'fp32'))
        peer = by.get((PEER, ORIGINAL, 'fp32'))
        lines.append({
            'tracker': role, 'backend': backend, 'precision': precision,
            'crop': f'{row.crop:.2f}', 'network': f'{row.network:.2f}',
            'decode': f'{row.decode:.2f}', 'update ms': f'{row.update:.2f}',
            '10-90 %': '{:.2f}-{:.2f}'.format(*row.spread), 'FPS': f'{1e3 / row.update:.0f}',
            'to published': f'{base.update / row.update:.2f} x' if base else '',
            **({'to the file': f'{peer.update / row.update:.2f} x'} if peer else {}),
            'to teacher': f'{teacher.update / row.update:.2f} x' if teacher else '',
            'GMACs': f'{row.macs / 1e9:.3g}', 'encode GMACs': f'{row.encode_macs / 1e9:.3g}',
            'parameters': f'{row.parameters / 1e6:.3g} M',
            'memory MB': '' if row.memory is None else f'{row.memory:.0f}',
            **({'video FPS': f'{1e3 / row.video:.0f}'} if row.video else {}),
            **{f'{count} targets/s': f'{1e3 * count / ms:.0f}' for count, ms in row.many.items()}})
    return lines


if __name__ == '__main__':
    run(parse_args, main)
