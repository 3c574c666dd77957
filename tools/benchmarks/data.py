"""Pairs per second of one worker, beside MMTracking's own pipeline on the same frames."""
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import mmtrack
import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import DATASETS

FRAME_SIZE, LENGTH, SEQUENCES, DISTINCT = (720, 1280), 2500, 2, 16
STOCK = 'sot/stark/stark-st1_r50_8xb16-500e_got10k-lasot-trackingnet-coco_base.py'


class Timed:
    """A transform that counts its seconds."""

    def __init__(self, transform: Callable) -> None:
        self.transform, self.seconds = transform, 0.

    def __call__(self, results):
        start = time.perf_counter()
        results = self.transform(results)
        self.seconds += time.perf_counter() - start
        return results


@dataclass
class Contestant:
    """A data set that gives training samples.

    Attributes:
        name: for the table.
        draw: gives one sample.
        load: its step that reads frames.
        times: seconds of each sample.
    """
    name: str
    draw: Callable
    load: Timed
    times: list = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A pipeline.

    Attributes:
        ms: median milliseconds of a pair.
        decoding: share of reading frames, in [0, 1].
    """
    name: str
    ms: float
    pairs_per_second: float
    decoding: float

    def line(self) -> str:
        """In a few words."""
        return f'{self.name}: {self.ms:.1f} ms a pair'

    def record(self) -> dict:
        """For a file."""
        return dict(vars(self))


def make_frames(folder: Path) -> dict:
    """A LaSOT-layout data set of long videos, of few frames that are linked again and again.

    Returns:
        the config of MMTracking's data set for it.
    """
    rng = np.random.default_rng(0)
    height, width = FRAME_SIZE
    sources = []
    for i in range(DISTINCT):
        frame = np.zeros((height, width, 3), np.float32)
        for cell in (8, 64, 256):  # noise of several scales compresses about as photographs do
            coarse = rng.uniform(0, 85, (height // cell + 2, width // cell + 2, 3))
            frame += cv2.resize(coarse.astype(np.float32), (width, height))
        sources.append(folder / f'{i}.jpg')
        cv2.imwrite(str(sources[-1]), frame.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    infos = ['(video_path,annotation_path,start_frame_id,end_frame_id)']
    for name in (f'cat-{i + 1}' for i in range(SEQUENCES)):
        video = folder / 'cat' / name
        (video / 'img').mkdir(parents=True)
        for i in range(LENGTH):
            os.link(sources[i % DISTINCT], video / 'img' / f'{i + 1:08d}.jpg')
        boxes = [f'{int(500 + 300 * math.sin(i / 90))},{int(260 + 150 * math.cos(i / 70))},160,120'
                 for i in range(LENGTH)]
        (video / 'groundtruth.txt').write_text('\n'.join(boxes) + '\n')
        for flag in ('full_occlusion', 'out_of_view'):
            (video / f'{flag}.txt').write_text(','.join('0' * LENGTH))
        infos.append(f'cat/{name}/img,cat/{name}/groundtruth.txt,1,{LENGTH}')
    (folder / 'infos.txt').write_text('\n'.join(infos))
    return dict(type='LaSOTDataset', data_root=str(folder), ann_file='infos.txt',
                data_prefix=dict(img_path='.'))


def prepare(config: Config, videos: dict) -> list[Contestant]:
    """MMTracking's pipeline of Stark, and the config's own."""
    np.random.seed(0)  # what MMTracking draws from
    trained = config.train_dataloader.dataset
    dataset = DATASETS.build(dict(
        type='PairDataset', datasets=[videos], pairs_per_epoch=10**6,
        sampling=trained.get('sampling'), pipeline=trained.pipeline))
    dataset.pipeline = [Timed(step) if type(step).__name__ == 'LoadPair' else step
                        for step in dataset.pipeline]
    timed, = (step for step in dataset.pipeline if isinstance(step, Timed))
    draws = iter(range(10**6))
    return [stock(videos), Contestant('mmct', lambda: dataset[0, 0, next(draws)], timed)]


def stock(videos: dict) -> Contestant:
    """MMTracking's own data set and pipeline, from the config that comes with it.

    Raises:
        FileNotFoundError: MMTracking was installed without its configs.
    """
    path = Path(mmtrack.__file__).parent / '.mim/configs' / STOCK
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing; install MMTracking from its wheel')
    pipeline = Config.fromfile(path).train_pipeline
    dataset = DATASETS.build(dict(
        type='RandomSampleConcatDataset', dataset_sampling_weights=[1],
        datasets=[dict(videos, pipeline=pipeline, test_mode=False)]))
    broadcaster = dataset.datasets[0].pipeline.transforms[1]
    steps = broadcaster.transforms.transforms
    steps[0] = Timed(steps[0])
    return Contestant("MMTracking's Stark", lambda: dataset[0], steps[0])


def measure(config: Config, videos: dict, pairs: int) -> Iterator[Row]:
    """Time each in this process, as one worker of a data loader would be."""
    init_default_scope('mmtrack')
    cv2.setNumThreads(0)  # as MMEngine does in workers
    for contestant in prepare(config, videos):
        contestant.draw()
        contestant.load.seconds = 0.
        for _ in range(pairs):
            start = time.perf_counter()
            contestant.draw()
            contestant.times.append(time.perf_counter() - start)
        times, reading = contestant.times, contestant.load.seconds
        yield Row(contestant.name, 1e3 * float(np.median(times)), len(times) / sum(times),
                  reading / sum(times))
