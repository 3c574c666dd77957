"""What decides the result of a run; none of it may change before the run is gone on with."""
import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

# Where data and weights lie decides nothing, what they are is compared by a digest.
PLACES = ('data_root', 'ann_file', 'img_path', 'annotations', 'teacher_checkpoint')
# Allowed, as another size of a batch is, which the loop checks; the seed of the beginning counts.
FREE = ('model.seed', 'model.test_cfg', 'model.student.test_cfg',
        'optim_wrapper.accumulative_counts')
# Of these, the checkpoint's count.
OF_CHECKPOINT = ('optim_wrapper.optimizer', 'param_scheduler')
# Hooks that only look on, save or log.
ONLOOKERS = ('BatchPictureHook', 'CheckpointHook', 'DistSamplerSeedHook', 'EmptyCacheHook',
             'IterTimerHook', 'LoggerHook', 'NonFiniteHook', 'ParamSchedulerHook', 'ProfilerHook',
             'ResumableCheckpointHook', 'RuntimeInfoHook', 'StudentIoUHook',
             'TrackVisualizationHook')
SAMPLE = 32  # sequences of training data of which frames are compared
NAMED = 4  # differences in an error


def of_training(cfg: Mapping, dataset: Dataset) -> dict[str, str]:
    """What decides what a training learns: settings by their keys, data and the teacher."""
    parts = {name: cfg.get(name) for name in ('model', 'optim_wrapper', 'param_scheduler')}
    for loader in ('train_dataloader', 'val_dataloader'):
        for part in ('dataset', 'sampler'):
            parts[f'{loader}.{part}'] = (cfg.get(loader) or {}).get(part)
    hooks = [*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or [])]
    parts |= {f'custom_hooks ({hook["type"]})': hook for hook in hooks
              if isinstance(hook, dict) and hook.get('type') not in ONLOOKERS}
    found = {key: value for key, value in flat(parts).items() if not key.startswith(FREE)}
    teacher = (cfg.get('model') or {}).get('teacher_checkpoint')
    if teacher and Path(teacher).is_file():
        found['the weights of model.teacher_checkpoint'] = digest([Path(teacher).read_bytes()])
    for i, source in enumerate(getattr(dataset, 'sources', ())):
        step = max(source.dataset.num_videos // SAMPLE, 1)
        parts = [repr(source.dataset.num_videos).encode()]
        parts += [part.tobytes() for _, *video in getattr(source, 'videos', ()) for part in video]
        parts += [sequence_digest(source.dataset, number).encode()
                  for number in range(0, source.dataset.num_videos, step)]
        found[f'the data of train_dataloader.dataset.datasets.{i}'] = digest(parts)
    return found


def of_test(cfg: Mapping, names: Iterable[str], dataset: Dataset, **more) -> dict[str, str]:
    """What decides the boxes of a test: settings by their keys, and first box and frames of each
    sequence, by its name."""
    model, role = cfg.get('model') or {}, 'model'
    if 'student' in model:
        model, role = model['student'], 'model.student'
    data = (cfg.get('test_dataloader') or {}).get('dataset')
    found = flat({role: model, 'test_dataloader.dataset': data, **more})
    return found | {sequence_key(name): sequence_digest(dataset, number)
                    for number, name in enumerate(names)}


def sequence_key(name: str) -> str:
    return f'the frames or the first box of {name}'


def sequence_digest(dataset: Dataset, number: int) -> str:
    """Of a sequence's first box, its length, and its first, middle and last frame, as they are on
    the disk; of a video of the size and the beginning of its file."""
    box = dataset.get_bboxes_from_video(number)[:1]
    frames = dataset.get_img_infos_from_video(number)['img_paths']
    parts = [np.asarray(box, float).tobytes(), repr(len(frames)).encode()]
    files = []
    for frame in (frames[0], frames[len(frames) // 2], frames[-1]):
        file = Path(frame)
        files.append(file if file.is_file() else Path(frame.rpartition('#')[0]))  # VIDEO#NUMBER
    for file in dict.fromkeys(files):
        if file.is_file():
            with file.open('rb') as content:
                parts += [repr(file.stat().st_size).encode(), content.read(1 << 20)]
    return digest(parts)


def flat(value: object, path: str = '') -> dict[str, str]:
    """The settings in a part of a config, by their keys as --cfg-options has them."""
    items = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, (list, tuple)) and value else None
    if items is None:
        return {path: repr(value)}
    found = {}
    for key, own in items:
        if key not in PLACES:
            found |= flat(own, f'{path}.{key}' if path else str(key))
    return found


def digest(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return f'sha256 {found.hexdigest()}'


def differences(before: dict[str, str], now: dict[str, str],
                relevant: Callable[[str], bool] = lambda key: True) -> str:
    """In what two runs differ, in words, of the keys that are relevant; '' if they do not."""
    found = []
    for key in sorted(filter(relevant, before.keys() | now.keys())):
        was, is_now = before.get(key, 'not set'), now.get(key, 'not set')
        if was != is_now:
            found.append(key if 'sha256' in was + is_now else f'{key} (was {was}, is {is_now})')
    more = f' and {len(found) - NAMED} more' if len(found) > NAMED else ''
    return ', '.join(found[:NAMED]) + more
