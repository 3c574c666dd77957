"""Which sequences each data set has, and the places of their frames and annotations."""
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmct.formats import Sequence, read_boxes
from mmct.formats.annotations import DECIMAL_COMMAS, lines_of_frames
from mmct.formats.layouts import own, part_of_video, uav123
from mmct.formats.sequences import (
    check_dataset,
    lasot_ext_names,
    lasot_sequence,
    lasot_training_names,
    names_of,
)
from mmct.utils.files import names_in, read_text

OTB_SKIPPED = dict(Tiger1=5)  # boxes that count nowhere


@dataclass(frozen=True)
class Split:
    """A part of a data set.

    Attributes:
        find: the sequences that there should be, by name, of a data set's folder.
        count: how many these are, None if nobody says.
        secret: only the first box is given.
    """
    find: Callable[[Path], dict[str, Sequence]]
    count: int | None
    secret: bool = False


@dataclass(frozen=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        prefix: what MMTracking's ``data_prefix`` is.
        splits: by name; a data set only for testing has only ''.
        example: frames and annotation of a sequence, for messages.
        read: boxes (N, 4) x, y, w, h of an annotation file and the number of frames.
        plain: annotations are not as evaluation reads them, so they are also written as NAME.txt.
    """
    splits: dict[str, Split]
    example: str
    prefix: str = '.'
    read: Callable[[Path, int], np.ndarray] = lambda path, frames: read_boxes(path, lambda: frames)
    plain: bool = False

    def info_file(self, name: str, split: str) -> str:
        """Path of the info file of a split, '' for a data set without splits."""
        return f'annotations/{name}_{split}_infos.txt' if split else \
            f'annotations/{name}_infos.txt'

    def present(self, root: Path) -> dict[str, list[Sequence]]:
        """The splits of which something is there, with all sequences that should be.

        Raises:
            FileNotFoundError: nothing is there.
        """
        found = {key: list(split.find(root).values()) for key, split in self.splits.items()}
        found = {key: sequences for key, sequences in found.items()
                 if any((root / self.prefix / one.frames).exists() for one in sequences)}
        if not found:
            raise FileNotFoundError(f'{root} has no sequence in the layout expected, '
                                    f'{root}/{self.example}')
        return found


def layout_of(name: str) -> Layout:
    """Layout of a data set.

    Raises:
        ValueError: there is no such data set.
    """
    check_dataset(name)
    return LAYOUTS[name]


def named(sequences: Iterable[Sequence]) -> dict[str, Sequence]:
    """Sequences by name.

    Raises:
        ValueError: two are called alike.
    """
    found = {}
    for sequence in sequences:
        if found.setdefault(sequence.name, sequence) != sequence:
            raise ValueError(f'two sequences are called {sequence.name}: '
                             f'{found[sequence.name].frames} and {sequence.frames}; rename one')
    return found


def lines_of(file: Path) -> list[str]:
    """What a list names, in which names may have spaces."""
    return [line.strip() for line in read_text(file).splitlines() if line.strip()]


def lasot_test(root: Path) -> dict[str, Sequence]:
    """The 280 test videos."""
    return named(lasot_sequence(name) for name in names_of('lasot_test'))


def lasot_train(root: Path) -> dict[str, Sequence]:
    """Training videos, and those of other names that are there."""
    folder = root / 'LaSOTBenchmark'
    found = {name for kind in names_in(folder) for name in names_in(folder / kind) if '-' in name}
    names = lasot_training_names() | found - set(names_of('lasot_test'))
    return named(lasot_sequence(name) for name in sorted(names))


def lasot_ext(root: Path) -> dict[str, Sequence]:
    """The 150 videos of LaSOT's extension."""
    return named(lasot_sequence(name) for name in lasot_ext_names())


def tnl2k(root: Path) -> dict[str, Sequence]:
    """TNL2K's test videos that are there."""
    folder = root / 'TNL2K_test_subset'
    names = sorted(name for name in names_in(folder) if (folder / name).is_dir())
    return named(Sequence(f'{path}/imgs', f'{path}/groundtruth.txt', template=None, start=0)
                 for path in (f'TNL2K_test_subset/{name}' for name in names))


def trackingnet(*chunks: str) -> Callable[[Path], dict[str, Sequence]]:
    """TrackingNet's videos that are there, in some of its chunks, such as TRAIN_0."""
    def find(root: Path) -> dict[str, Sequence]:
        found = []
        for chunk in chunks:
            files = names_in(root / chunk / 'anno')
            names = {Path(file).stem for file in files if file.endswith('.txt')}
            names.update(names_in(root / chunk / 'frames'))
            found += [Sequence(f'{chunk}/frames/{name}', f'{chunk}/anno/{name}.txt', '%d.jpg',
                               start=0) for name in sorted(names)]
        return named(found)
    return find


def vasttrack(root: Path) -> dict[str, Sequence]:
    """VastTrack's training videos that are there."""
    folder = 'unisot_train_final_backup'
    videos = (f'{folder}/{kind}/{name}' for kind in names_in(root / folder)
              for name in names_in(root / folder / kind)
              if (root / folder / kind / name).is_dir())
    return named(Sequence(f'{video}/imgs', f'{video}/Groundtruth.txt', template=None, start=0)
                 for video in sorted(videos))


def got10k(split: str) -> Callable[[Path], dict[str, Sequence]]:
    """GOT-10k's videos of a split, by its list, or those that are there."""
    flags = () if split == 'test' else ('absence.label', 'cover.label')

    def find(root: Path) -> dict[str, Sequence]:
        folder, file = root / split, root / split / 'list.txt'
        names = lines_of(file) if file.is_file() else \
            [name for name in names_in(folder) if (folder / name).is_dir()]
        return named(got10k_sequence(split, name, flags) for name in sorted(names))
    return find


def got10k_vot(split: str) -> Callable[[Path], dict[str, Sequence]]:
    """Parts of the training set, by the lists that pytracking gives out."""
    def find(root: Path) -> dict[str, Sequence]:
        file = root / f'train/got10k_vot_{split}_split.txt'
        if not file.is_file():
            return {}
        return named(got10k_sequence('train', f'GOT-10k_Train_{int(float(number)) + 1:06d}',
                                     ('absence.label', 'cover.label'))
                     for number in sorted(read_text(file).split(), key=float))
    return find


def got10k_sequence(split: str, name: str, flags: tuple[str, ...]) -> Sequence:
    """A sequence of GOT-10k with files of flags for each box."""
    folder = f'{split}/{name}'
    return Sequence(folder, f'{folder}/groundtruth.txt',
                    flags=tuple(f'{folder}/{file}' for file in flags))


def nfs(root: Path) -> dict[str, Sequence]:
    """The 100 videos of NfS at 30 frames a second."""
    return named(Sequence(f'{name}/30/{name}', f'{name}/30/{name}.txt', template=None, start=0)
                 for name in names_of('nfs'))


def read_nfs(path: Path, frames: int) -> np.ndarray:
    """Boxes (N, 4) x, y, w, h in pixels of a file of NfS, for the frames at 30 a second.

    Args:
        path: of a file of lines ``id left top right bottom frame …``, in some at 240 a second;
            some have a line more or less than there are frames.
        frames: number of frames.

    Raises:
        ValueError: a line has not these numbers.
    """
    rows = [line.split() for line in lines_of_frames(read_text(path), lambda: frames)]
    try:
        # A blank line is four times nan.
        corners = np.array([row if row[0] == 'nan' else row[1:5] for row in rows if row],
                           float).reshape(-1, 4)
    except ValueError:
        raise ValueError(f'{path}: expected lines "id left top right bottom …"') from None
    if frames and abs(len(corners) / frames - 8) < 1:
        corners = corners[::8]
    if abs(len(corners) - frames) == 1:
        corners = corners[:frames]
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def otb100(root: Path) -> dict[str, Sequence]:
    """The 100 sequences of OTB100."""
    sequences = []
    for name in names_of('otb100'):
        video, start = part_of_video(name)
        number = name.partition('_')[2]
        file = f'groundtruth_rect.{number}.txt' if number else 'groundtruth_rect.txt'
        template = '%05d.jpg' if name == 'Board' else '%04d.jpg'
        sequences.append(Sequence(f'data/{video}/img', f'data/{video}/{file}', template, start,
                                  OTB_SKIPPED.get(name, 0)))
    return named(sequences)


def vot(root: Path) -> dict[str, Sequence]:
    """Videos of a VOT challenge, by its list, or those that are there."""
    file = root / 'list.txt'
    names = lines_of(file) if file.is_file() else \
        [name for name in names_in(root) if (root / name / 'groundtruth.txt').is_file()]
    return named(Sequence(f'{name}/color' if (root / name / 'color').is_dir() else name,
                          f'{name}/groundtruth.txt', template=None, start=0)
                 for name in sorted(names))


def read_polygons(path: Path, frames: int) -> np.ndarray:
    """Boxes (N, 4) x, y, w, h in pixels, the smallest around each polygon of a file of VOT.

    Args:
        path: of a file of lines ``x1,y1,x2,y2,x3,y3,x4,y4``, in which x,y,w,h may stand as well.
        frames: number of frames; not needed.

    Raises:
        ValueError: a line has neither, such as a mask of VOT2020 and later.
    """
    boxes, odd = [], []
    expected = 'a polygon x1,y1,…,x4,y4, four corners in order, or a box x,y,w,h'
    for number, line in enumerate(lines_of_frames(read_text(path)), 1):
        try:
            values = np.array(line.replace(',', ' ').split(), float)
        except ValueError:
            values = np.empty(1)
        if len(values) == 8 and not DECIMAL_COMMAS.fullmatch(line.strip()):
            corners = values.reshape(4, 2)
            low, high = corners.min(axis=0), corners.max(axis=0)
            values = np.concatenate([low, high - low])
            # Opposite sides of a rectangle are alike, however it is turned.
            one, other = corners[1] - corners[0], corners[2] - corners[3]
            if np.abs(one - other).max() > 0.2 * max(np.abs(one).max(), np.abs(other).max()) + 1:
                odd.append(number)
        if len(values) == 4:
            boxes.append(values)
        elif line.strip():
            raise ValueError(f'{path}, line {number}: expected {expected}; it is {line[:60]!r}')
    if not boxes:
        raise ValueError(f'{path}: expected a polygon for each frame; it is empty')
    if len(odd) > len(boxes) / 2:
        raise ValueError(f'{path}, line {odd[0]}: expected {expected}; the eight numbers of '
                         f'{len(odd)} lines are no rectangle')
    return np.array(boxes)


LAYOUTS = dict(
    lasot=Layout(dict(test=Split(lasot_test, 280), train=Split(lasot_train, 1120)),
                 'LaSOTBenchmark/airplane/airplane-1/{img/00000001.jpg,groundtruth.txt}',
                 'LaSOTBenchmark'),
    lasot_ext=Layout({'': Split(lasot_ext, 150)}, 'atv/atv-1/{img/00000001.jpg,groundtruth.txt}'),
    tnl2k=Layout({'': Split(tnl2k, 700)},
                 'TNL2K_test_subset/NAME/{imgs/00001.jpg,groundtruth.txt}'),
    trackingnet=Layout(dict(
        test=Split(trackingnet('TEST'), 511, secret=True),
        train=Split(trackingnet(*(f'TRAIN_{i}' for i in range(12))), 30132)),
        'TEST/{frames/NAME/0.jpg,anno/NAME.txt}'),
    got10k=Layout(dict(
        test=Split(got10k('test'), 180, secret=True), val=Split(got10k('val'), 180),
        train=Split(got10k('train'), 9335), train_vot=Split(got10k_vot('train'), None),
        val_vot=Split(got10k_vot('val'), None)),
        'test/GOT-10k_Test_000001/{00000001.jpg,groundtruth.txt}'),
    uav123=Layout({'': Split(uav123, 123)},
                  '{data_seq/UAV123/bike1/000001.jpg,anno/UAV123/bike1.txt}', plain=True),
    nfs=Layout({'': Split(nfs, 100)}, 'bee/30/{bee/00001.jpg,bee.txt}', read=read_nfs, plain=True),
    otb100=Layout({'': Split(otb100, 100)},
                  'data/Basketball/{img/0001.jpg,groundtruth_rect.txt}', plain=True),
    vot=Layout({'': Split(vot, None)}, '{list.txt,NAME/{color/00000001.jpg,groundtruth.txt}}',
               read=read_polygons, plain=True),
    vasttrack=Layout(
        dict(train=Split(vasttrack, 47110)),
        'unisot_train_final_backup/Aardwolf/Aardwolf-1/{imgs/00001.jpg,Groundtruth.txt}'),
    own=Layout({'': Split(own, None)}, '{NAME/1.jpg,NAME.txt}'))
