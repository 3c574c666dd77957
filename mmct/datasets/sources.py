"""Where samples come from: a video data set or an image data set of MMTracking."""
import logging
import math
import os.path as osp
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from mmengine.logging import print_log
from mmtrack.datasets import BaseSOTDataset, SOTCocoDataset
from mmtrack.registry import DATASETS

from ..formats.annotations import Annotation, doubt_boxes, doubt_pictures
from ..runtime.conventions import doubt
from ..utils.files import image_names
from .listed import FolderDataset, ListedSOTDataset

MIN_FRAMES = 20  # of a video that is used
SAMPLE = 16  # sequences of which frames are looked at


@dataclass(frozen=True)
class Target:
    """One target in all frames of a video, or in one image.

    Attributes:
        sequence: what the video or the object is called.
        boxes: (N, 4) x, y, w, h in pixels, one for each frame.
        visible: (V,) sorted indices of the frames in which it is visible.
        path: returns the path of a frame, given its index.
        size: width and height in pixels of the frame that was labelled, None if nobody says.
    """
    sequence: str
    boxes: np.ndarray
    visible: np.ndarray
    path: Callable[[int], str]
    size: tuple[int, int] | None = None

    @property
    def absent(self) -> np.ndarray:
        """Sorted indices of the frames in which it is not visible."""
        return np.setdiff1d(np.arange(len(self.boxes)), self.visible)


def build_source(cfg: dict, min_visible: int) -> 'ImageSource | VideoSource':
    """One of MMTracking's data sets, checked, as a source of targets."""
    dataset = build_checked(dict(cfg, test_mode=False))
    if all(dataset.get_len_per_video(i) == 1 for i in range(dataset.num_videos)):
        return ImageSource(dataset)
    return VideoSource(dataset, min_visible)


def build_checked(cfg: dict) -> BaseSOTDataset:
    """Build one of MMTracking's data sets and see that its files are there."""
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
    if not isinstance(dataset, SOTCocoDataset):
        check_boxes(dataset)
    return dataset


def check_boxes(dataset: BaseSOTDataset) -> None:
    """See that boxes belong to their frames: of all sequences to test on, as many; of some, in
    pixels of them. To train on, :class:`VideoSource` reads all."""
    name, some, doubts = type(dataset).__name__, dataset.num_videos // SAMPLE + 1, []
    # Of others, parts of a folder of frames may be sequences.
    whole = isinstance(dataset, ListedSOTDataset) and Counter(
        dataset.get_data_info(i)['video_path'] for i in range(dataset.num_videos))
    for index in range(0, dataset.num_videos, 1 if dataset.test_mode else some):
        count = dataset.get_len_per_video(index)
        place = dataset.get_data_info(index).get('ann_path', f'sequence {index}')
        try:
            boxes = dataset.get_bboxes_from_video(index)
        except AssertionError as error:  # MMTracking's, of their number
            raise ValueError(f'{name}: {place} cannot be used: {error}') from None
        if len(boxes) not in (1, count):
            raise ValueError(f'{name}: {place} has {len(boxes)} boxes, {dataset.ann_file} says '
                             f'{count} frames; expected a line x,y,w,h for each, write the latter '
                             'anew with tools/convert_dataset.py')
        try:
            flags = len(dataset.get_visibility_from_video(index)['visible'])
        except ValueError as error:  # of two files
            raise ValueError(f'{name}: flags beside {place} cannot be used: {error}') from None
        if flags not in (len(boxes), count):
            raise ValueError(f'{name}: {place} has {len(boxes)} boxes, and flags beside it for '
                             f'{flags} frames')
        alone = whole and whole[dataset.get_data_info(index)['video_path']] == 1
        if isinstance(dataset, FolderDataset) or not alone and index % some:
            continue  # the former looked as it was loaded
        paths = dataset.get_img_infos_from_video(index)['img_paths']
        other = doubt_pictures(image_names(osp.dirname(paths[0])), len(boxes)) if alone else None
        if not other and index % some == 0:
            other = doubt_boxes(paths, boxes)
        if other and other.certain:
            raise ValueError(f'{name}: {place}: {other.text}; expected a line x,y,w,h in pixels '
                             f'for each frame of {osp.dirname(paths[0])}')
        if other:
            doubts.append(f'{place}: {other.text}')
    if doubts:
        print_log(f'{name}: {len(doubts)} sequences are doubtful, such as {doubts[0]}', 'current',
                  logging.WARNING)


def annotation_of(dataset: BaseSOTDataset, index: int) -> Annotation:
    """Ground truth of a sequence of one of MMTracking's data sets, as evaluation takes it; of one
    whose ground truth is not known, its first box."""
    boxes = dataset.get_bboxes_from_video(index)
    visible = dataset.get_visibility_from_video(index)['visible'][:len(boxes)]
    return Annotation(np.where(np.isfinite(boxes).all(axis=1)[:, None], boxes, 0.), ~visible)


def usable_objects(dataset: SOTCocoDataset) -> list[dict]:
    """The objects of a COCO file that have a box in an image; others are counted in the log."""
    coco, objects = dataset.coco, dataset.data_list
    check_ids('images', coco.dataset.get('images', ()), ['file_name'])
    check_ids('annotations', coco.dataset.get('annotations', ()), ['image_id', 'bbox'])
    usable = [one for one in objects if is_usable(coco.anns[one['ann_id']], coco.imgs)]
    rule = 'have no bbox of four numbers with an area, or no image with a file_name'
    if not usable:
        raise ValueError('it has no object to train on'
                         + (f'; all {len(objects)} {rule}' if objects else ''))
    if len(usable) < len(objects):
        print_log(f'{type(dataset).__name__}: {len(objects) - len(usable)} of {len(objects)} '
                  f'objects of {dataset.ann_file} left out: they {rule}', 'current',
                  logging.WARNING)
    annotations = [coco.anns[one['ann_id']] for one in usable]
    sized = [(annotation['bbox'], size) for annotation in annotations
             if (size := labelled_size(coco.imgs[annotation['image_id']]))]
    if sized and (other := doubt(*map(np.array, zip(*sized)))):
        text = f'its boxes are not x,y,w,h in pixels, but {other.text}'
        if other.certain:
            raise ValueError(text)
        print_log(f'{type(dataset).__name__}: {dataset.ann_file}: perhaps {text}', 'current',
                  logging.WARNING)
    return usable


def check_ids(kind: str, entries: Sequence[dict], keys: Sequence[str]) -> None:
    """See that entries of a COCO file that differ in ``keys`` have ids of their own, as those of
    files that were joined may not: the last would stand for all, and have others' boxes."""
    owners = {}
    for entry in entries:
        other = owners.setdefault(entry['id'], entry)
        for key in keys:
            if other.get(key) != entry.get(key):
                raise ValueError(f'two of its {kind} have the id {entry["id"]}: {key} '
                                 f'{other.get(key)} and {entry.get(key)}; give each an id of its '
                                 'own, and annotations the image_id that belongs to it')


def labelled_size(image: dict) -> tuple[int, int] | None:
    """Width and height in pixels that a COCO file gives an image, None if it does not."""
    size = image.get('width'), image.get('height')
    return size if all(isinstance(side, (int, float)) and side > 0 for side in size) else None


def is_usable(annotation: dict, images: dict) -> bool:
    """Whether an object of a COCO file has a box, x, y, w, h in pixels, with an area, in an
    image."""
    box = annotation.get('bbox')
    numbers = isinstance(box, list) and len(box) == 4 and all(
        isinstance(value, (int, float)) and math.isfinite(value) for value in box)
    return numbers and min(box[2:]) > 0 and 'file_name' in images.get(annotation['image_id'], ())


class ImageSource:
    """Objects in images; a sequence of the data set is one object in one image."""

    def __init__(self, dataset: BaseSOTDataset) -> None:
        self.name = type(dataset).__name__
        self.dataset = dataset
        if dataset.num_videos == 0:
            raise ValueError(f'{self.name}: no object in {dataset.ann_file}')

    def draw(self, rng: np.random.Generator) -> Target:
        """Draw an object, each as likely."""
        index = int(rng.integers(self.dataset.num_videos))
        path = self.dataset.get_img_infos_from_video(index)['img_paths'][0]
        boxes = self.dataset.get_bboxes_from_video(index)
        coco = getattr(self.dataset, 'coco', None)
        size = coco and labelled_size(
            coco.imgs[coco.anns[self.dataset.get_data_info(index)['ann_id']]['image_id']])
        return Target(f'object {index}', boxes, np.zeros(1, int), lambda frame: path, size)


class VideoSource:
    """Targets of videos.

    Annotations are read once, so a broken one is known at once and drawing is cheap. Videos with
    fewer than ``MIN_FRAMES`` frames, or ``min_visible`` with their target, are left out with a
    warning.
    """

    def __init__(self, dataset: BaseSOTDataset, min_visible: int) -> None:
        self.name = type(dataset).__name__
        self.dataset = dataset
        self.videos = []  # (index in the data set, boxes (N, 4) x, y, w, h, visible frames)
        left_out, longest = [], 0
        for index in range(dataset.num_videos):
            boxes, visible = self._read(index)
            longest = max(longest, len(boxes))
            if len(boxes) >= MIN_FRAMES and len(visible) >= min_visible:
                self.videos.append((index, boxes, visible))
            else:
                left_out.append(f'{self._sequence(index)} ({len(visible)} of {len(boxes)})')
        rule = f'fewer than {MIN_FRAMES} frames or {min_visible} visible ones'
        if min_score := getattr(dataset, 'min_score', 0):
            rule += f', not counting those below min_score={min_score}'
        if not self.videos:
            if longest == 1:
                rule += '; where only first boxes are known, track first (docs/unlabelled.md)'
            elif min_visible > 5:  # of a pair
                rule += (f'; give longer videos, or the sampling shorter clips than of '
                         f'{(min_visible - 1) // 2} frames')
            raise ValueError(f'{self.name}: no sequence in {dataset.ann_file} can be used; '
                             f'all {dataset.num_videos} have {rule}')
        if left_out:
            print_log(f'{self.name}: {len(left_out)} of {dataset.num_videos} sequences left out, '
                      f'{rule}: {", ".join(left_out)}', 'current', logging.WARNING)
        if min_score:
            drawn, known = (sum(len(video[i]) for video in self.videos) for i in (2, 1))
            print_log(f'{self.name}: pairs are drawn from {drawn} of {known} frames, those from '
                      f'min_score={min_score} on', 'current')

    def draw(self, rng: np.random.Generator) -> Target:
        """Draw a video, each as likely."""
        index, boxes, visible = self.videos[rng.integers(len(self.videos))]
        return Target(self._sequence(index), boxes, visible, partial(self._frame_path, index))

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
