"""Synthetic videos on disk, in LaSOT's layout."""
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

import cv2
from data_preparation.infos import HEADER

from mmct.formats.sequences import lasot_sequence
from mmct.utils.files import write_text

from .photos import check_photos
from .scene import Video

SPLITS = ('train', 'val', 'test')
# Units of time between two frames.
STEPS = {'train': 3, 'val': 3, 'test': 1}
VIDEOS = 'LaSOTBenchmark'
# Raised whenever the same key gives another video: old and new ones must not mix in a folder.
GENERATOR = 6


def write_videos(root: str | Path,
                 splits: dict[str, tuple[int, int]],
                 size: tuple[int, int],
                 seed: int,
                 workers: int = 1,
                 progress: Callable[[str], None] = lambda split: None,
                 photos: str | None = None) -> None:
    """Write videos, those that are not there yet.

    A video appears under its name when it is whole. Layout::

        annotations/lasot_SPLIT_infos.txt
        LaSOTBenchmark/KIND/KIND-SPLIT-N/{img/%08d.jpg,groundtruth.txt,full_occlusion.txt,
                                          out_of_view.txt}

    Args:
        root: folder of the data set.
        splits: {'train', 'val' or 'test': (number of videos, frames of each)}. Frames of training
            and validation videos lie three units of time apart.
        size: width, height in pixels.
        seed: first part of each video's key.
        workers: processes.
        progress: called with the split after each video.
        photos: folder with more photographs, see :class:`~.photos.Photos`.

    Raises:
        ImportError: a package with photographs is not installed.
        OSError: there is no folder of that name, or the disk is full.
        ValueError: the folder holds videos that were made with other settings, or that of the
            photographs has none that can be used.
    """
    root = Path(root)
    if photos is not None:
        check_photos(photos)  # before anything is noted down
    for split, (_, length) in splits.items():
        check_settings(root, split, dict(generator=GENERATOR, length=length, size=list(size),
                                         seed=seed, photos=photos))
    jobs = [(root, split, index, length, size, seed, photos)
            for split, (count, length) in splits.items() for index in range(count)]
    lines = defaultdict(list)
    for job, line in zip(jobs, run_jobs(jobs, workers)):
        lines[job[1]].append(line)
        progress(job[1])
    for split in splits:
        write_text(root / 'annotations' / f'lasot_{split}_infos.txt',
                   '\n'.join([HEADER, *lines[split]]) + '\n')


def run_jobs(jobs: list[tuple], workers: int) -> Iterator[str]:
    """Results of ``write_video``, of whose arguments a job consists, in order."""
    if workers == 1:
        yield from (write_video(*job) for job in jobs)
        return
    # Started anew, not forked: a fork inherits OpenCV's threads, but not what they hold.
    with ProcessPoolExecutor(workers, get_context('spawn'), end_with_parent) as pool:
        yield from pool.map(write_video, *zip(*jobs))


def end_with_parent() -> None:
    """Of a worker: otherwise it waits for jobs forever when the process of the pool is killed."""
    def end() -> None:
        parent_process().join()
        os._exit(1)

    Thread(target=end, daemon=True).start()


def check_settings(root: Path, split: str, settings: dict) -> None:
    """See that a folder's videos were made as asked, or note how they will be.

    Raises:
        ValueError: they were made otherwise.
    """
    file = root / 'annotations' / f'{split}_settings.json'
    if file.is_file():
        before = json.loads(file.read_text())
        if before != settings:
            raise ValueError(f'{root} holds {split} videos made with {before}, asked for are '
                             f'{settings}; give another folder, or delete this one')
    else:
        write_text(file, json.dumps(settings))


def write_video(root: Path, split: str, index: int, length: int, size: tuple[int, int], seed: int,
                photos: str | None) -> str:
    """Write one video if it is missing; returns its line of the info file."""
    cv2.setNumThreads(1)
    marker = root / 'annotations' / 'videos' / f'{split}-{index + 1}'
    if marker.is_file():
        folder = root / VIDEOS / marker.read_text()
        if (folder / 'groundtruth.txt').is_file():
            return lasot_sequence(folder.name).info_line(length)
    video = Video(seed, split, index, length, size, STEPS[split], photos)
    name = f'{video.category}-{split}-{index + 1}'
    folder = root / VIDEOS / video.category / name
    part = folder.with_name(f'.{name}.part')
    shutil.rmtree(part, ignore_errors=True)
    (part / 'img').mkdir(parents=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(video.rng.integers(40, 96))]
    boxes, occluded, away = [], [], []
    for number, frame in enumerate(video, 1):
        file = part / 'img' / f'{number:08d}.jpg'
        if not cv2.imwrite(str(file), frame.image, quality):
            raise OSError(f'cannot write {file}; is the disk full?')
        boxes.append(','.join(f'{value:g}' for value in frame.box))
        occluded.append(str(int(frame.occluded)))
        away.append(str(int(frame.out_of_view)))
    (part / 'groundtruth.txt').write_text('\n'.join(boxes) + '\n')
    (part / 'full_occlusion.txt').write_text(','.join(occluded) + '\n')
    (part / 'out_of_view.txt').write_text(','.join(away) + '\n')
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)
    write_text(marker, f'{video.category}/{name}')
    return lasot_sequence(name).info_line(length)
