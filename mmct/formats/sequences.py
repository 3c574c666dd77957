"""Which sequences each data set has, and where their frames and annotations are."""
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..runtime.frames import in_order, names_in
from ..utils.files import read_text
from .names import PREFIX, sequence_name
from .own import GROUND_TRUTH, frame_folder, own_items
from .results import read_boxes

SPLITS = Path(__file__).parent / 'splits'
CLEARLY = 10  # so many names of a data set are no chance
LASOT_FLAGS = ('full_occlusion.txt', 'out_of_view.txt')
EXTENSION = ('atv', 'badminton', 'cosplay', 'dancingshoe', 'footbag', 'frisbee', 'jianzi',
             'lantern', 'misc', 'opossum', 'paddle', 'raccoon', 'rhino', 'skatingshoe', 'wingsuit')
# Sequences whose first box is not that of frame 1, and Tiger1, whose first five count nowhere.
OTB_STARTS = dict(BlurCar1=247, BlurCar3=3, BlurCar4=18, David=300, Tiger1=6)
OTB_SKIPPED = dict(Tiger1=5)
# First frames of the parts of a video that UAV123 counts as sequences NAME_1, NAME_2, …
UAV_PARTS = dict(
    bird1=(1, 775, 1573), car1=(1, 751, 1627), car16=(1, 415), car6=(1, 487, 1807, 2953, 3925),
    car8=(1, 1357), group1=(1, 1333, 2515, 3925), group2=(1, 907, 1771),
    group3=(1, 1567, 2827, 4369), person12=(1, 601), person14=(1, 847, 1813), person17=(1, 1501),
    person19=(1, 1243, 2791), person2=(1, 1189), person4=(1, 1501), person5=(1, 877),
    person7=(1, 1249), person8=(1, 1075), truck4=(1, 577), uav1=(1, 1555, 2473))


@dataclass(frozen=True)
class Sequence:
    """Where frames and boxes of a sequence are.

    Paths are relative to the layout's ``prefix``.

    Attributes:
        frames: folder of the frames, or a video file.
        annotation: file of the boxes.
        template: file name of frame number N, None where all files count, in their order.
        start: number of the frame of the first box that counts; of files in their order see
            :func:`frames_from`.
        skipped: boxes before that.
        flags: files with a value for each box.
    """
    frames: str
    annotation: str
    template: str | None = '%08d.jpg'
    start: int = 1
    skipped: int = 0
    flags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What result files call it."""
        return sequence_name(self.annotation)

    def info_line(self, count: int) -> str:
        """Its line in an info file, with that many frames."""
        return f'{self.frames},{self.annotation},{self.start},{self.start + count - 1}'


@dataclass(frozen=True)
class Split:
    """A part of a data set.

    Attributes:
        sequences: those that there should be, of a data set's folder.
        count: how many these are, None where nobody says.
        secret: only the first box is given.
    """
    sequences: Callable[[Path], list[Sequence]]
    count: int | None
    secret: bool = False


@dataclass(frozen=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        prefix: what MMTracking's ``data_prefix`` is.
        splits: by name; a data set for testing alone has '' alone.
        example: frames and annotation of a sequence, for messages.
        read: boxes (N, 4) x, y, w, h of an annotation file and the number of frames.
        plain: annotations are not as evaluation reads them, so they are also written as NAME.txt.
    """
    splits: dict[str, Split]
    example: str
    prefix: str = '.'
    read: Callable[[Path, int], np.ndarray] = lambda path, frames: read_boxes(path)
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
        found = {key: split.sequences(root) for key, split in self.splits.items()}
        found = {key: sequences for key, sequences in found.items()
                 if any((root / self.prefix / own.frames).exists() for own in sequences)}
        if not found:
            raise FileNotFoundError(f'{root} has no sequence in the layout expected, '
                                    f'{root}/{self.example}')
        return found


def layout_of(name: str) -> Layout:
    """Layout of a data set.

    Raises:
        ValueError: there is no such data set.
    """
    if name not in LAYOUTS:
        raise ValueError(f'{name} is none of the data sets {", ".join(LAYOUTS)}')
    return LAYOUTS[name]


def names_of(split: str) -> list[str]:
    """Names of the sequences in a list that comes with mmct."""
    return (SPLITS / f'{split}.txt').read_text().split()


def lasot_sequence(name: str) -> Sequence:
    """A sequence of LaSOT or its extension, CLASS-NUMBER."""
    folder = f'{name.split("-")[0]}/{name}'
    return Sequence(f'{folder}/img', f'{folder}/groundtruth.txt',
                    flags=tuple(f'{folder}/{file}' for file in LASOT_FLAGS))


def lasot_test(root: Path) -> list[Sequence]:
    """The 280 test videos."""
    return [lasot_sequence(name) for name in names_of('lasot_test')]


def lasot_training_names() -> set[str]:
    """LaSOT's 20 videos of each class, but those of the test set."""
    test = names_of('lasot_test')
    classes = {name.rpartition('-')[0] for name in test}
    return {f'{kind}-{number}' for kind in classes for number in range(1, 21)} - set(test)


def lasot_train(root: Path) -> list[Sequence]:
    """Training videos, and those of other names that are there."""
    found = {path.name for path in (root / 'LaSOTBenchmark').glob('*/*-*')}
    names = lasot_training_names() | found - set(names_of('lasot_test'))
    return [lasot_sequence(name) for name in sorted(names)]


def to_be_tested(annotated: Iterable[str], tested: Iterable[str]) -> list[str]:
    """Names of the annotated sequences that belong to the test set of those that were tested.

    LaSOT's folder holds its training videos, too.
    """
    test = set(names_of('lasot_test'))
    whole = test.issuperset(tested) and test.issubset(annotated)
    return [name for name in annotated if not whole or name in test]


def lasot_ext(root: Path) -> list[Sequence]:
    """The 150 videos of LaSOT's extension."""
    return [lasot_sequence(name) for name in lasot_ext_names()]


def lasot_ext_names() -> list[str]:
    """Ten videos of each of the extension's classes."""
    return [f'{kind}-{number}' for kind in EXTENSION for number in range(1, 11)]


def dataset_of(names: Iterable[str], source: Path | None = None) -> str | None:
    """The data set that annotated sequences belong to, None where that is not clear.

    One sequence called ``car2`` may be anybody's; ten names that are all UAV123's are not, nor are
    fewer in a folder that is called as the data set.

    Args:
        names: of all annotated sequences, as mmct calls them, or with pytracking's prefix.
        source: where the annotations are.
    """
    names = {PREFIX.sub('', name, count=1) for name in names}
    known = dict(lasot={*names_of('lasot_test'), *lasot_training_names()},
                 lasot_ext=lasot_ext_names(),
                 **{name: names_of(name) for name in ('uav123', 'nfs', 'otb100')})
    places = {part.lower() for part in source.resolve().parts} if source else set()
    found = [name for name, own in known.items()
             if names.issubset(own) and (len(names) >= CLEARLY or name in places)]
    return found[0] if len(found) == 1 else None


def tnl2k(root: Path) -> list[Sequence]:
    """TNL2K's test videos that are there."""
    names = sorted(path.name for path in (root / 'TNL2K_test_subset').glob('*') if path.is_dir())
    return [Sequence(f'TNL2K_test_subset/{name}/imgs', f'TNL2K_test_subset/{name}/groundtruth.txt',
                     template=None, start=0) for name in names]


def trackingnet(*chunks: str) -> Callable[[Path], list[Sequence]]:
    """TrackingNet's videos that are there, in some of its chunks, such as TRAIN_0."""
    def sequences(root: Path) -> list[Sequence]:
        found = []
        for chunk in chunks:
            files = names_in(root / chunk / 'anno')
            names = {Path(file).stem for file in files if file.endswith('.txt')}
            names.update(names_in(root / chunk / 'frames'))
            found += [Sequence(f'{chunk}/frames/{name}', f'{chunk}/anno/{name}.txt', '%d.jpg',
                               start=0) for name in sorted(names)]
        return found
    return sequences


def got10k(split: str) -> Callable[[Path], list[Sequence]]:
    """GOT-10k's videos of a split, by its list, or those that are there."""
    flags = () if split == 'test' else ('absence.label', 'cover.label')

    def sequences(root: Path) -> list[Sequence]:
        folder, file = root / split, root / split / 'list.txt'
        names = file.read_text().split() if file.is_file() else \
            [name for name in names_in(folder) if (folder / name).is_dir()]
        return [got10k_sequence(split, name, flags) for name in sorted(names)]
    return sequences


def got10k_vot(split: str) -> Callable[[Path], list[Sequence]]:
    """Parts of the training set, by the lists that pytracking gives out."""
    def sequences(root: Path) -> list[Sequence]:
        file = root / f'train/got10k_vot_{split}_split.txt'
        if not file.is_file():
            return []
        return [got10k_sequence('train', f'GOT-10k_Train_{int(float(number)) + 1:06d}',
                                ('absence.label', 'cover.label'))
                for number in sorted(file.read_text().split(), key=float)]
    return sequences


def got10k_sequence(split: str, name: str, flags: tuple[str, ...]) -> Sequence:
    """A sequence of GOT-10k with files of flags for each box."""
    folder = f'{split}/{name}'
    return Sequence(folder, f'{folder}/groundtruth.txt',
                    flags=tuple(f'{folder}/{file}' for file in flags))


def part_of_video(name: str) -> tuple[str, int]:
    """Video of a sequence, and the number of its first frame in it.

    Some sequences of OTB100 start late, or are one of two targets in a video; some of UAV123 are
    parts of a video. All others are videos of their own, from frame 1 on.
    """
    video, _, part = name.rpartition('_')
    starts = UAV_PARTS.get(video, ())
    if part.isdigit() and 0 < int(part) <= len(starts):
        return video, starts[int(part) - 1]
    video = name.partition('_')[0] if name in names_of('otb100') else name
    return video, OTB_STARTS.get(name, 1)


def frames_from(start: int, names: Iterable[str], count: int | None) -> list[str]:
    """The files of a sequence's frames in order, of those in its folder.

    Args:
        start: number of the first frame, see :func:`part_of_video`; it counts only if there are
            not just as many files as boxes.
        names: of all files.
        count: number of boxes, None if it is not known.
    """
    names = in_order(names)
    if start > 1 and len(names) != count:
        return [name for name in names
                if Path(name).stem.isdigit() and int(Path(name).stem) >= start]
    return names


def uav123(root: Path) -> list[Sequence]:
    """UAV123's sequences that have boxes."""
    sequences = []
    for file in sorted((root / 'anno/UAV123').glob('[!.]*.txt')):
        video, start = part_of_video(file.stem)
        sequences.append(Sequence(f'data_seq/UAV123/{video}', f'anno/UAV123/{file.name}',
                                  '%06d.jpg', start))
    return sequences


def nfs(root: Path) -> list[Sequence]:
    """The 100 videos of NfS at 30 frames a second."""
    return [Sequence(f'{name}/30/{name}', f'{name}/30/{name}.txt', template=None, start=0)
            for name in names_of('nfs')]


def read_nfs(path: Path, frames: int) -> np.ndarray:
    """Boxes (N, 4) x, y, w, h in pixels of a file of NfS, for the frames at 30 a second.

    Args:
        path: of a file of lines ``id left top right bottom frame …``, in some at 240 a second;
            some have a line more or less than there are frames.
        frames: number of frames.

    Raises:
        ValueError: a line has not these numbers.
    """
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    try:
        corners = np.array([row[1:5] for row in rows], float).reshape(len(rows), 4)
    except ValueError:
        raise ValueError(f'{path}: expected lines "id left top right bottom …"') from None
    if frames and abs(len(corners) / frames - 8) < 1:
        corners = corners[::8]
    if abs(len(corners) - frames) == 1:
        corners = corners[:frames]
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def otb100(root: Path) -> list[Sequence]:
    """The 100 sequences of OTB100."""
    sequences = []
    for name in names_of('otb100'):
        video, start = part_of_video(name)
        number = name.partition('_')[2]
        file = f'groundtruth_rect.{number}.txt' if number else 'groundtruth_rect.txt'
        template = '%05d.jpg' if name == 'Board' else '%04d.jpg'
        sequences.append(Sequence(f'data/{video}/img', f'data/{video}/{file}', template, start,
                                  OTB_SKIPPED.get(name, 0)))
    return sequences


def vot(root: Path) -> list[Sequence]:
    """Videos of a VOT challenge, by its list, or those that are there."""
    file = root / 'list.txt'
    names = file.read_text().split() if file.is_file() else \
        [name for name in names_in(root) if (root / name / 'groundtruth.txt').is_file()]
    return [Sequence(f'{name}/color' if (root / name / 'color').is_dir() else name,
                     f'{name}/groundtruth.txt', template=None, start=0) for name in sorted(names)]


def read_polygons(path: Path, frames: int) -> np.ndarray:
    """Boxes (N, 4) x, y, w, h in pixels, the smallest around each polygon of a file of VOT.

    Args:
        path: of a file of lines ``x1,y1,x2,y2,…``, in which x,y,w,h may stand as well.
        frames: number of frames; not needed.

    Raises:
        ValueError: a line has neither, such as a mask of VOT2020 and later.
    """
    boxes = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        try:
            values = np.array(line.replace(',', ' ').split(), float)
        except ValueError:
            values = np.empty(1)
        if len(values) == 4:
            boxes.append(values)
        elif len(values) >= 6 and len(values) % 2 == 0:
            low, high = values.reshape(-1, 2).min(axis=0), values.reshape(-1, 2).max(axis=0)
            boxes.append(np.concatenate([low, high - low]))
        elif line.strip():
            raise ValueError(f'{path}: expected a polygon x1,y1,x2,y2,… or a box x,y,w,h a line; '
                             f'line {number} is {line[:60]!r}')
    if not boxes:
        raise ValueError(f'{path}: expected a polygon for each frame; it is empty')
    return np.array(boxes)


def own(root: Path) -> list[Sequence]:
    """Sequences of own data, see :mod:`mmct.formats.own`; also those of UAV123 that are there."""
    if (root / 'anno/UAV123').is_dir():
        return [replace(sequence, template=None) for sequence in uav123(root)
                if (root / sequence.frames).is_dir()]
    found = []
    for item in own_items(root):
        inside = sorted(filter(GROUND_TRUTH.fullmatch, names_in(item)))
        if not inside or (root / f'{item.stem}.txt').is_file():
            found.append(Sequence(item.name, f'{item.stem}.txt', None, 0))
            continue
        frames = frame_folder(item).relative_to(root).as_posix()
        for file in inside:
            annotation = f'{item.name}/{file}'
            start = part_of_video(sequence_name(annotation))[1]
            found.append(Sequence(frames, annotation, None, start))
    return found


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
    own=Layout({'': Split(own, None)}, '{NAME/1.jpg,NAME.txt}'))
