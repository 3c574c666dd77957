"""Test sets that MMTracking lacks, and own data."""
import logging
import os.path as osp
from functools import partial
from pathlib import Path

import numpy as np
from mmengine.fileio import FileClient
from mmengine.logging import print_log
from mmtrack.datasets import BaseSOTDataset, GOT10kDataset, OTB100Dataset
from mmtrack.registry import DATASETS

from ..formats.annotations import (
    doubt_sequence,
    doubt_together,
    flagged_absent,
    lines_of_frames,
    parse_boxes,
    parse_numbers,
    read_boxes,
)
from ..formats.layouts import (
    Sequence,
    frames_from,
    lies_instead,
    own,
    part_of_video,
    sequence_name,
    with_missing,
)
from ..formats.results import read_scores
from ..formats.sequences import rows_of_list
from ..runtime.frames import count_frames, recorded_length
from ..utils.checks import check_number
from ..utils.files import IMAGES, VIDEOS, image_names, in_order, read_text, text_of


def load_text(self: BaseSOTDataset, filepath: str, dtype: type = np.float32,
              delimiter: str | None = None, skiprows: int = 0, return_ndarray: bool = True
              ) -> np.ndarray | str:
    """A text for MMTracking's data sets: Windows' mark, tabs and ``-nan(ind)`` are read, a blank
    line between boxes is a frame without the target, and errors name the file and the line."""
    text = '\n'.join(stored_text(filepath).strip().split('\n')[skiprows:])
    if not return_ndarray:
        if filepath == self.ann_file:  # of which MMTracking passes by the first line, unread
            text = '\n'.join(['comment', *map(','.join, rows_of_list(text))])
        return text
    found = parse_numbers('\n'.join(lines_of_frames(text)), filepath, None,
                          'numbers in lines of equal length')
    return np.squeeze(found, axis=tuple(i for i in (0, 1) if found.shape[i] == 1)[:1]).astype(dtype)


def stored_text(path: str) -> str:
    """A text from wherever MMEngine reads it."""
    try:
        return text_of(FileClient.infer_client(uri=path).get(path))
    except UnicodeDecodeError:
        raise ValueError(f'{path} is not a text file') from None


def otb_boxes(self: OTB100Dataset, video_idx: int) -> np.ndarray:
    """Boxes (N, 4) x, y, w, h in pixels. MMTracking's method looks for whole numbers in a line, of
    which a box with decimals has eight, and a blank line none."""
    info = self.get_data_info(video_idx)
    path = osp.join(self.data_prefix['img_path'], info['ann_path'])
    return parse_boxes(stored_text(path), path)[info.get('init_skip_num', 0):]


BaseSOTDataset._loadtxt = load_text
OTB100Dataset.get_bboxes_from_video = otb_boxes


@DATASETS.register_module()
class ListedSOTDataset(BaseSOTDataset):
    """Sequences whose frames have any names, such as TNL2K's: the order of the names counts,
    numbers as numbers.

    ``ann_file`` has a comment, then a line ``folder of frames,annotation,start,end`` each
    (tools/convert_dataset.py writes it): start and end are places in that order, from 0, and
    a path with a comma is in quotation marks. Boxes may be apart by commas, tabs or spaces.
    """

    def __init__(self, *args, **kwargs) -> None:
        self._names = {}  # listed once; pairs are drawn again and again
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Frames, annotation, first and last place of each sequence."""
        rows = rows_of_list(stored_text(self.ann_file))
        return [dict(video_path=video, ann_path=annotation, start_frame_id=int(start),
                     end_frame_id=int(end)) for video, annotation, start, end, *_ in rows]

    def get_bboxes_from_video(self, video_idx: int) -> np.ndarray:
        """Boxes (N, 4) x, y, w, h in pixels."""
        path = osp.join(self.data_prefix['img_path'], self.get_data_info(video_idx)['ann_path'])
        return read_boxes(Path(path), partial(self.get_len_per_video, video_idx))

    def get_img_infos_from_video(self, video_idx: int) -> dict:
        """Paths of the frames, VIDEO#NUMBER for those of a video file."""
        info = self.get_data_info(video_idx)
        path = osp.join(self.data_prefix['img_path'], info['video_path'])
        start, stop = info['start_frame_id'], info['end_frame_id'] + 1
        if osp.splitext(path)[1].lower() in VIDEOS and not osp.isdir(path):
            paths = [f'{path}#{number}' for number in range(start, stop)]
        else:
            if video_idx not in self._names:
                self._names[video_idx] = in_order(image_names(path))
            # Those that are missing fail when they are read, with no other sequence.
            names = with_missing(self._names[video_idx][start:stop], stop - start)
            names += [f'(number {number} of {stop} is missing)'
                      for number in range(start + len(names) + 1, stop + 1)]
            paths = [osp.join(path, name) for name in names]
        return dict(video_id=video_idx, frame_ids=np.arange(stop - start), img_paths=paths,
                    video_length=stop - start)


@DATASETS.register_module()
class GOT10kValDataset(GOT10kDataset):
    """GOT-10k's validation videos, to test on; MMTracking's class would hide their boxes, as those
    of the test videos are."""

    prepare_test_data = BaseSOTDataset.prepare_test_data

    def get_visibility_from_video(self, video_idx: int) -> dict:
        """``visible``, (N,) bool."""
        folder = osp.join(self.data_prefix['img_path'], self.get_data_info(video_idx)['video_path'])
        # How much of the target is seen, in eighths; frames with nothing of it count nowhere.
        return dict(visible=self._loadtxt(osp.join(folder, 'cover.label'), dtype=int) > 0)


@DATASETS.register_module()
class FolderDataset(ListedSOTDataset):
    """Own data: a folder with a folder of frames, or a video file, a sequence, and the boxes
    x,y,w,h in NAME.txt beside it or in a groundtruth.txt within, see
    :func:`mmct.formats.layouts.own`.

    A box without area, or of NaN, stands for an absent target, and so do the flags of LaSOT and
    GOT-10k beside a groundtruth.txt. Of a sequence to test on the first box is enough; it is
    tracked and not scored.

    Args:
        data_root: the folder.
        annotations: another folder with NAME.txt, a box for each frame: the results of a tracker
            (tools/test.py), in place of the boxes beside the frames.
        min_score: in [0, 1]; a frame of a lower score, in NAME_score.txt beside NAME.txt, counts
            as one of an absent target. 0 needs no scores.
    """

    def __init__(self, data_root: str, annotations: str | None = None, min_score: float = 0.,
                 **kwargs) -> None:
        check_number('min_score', min_score, '[0, 1]')
        self.annotations, self.min_score = Path(annotations or data_root), min_score
        super().__init__(data_root=data_root, **{'data_prefix': dict(img_path=''), **kwargs})
        self.ann_file = data_root

    def load_data_list(self) -> list[dict]:
        """Frames, annotation, first and last number of each sequence that has boxes."""
        root, infos, bare, doubts, read = Path(self.data_root), [], [], [], []
        for folder, key in ((root, 'data_root'), (self.annotations, 'annotations')):
            if not folder.is_dir():
                raise FileNotFoundError(f'FolderDataset: folder {folder} is missing; set {key}')
        for sequence in own(root).values():
            name = sequence.annotation if self.annotations == root else f'{sequence.name}.txt'
            if not (self.annotations / name).is_file():
                bare.append(sequence.frames + lies_instead(self.annotations / name))
                continue
            boxes = read_boxes(self.annotations / name,
                               partial(recorded_length, root / sequence.frames))
            read.append((sequence, boxes))
            if other := doubt_sequence(root, sequence, boxes):
                if other.certain:
                    raise ValueError(f'FolderDataset: {self.annotations / name}: {other.text}; '
                                     f'expected a line x,y,w,h in pixels for each frame of '
                                     f'{root / sequence.frames}')
                doubts.append(f'{name}: {other.text}')
            first, count = self._extent(sequence, self.annotations / name, len(boxes))
            count = max(count, 1)
            flags = sequence.flags if self.annotations == root and len(boxes) > 1 else ()
            texts = {path: read_text(root / path) for path in flags}
            infos.append(dict(video_path=sequence.frames, ann_path=name, start_frame_id=first,
                              end_frame_id=first + count - 1,
                              absent=flagged_absent(texts, root, count)))
        if not infos:
            raise ValueError(f'FolderDataset: {root} has no sequence: expected folders of frames '
                             f'or video files, each with its boxes in {self.annotations}/NAME.txt'
                             + (f'; without are {", ".join(bare[:3])}' if bare else ''))
        places = [root / info['video_path'] for info in infos]
        # The header of a video that a browser or a camera wrote may not know how long it is.
        if not any(recorded_length(place) or count_frames(place) for place in places):
            raise ValueError(f'FolderDataset: no sequence of {root} has frames, such as '
                             f'{places[0]}; expected images '
                             f'({", ".join(IMAGES)}) or a video that OpenCV reads')
        if bare:
            print_log(f'FolderDataset: left out, for there is no NAME.txt in {self.annotations}: '
                      f'{", ".join(bare)}', 'current', logging.WARNING)
        if doubts:
            print_log(f'FolderDataset: {len(doubts)} of {len(infos)} sequences are doubtful, which '
                      f'tools/check_dataset.py own {root} names, such as {doubts[0]}', 'current',
                      logging.WARNING)
        elif other := doubt_together(root, read):
            print_log(f'FolderDataset: boxes of {self.annotations} may be {other.text}; expected '
                      'x,y,w,h in pixels', 'current', logging.WARNING)
        return infos

    def _extent(self, sequence: Sequence, file: Path, count: int) -> tuple[int, int]:
        """Place of the first frame of a sequence, and how many frames it has."""
        path, first = Path(self.data_root) / sequence.frames, 0
        if sequence.start > 1 and (there := len(names := image_names(path))) != count:
            first = there - len(frames_from(sequence.start, names, None))
        # Counting decodes a video, so only if its header cannot do.
        if self.annotations == Path(self.data_root):
            if count == 1:  # as long as there are frames; training passes it by
                count = (count_frames if self.test_mode else recorded_length)(path) - first
        elif (part_of_video(sequence.name) == (sequence.name, 1)  # others have not all frames
              and count != recorded_length(path) and count != (frames := count_frames(path))):
            raise ValueError(f'FolderDataset: {file} has {count} boxes, {path} {frames} frames; '
                             'track the sequence again')
        return first, count

    def get_bboxes_from_video(self, video_idx: int) -> np.ndarray:
        """Boxes (N, 4) x, y, w, h in pixels; N may be 1 for more frames."""
        return read_boxes(self.annotations / self.get_data_info(video_idx)['ann_path'],
                          partial(self.get_len_per_video, video_idx))

    def get_visibility_from_video(self, video_idx: int) -> dict:
        """``visible``, (N,) bool: with area, not flagged as absent, and at least of
        ``min_score``."""
        info = self.get_data_info(video_idx)
        visible = ~info['absent']
        if self.min_score:
            name = sequence_name(info['ann_path'])
            visible &= read_scores(self.annotations / f'{name}_score.txt',
                                   len(visible)) >= self.min_score
        return dict(visible=visible)

    def get_ann_infos_from_video(self, video_idx: int) -> dict:
        """Boxes x1, y1, x2, y2 in pixels and visibility, as many as there are boxes; to test on,
        with NaN for all frames of which nothing is known."""
        infos = super().get_ann_infos_from_video(video_idx)
        known, count = len(infos['bboxes']), self.get_len_per_video(video_idx)
        if self.test_mode and known < count:
            infos['bboxes'] = np.pad(infos['bboxes'], ((0, count - known), (0, 0)),
                                     constant_values=np.nan)
            known = count
        return {**infos, 'visible': infos['visible'][:known]}
