"""Test a tracker or the student of a compression.

CHECKPOINT may be the checkpoint of a compression, an extracted student, a tracker, a released file
(convert VitTrack's .onnx first), or a file written by tools/export.py (.onnx, .xml).
The boxes of each sequence are written when it is finished: NAME.txt with one line x,y,w,h per
frame, NAME_score.txt with scores and NAME_time.txt with seconds. --resume tracks the missing
sequences; without it, existing results are moved aside.
Exit status 1: some sequences could not be tracked; they are named, and the others are evaluated.
"""
import argparse
import hashlib
import json
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from cli import count, out_file, run, runner_config, runner_parser


def parse_args():
    parser = runner_parser(__doc__)
    parser.add_argument('checkpoint', type=Path, help='weights to test')
    parser.add_argument('--backend',
                        help='backend for an exported file (default: chosen by its kind)')
    parser.add_argument('--precision', help='precision of the arithmetic with an exported file: '
                        'fp32, or bf16 if the backend supports it')
    parser.add_argument('--threads', type=count, help='number of threads for an exported file')
    parser.add_argument('--dataset', metavar='NAME',
                        help='test on another data set, configs/_base_/datasets/NAME_test.py')
    parser.add_argument('--results', '--boxes', metavar='FOLDER',
                        help='where to write the boxes (default: results/DATASET in the work '
                        'folder)')
    parser.add_argument('--sequences-at-once', type=count, metavar='N', help='track N '
                        'sequences side by side: on a CPU in N processes of one thread, with the '
                        'boxes of one such process; on a GPU, if not exported, in batches')
    parser.add_argument('--process', help=argparse.SUPPRESS)
    parser.add_argument('--resume', action='store_true',
                        help='skip sequences whose boxes are already written')
    parser.add_argument('--json', type=out_file, help='also write the metrics to this file')
    return parser.parse_args()


def main(args) -> int:
    import torch
    from mmengine.dist import barrier
    from mmtrack.registry import MODELS
    from running.options import check_tested
    from running.processes import join_test, lost_processes_reported
    from running.progress import frames_shown
    from running.start_checks import clear_start

    from mmct.api import fuse_for_inference
    from mmct.checkpoint import load_weights
    from mmct.datasets.sources import build_checked
    from mmct.formats import sequence_names
    from mmct.runtime import open_network
    from mmct.utils.files import write_text

    cfg = runner_config(args)
    check_tested(cfg, args.cfg_options)
    if not cfg.get('test_dataloader'):
        raise ValueError(f'config {args.config} has no test_dataloader; name a data set by '
                         '--dataset')
    cfg.test_dataloader.dataset.test_mode = True
    at_once, exported = nullcontext(), args.checkpoint.suffix in ('.onnx', '.xml')
    # With sequences at once, --threads 1 may be said of weights, too.
    of_file = ('backend', 'precision', *(() if args.sequences_at_once else ('threads', )))
    ignored = [name for name in of_file if getattr(args, name) is not None]
    if ignored and not exported:
        raise ValueError(f'--{ignored[0]} is for exported files only, and {args.checkpoint} is '
                         'not one: leave it out, or give a file of tools/export.py')
    if args.sequences_at_once and (exported or not torch.cuda.is_available()):
        at_once = in_processes(args, cfg.test_dataloader)
    elif args.sequences_at_once:
        cfg.test_dataloader.batch_sampler = dict(
            type='SequencesAtOnce', batch_size=args.sequences_at_once)
    if args.launcher != 'none':
        join_test(args.launcher)
    cfg.launcher = 'none'  # for MMEngine: no gradient is shared
    settings = f'{cfg.model.get("student", cfg.model)} {args.backend} {args.precision}'
    cfg.test_cfg.update(type='SequenceTestLoop', results=args.results, resume=args.resume,
                        tracker=f'{fingerprint(args.checkpoint, settings)} {args.checkpoint}',
                        settings=dict(backend=args.backend, precision=args.precision))
    # Loaded here, because MMEngine only warns if weights and network differ.
    cfg.load_from, cfg.resume = None, False
    with at_once, clear_start(cfg) as runner, lost_processes_reported():
        tracker = MODELS.build(cfg.model.get('student', cfg.model))
        if exported:
            tracker.track_by(open_network(args.checkpoint, backend=args.backend,
                                          precision=args.precision, threads=args.threads))
        else:
            load_weights(tracker, args.checkpoint)
            # As its users: near ties come out otherwise by another rounding.
            fuse_for_inference(tracker)
        sequence_names(build_checked(cfg.test_dataloader.dataset))
        runner.model = runner.wrap_model(None, tracker)
        with frames_shown(runner):
            metrics = runner.test()
        if args.json and runner.rank == 0:
            write_text(args.json, json.dumps(metrics, indent=1))
        barrier()  # torchrun ends the others as soon as one process exits with 1
    return 1 if metrics.get('sot/failed_sequences') else 0


def in_processes(args, dataloader: dict) -> AbstractContextManager:
    """Set a test up for the processes of --sequences-at-once.

    Raises:
        ValueError: other options leave no room for these processes.
    """
    import torch
    from running.processes import testing_in_processes

    if args.launcher != 'none':
        raise ValueError('--sequences-at-once starts its own processes; leave out --launcher, or '
                         'start all by torchrun')
    if args.threads not in (None, 1):
        raise ValueError(f'--sequences-at-once gives each process one thread, not --threads '
                         f'{args.threads}; leave out one of them')
    args.threads = 1
    torch.set_num_threads(1)  # of this process, and of those that it starts:
    os.environ['OMP_NUM_THREADS'] = '1'
    # Processes enough; of each, the frames are read where they are tracked.
    dataloader.update(num_workers=0, persistent_workers=False)
    dataloader.pop('prefetch_factor', None)
    return testing_in_processes(args.sequences_at_once, args.process)


def fingerprint(checkpoint: Path, settings: str) -> str:
    """Of what is tested; OpenVINO keeps the weights in a file of their own."""
    found = hashlib.sha256(settings.encode())
    for file in sorted({checkpoint, checkpoint.with_suffix('.bin')}):
        if file.is_file():
            found.update(file.read_bytes())
    return found.hexdigest()


if __name__ == '__main__':
    run(parse_args, main)
