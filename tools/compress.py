"""Compress a teacher on your own videos: train, then write the student.

FOLDER holds train and val, each with videos or folders of frames, and a file NAME.txt of boxes
beside each (docs/datasets.md, "Your own data"). docs/unlabelled.md is for videos without boxes.
"""
import argparse
import sys
from pathlib import Path

from cli import Settings, compression_config, run, run_command

TOOLS = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--teacher', type=Path, required=True, metavar='WEIGHTS',
                        help='as tools/convert_weights.py writes them')
    parser.add_argument('--videos', type=Path, required=True, metavar='FOLDER',
                        help='with train and val in it')
    parser.add_argument('--config', type=Path, help='of the compression, which has the kind of '
                        'teacher (default: ct_ostrack_4l.py)',
                        default=TOOLS.parent / 'configs/ct_ostrack_4l.py')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/compress'),
                        metavar='FOLDER',
                        help='for logs, checkpoints and student.pth (default %(default)s); an '
                        'earlier compression there is moved to FOLDER.1')
    parser.add_argument('--resume', action='store_true',
                        help='go on with what an interrupted run left')
    parser.add_argument('--cfg-options', nargs='+', action=Settings, default={},
                        help='settings that replace those of the config, key=value')
    return parser.parse_args()


def main(args: argparse.Namespace) -> int | None:
    from running.options import merge_options

    from mmct.checkpoint import extract_student, newest_intact, read_checkpoint
    from mmct.utils.files import free_name

    config = compression_config(args.config)
    if not args.teacher.exists():
        raise FileNotFoundError(f'--teacher {args.teacher} does not exist')
    for split in ('train', 'val'):
        if not (args.videos / split).is_dir():
            raise FileNotFoundError(f'{args.videos / split} does not exist; the folder of --videos '
                                    'has to hold train and val, with videos and their boxes')
    config.model.teacher_checkpoint = str(args.teacher)
    config.model.student.setdefault('test_cfg', {}).setdefault('exact_crops', True)
    for split in ('train', 'val'):
        config[f'{split}_dataloader'].dataset.datasets = [
            dict(type='FolderDataset', data_root=f'{args.videos / split}/')]
    config.train_dataloader.dataset.weights = [1]
    merge_options(config, args.cfg_options)
    own, student = args.work_dir / 'compression.py', args.work_dir / 'student.pth'
    if student.exists() and not args.resume:
        for given in (config.model.teacher_checkpoint, config.get('load_from'), args.videos,
                      Path.cwd()):
            if given and Path(given).resolve().is_relative_to(args.work_dir.resolve()):
                raise ValueError(f'{given} lies in the folder of an earlier compression, which '
                                 'would be moved aside; give another --work-dir')
        read_checkpoint(str(config.model.teacher_checkpoint))  # a fault of it moves nothing
        aside = free_name(args.work_dir)
        args.work_dir.rename(aside)
        print(f'an earlier compression is in {aside} now')
    args.work_dir.mkdir(parents=True, exist_ok=True)
    config.dump(own)
    status = run_command([sys.executable, TOOLS / 'train.py', own, '--work-dir', args.work_dir,
                          *(['--resume'] if args.resume else [])])
    if status:
        return status
    last, damaged = newest_intact(args.work_dir)
    if damaged:
        raise ValueError(f'{damaged[0]} is cut short or damaged; go on from the one before '
                         'it with --resume')
    if last is None:
        raise FileNotFoundError(f'{args.work_dir} has no checkpoint to take the student from')
    extract_student(last, student)
    print(f'{student} is written. Next: tools/export.py {own} {student} student.onnx')


if __name__ == '__main__':
    run(parse_args, main)
