"""What sequences data sets have, and where those of UAV123 and of own data are."""
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..runtime.frames import in_order, names_in
from ..utils.files import read_text
from .names import PREFIX, sequence_name
from .own import GROUND_TRUTH, frame_folder, own_items

SPLITS = Path(__file__).parent / 'splits'
DATASETS = ('lasot', 'lasot_ext', 'tnl2k', 'trackingnet', 'got10k', 'uav123', 'nfs', 'otb100',
            'vot', 'vasttrack', 'own')
CLEARLY = 10  # so many names of a data set are no chance
LASOT_FLAGS = ('full_occlusion.txt', 'out_of_view.txt')
EXTENSION = ('atv', 'badminton', 'cosplay', 'dancingshoe', 'footbag', 'frisbee', 'jianzi',
             'lantern', 'misc', 'opossum', 'paddle', 'raccoon', 'rhino', 'skatingshoe', 'wingsuit')
# Sequences whose first box that counts is not that of frame 1.
OTB_STARTS = dict(BlurCar1=247, BlurCar3=3, BlurCar4=18, David=300, Tiger1=6)
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

    Paths are relative to the data set's folder, or the ``prefix`` of its layout.

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


def check_dataset(name: str) -> None:
    """See that a data set is known.

    Raises:
        ValueError: it is not.
    """
    if name not in DATASETS:
        raise ValueError(f'{name} is not one of the data sets {", ".join(DATASETS)}')


def names_of(split: str) -> list[str]:
    """Names of the sequences in a list that comes with mmct."""
    return (SPLITS / f'{split}.txt').read_text().split()


def lasot_sequence(name: str) -> Sequence:
    """A sequence of LaSOT or its extension, CLASS-NUMBER."""
    folder = f'{name.split("-")[0]}/{name}'
    return Sequence(f'{folder}/img', f'{folder}/groundtruth.txt',
                    flags=tuple(f'{folder}/{file}' for file in LASOT_FLAGS))


def lasot_training_names() -> set[str]:
    """LaSOT's 20 videos of each class, but those of the test set."""
    test = names_of('lasot_test')
    classes = {name.rpartition('-')[0] for name in test}
    return {f'{kind}-{number}' for kind in classes for number in range(1, 21)} - set(test)


def to_be_tested(annotated: Iterable[str], tested: Iterable[str],
                 source: str | Path = '') -> list[str]:
    """Names of the annotated sequences that belong to the test set of those that were tested.

    LaSOT's folder holds its training videos, too.

    Args:
        source: where the annotations are; the info file of a test set may lie beside them.
    """
    infos = (Path(source).parent / 'annotations').glob('*_test_infos.txt') if source else ()
    for test in (set(names_of('lasot_test')), *map(names_in_infos, infos)):
        if test.issuperset(tested) and test.issubset(annotated):
            return [name for name in annotated if name in test]
    return list(annotated)


def names_in_infos(file: Path) -> set[str]:
    """Names of the sequences in an info file of MMTracking's."""
    return {sequence_name(line.split(',')[1]) for line in read_text(file).splitlines()[1:]
            if ',' in line}


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
