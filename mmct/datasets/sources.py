"""Where pairs come from: a video data set or an image data set of MMTracking."""
import logging
import math
import os.path as osp
from functools import partial

import numpy as np
from mmengine.logging import print_log
from mmtrack.datasets import BaseSOTDataset, SOTCocoDataset
from mmtrack.registry import DATASETS

from .listed import FolderDataset

# A video is used if it has this many frames, this many of them visible.
MIN_FRAMES = 20
MIN_VISIBLE = 5
GAP_STEP = 5  # by how much the window grows with each template that finds no search frame


def build_source(cfg: dict, max_gap: int) -> 'ImageSource | VideoSource':
    """Build one of MMTracking's data sets, checked, as a source of pairs.

    Args:
        cfg: config of the data set.
        max_gap: see :class:`VideoSource`.

    Raises:
        FileNotFoundError: a data folder or annotation file is missing.
        ValueError: no sequence of the data set can be used.
    """
    dataset = build_checked(dict(cfg, test_mode=False))
    if all(dataset.get_len_per_video(i) == 1 for i in range(dataset.num_videos)):
        return ImageSource(dataset)
    return VideoSource(dataset, max_gap)


def build_checked(cfg: dict) -> BaseSOTDataset:
    """Build one of MMTracking's data sets and see that its files are there.

    Args:
        cfg: config of the data set.

    Raises:
        FileNotFoundError: the data folder, the annotation file, or a video's annotation that the
            latter names, is missing.
        ValueError: the annotation file cannot be used; it is named.
    """
    dataset = DATASETS.build(dict(cfg, lazy_init=True))
    name = type(dataset).__name__
    if isinstance(dataset, FolderDataset):
        dataset.full_init()  # checks for itself
        return dataset
    if not osp.isfile(dataset.ann_file):
        raise FileNotFoundError(
            f'{name}: annotation file {dataset.ann_file} is missing; set data_root and ann_file '
            'of the data set, or write the file with tools/convert_dataset.py')
    folder = dataset.data_prefix['img_path']
    if not osp.isdir(folder):
        raise FileNotFoundError(f'{name}: data folder {folder} is missing; set data_root and '
                                'data_prefix.img_path of the data set')
    if isinstance(dataset, SOTCocoDataset):
        dataset.filter_data = partial(usable_objects, dataset)
    try:
        dataset.full_init()
    except OSError:
        raise
    except Exception as error:  # whatever a broken file leads to, say which one it is
        reason = error if isinstance(error, ValueError) else f'{type(error).__name__}: {error}'
        raise ValueError(f'{name}: annotation file {dataset.ann_file} cannot be used: {reason}'
                         ) from error
    annotations = [dataset.get_data_info(i).get('ann_path') for i in range(dataset.num_videos)]
    missing = [ann for ann in annotations if ann and not osp.isfile(osp.join(folder, ann))]
    if missing:
        raise FileNotFoundError(
            f'{name}: {len(missing)} of {len(annotations)} annotations named in '
            f'{dataset.ann_file} are missing in {folder}, the first is {missing[0]}')
    return dataset


def usable_objects(dataset: SOTCocoDataset) -> list[dict]:
    """The objects of a COCO file that have a box in an image; others are counted in the log.

    Raises:
        ValueError: there are none.
    """
    coco, objects = dataset.coco, dataset.data_list
    usable = [own for own in objects if is_usable(coco.anns[own['ann_id']], coco.imgs)]
    rule = 'have no bbox of four numbers, or no image with a file_name'
    if not usable:
        raise ValueError('it has no object to train on'
                         + (f'; all {len(objects)} {rule}' if objects else ''))
    if len(usable) < len(objects):
        print_log(f'{type(dataset).__name__}: {len(objects) - len(usable)} of {len(objects)} '
                  f'objects of {dataset.ann_file} left out: they {rule}', 'current',
                  logging.WARNING)
    return usable


def is_usable(annotation: dict, images: dict) -> bool:
    """Whether an object of a COCO file has a box, x, y, w, h in pixels, in an image."""
    box = annotation.get('bbox')
    numbers = isinstance(box, list) and len(box) == 4 and all(
        isinstance(value, (int, float)) and math.isfinite(value) for value in box)
    return numbers and 'file_name' in images.get(annotation['image_id'], ())


class ImageSource:
    """Pairs of an image with itself; a sequence of the data set is one object in one image.

    Args:
        dataset: in which each sequence has one frame.

    Raises:
        ValueError: it has none.
    """

    def __init__(self, dataset: BaseSOTDataset) -> None:
        self.name = type(dataset).__name__
        self.dataset = dataset
        if dataset.num_videos == 0:
            raise ValueError(f'{self.name}: no object in {dataset.ann_file}')

    def draw(self, rng: np.random.Generator) -> dict:
        """Draw an object: its ``sequence``, ``img_path`` (two) and ``boxes`` (two, x, y, w, h in
        pixels)."""
        index = int(rng.integers(self.dataset.num_videos))
        box = self.dataset.get_bboxes_from_video(index)[0]
        path = self.dataset.get_img_infos_from_video(index)['img_paths'][0]
        return {'sequence': f'object {index}', 'img_path': [path, path], 'boxes': [box, box]}


class VideoSource:
    """Causal pairs of a video: the search frame comes after the template.

    Annotations are read once, so a broken one is known at once and drawing is cheap. Videos with
    too few frames, or too few where the target is visible, are left out with a warning.

    Args:
        dataset: of videos.
        max_gap: the search frame follows the template by less than this many frames.

    Raises:
        ValueError: an annotation cannot be read, or no video can be used.
    """

    def __init__(self, dataset: BaseSOTDataset, max_gap: int) -> None:
        self.name = type(dataset).__name__
        self.dataset = dataset
        self.max_gap = max_gap
        self.videos = []  # (index in the data set, boxes (N, 4) x, y, w, h, visible frames)
        left_out = []
        for index in range(dataset.num_videos):
            boxes, visible = self._read(index)
            if len(boxes) >= MIN_FRAMES and len(visible) >= MIN_VISIBLE:
                self.videos.append((index, boxes, visible))
            else:
                left_out.append(f'{self._sequence(index)} ({len(visible)} of {len(boxes)})')
        rule = f'fewer than {MIN_FRAMES} frames or {MIN_VISIBLE} visible ones'
        if min_score := getattr(dataset, 'min_score', 0):
            rule += f', not counting those below min_score={min_score}'
        if not self.videos:
            raise ValueError(f'{self.name}: no sequence in {dataset.ann_file} can be used; '
                             f'all {dataset.num_videos} have {rule}')
        if left_out:
            print_log(f'{self.name}: {len(left_out)} of {dataset.num_videos} sequences left out, '
                      f'{rule}: {", ".join(left_out)}', 'current', logging.WARNING)
        if min_score:
            drawn, known = (sum(len(video[i]) for video in self.videos) for i in (2, 1))
            print_log(f'{self.name}: pairs are drawn from {drawn} of {known} frames, those from '
                      f'min_score={min_score} on', 'current')

    def draw(self, rng: np.random.Generator) -> dict:
        """Draw a pair: its ``sequence``, ``img_path`` and ``boxes`` x, y, w, h in pixels, both
        for template and search frame."""
        index, boxes, visible = self.videos[rng.integers(len(self.videos))]
        frames = draw_frames(rng, visible, len(boxes), self.max_gap)
        return {'sequence': self._sequence(index),
                'img_path': [self._frame_path(index, frame) for frame in frames],
                'boxes': [boxes[frame] for frame in frames]}

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (N, 4) x, y, w, h in pixels and the indices of visible frames of a video."""
        try:
            infos = self.dataset.get_ann_infos_from_video(index)
        except Exception as error:  # whatever a broken file leads to, say which one it is
            raise ValueError(f'{self.name}: the annotation of sequence {self._sequence(index)} '
                             f'cannot be read: {error}') from error
        boxes = infos['bboxes'].copy()
        boxes[:, 2:] -= boxes[:, :2]
        return boxes.astype(np.float32), np.flatnonzero(infos['visible']).astype(np.int32)

    def _sequence(self, index: int) -> str:
        return self.dataset.get_data_info(index).get('video_path', f'number {index}')

    def _frame_path(self, index: int, frame: int) -> str:
        info = self.dataset.get_data_info(index)
        if 'framename_template' not in info:  # not a folder of numbered frames
            return self.dataset.get_img_infos_from_video(index)['img_paths'][frame]
        name = info['framename_template'] % (info['start_frame_id'] + frame)
        return osp.join(self.dataset.data_prefix['img_path'], info['video_path'], name)


def draw_frames(rng: np.random.Generator, visible: np.ndarray, length: int, max_gap: int
                ) -> tuple[int, int]:
    """Draw a template and a later search frame.

    The template is any visible frame but the last of the video; the search frame a visible one
    1 to max_gap - 1 later. If there is none, the window grows and a new template is drawn.

    Args:
        rng: source of the draws.
        visible: (V,) sorted indices of the frames where the target is visible, at least two.
        length: number of frames of the video.
        max_gap: see above.

    Returns:
        The indices of both frames.
    """
    templates = visible[:np.searchsorted(visible, length - 1)]
    while True:
        template = int(templates[rng.integers(len(templates))])
        first, stop = np.searchsorted(visible, (template + 1, template + max_gap))
        if first < stop:
            return template, int(visible[rng.integers(first, stop)])
        max_gap += GAP_STEP
