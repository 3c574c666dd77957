"""Layouts: the places of frames and annotations of sequences. Each has a function from a folder to
its sequences by name."""
import csv
import io
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath

from ..utils.files import (
    IMAGES,
    LITTER,
    VIDEOS,
    image_names,
    in_order,
    names_in,
    read_text,
    safe_name,
    texts_of_archive,
)

TRACKED = '.tracked.mp4'  # how videos end that tools/demo_video.py writes; they are no data
IMAGE_FOLDERS = ('img', 'imgs', 'color')  # OTB100 and LaSOT, TNL2K, VOT
# OTB100's Jogging/groundtruth_rect.2.txt is of the second target.
GROUND_TRUTH = re.compile(r'groundtruth(_rect(\.\d+)?)?\.txt')
# The first line of a file of scores or times, and of one of boxes.
ONE_NUMBER = re.compile(r'\s*[-+.\deE]+[ \t]*(\n|$)')
FOUR_NUMBERS = re.compile(r'\s*[-+.\deE]+([ ,;\t]+[-+.\deE]+){3}[ ,;\t]*(\n|$)')
BESIDE_BOXES = ('score', 'time')  # NAME_score.txt, NAME_time.txt
LASOT_FLAGS = ('full_occlusion.txt', 'out_of_view.txt')
# Folders of the toolkits beside their boxes: flags, attributes, sentences.
BESIDE = ('absent', 'att', 'nlp')
# OTB100's targets of which a video has two.
OTB_TARGETS = ('Human4_2', 'Jogging_1', 'Jogging_2', 'Skating2_1', 'Skating2_2')
# Sequences of OTB100 whose first box that counts is not that of frame 1.
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
    """Where frames and annotation of a sequence are.

    Paths are relative to the data set's folder, or the ``prefix`` of its layout.

    Attributes:
        frames: folder of the frames, or a video file; '' if nobody says.
        annotation: file of the boxes.
        template: file name of frame number N, None if all files count, in their order.
        start: number of the frame of the first box that counts; of files in their order see
            :func:`frames_from`.
        skipped: boxes before that.
        flags: files with a value for each box.
        attributes: file of the flags of LaSOT's attributes.
        meta: file that tells the size of the frames, GOT-10k's meta_info.ini.
    """
    frames: str
    annotation: str
    template: str | None = '%08d.jpg'
    start: int = 1
    skipped: int = 0
    flags: tuple[str, ...] = ()
    attributes: str | None = None
    meta: str | None = None

    @property
    def name(self) -> str:
        """What result files call it."""
        return sequence_name(self.annotation)

    def info_line(self, count: int) -> str:
        """Its line in an info file, with that many frames; paths with commas in quotation marks,
        which :class:`mmct.datasets.ListedSOTDataset` reads."""
        text = io.StringIO()
        csv.writer(text, lineterminator='').writerow(
            (self.frames, self.annotation, self.start, self.start + count - 1))
        return text.getvalue()


class Texts:
    """The texts of a folder, or those in an archive, by their paths in it.

    Attributes:
        source: the folder or archive.
        paths: of all .txt, sorted, also those below and in linked folders. Below a groundtruth.txt
            (OTB100's groundtruth_rect.txt) there are only frames, which are not looked through.
    """

    def __init__(self, source: str | Path) -> None:
        self.source, self._contents = Path(source), None
        if self.source.is_dir():
            self.paths = sorted(self._walk())
        elif self.source.is_file():
            self._contents = {str(PurePosixPath(path)): text
                              for path, text in texts_of_archive(self.source)}
            self.paths = sorted(self._contents)
        else:
            raise FileNotFoundError(f'{source} does not exist; give a folder of annotations or an '
                                    'archive of it')

    def _walk(self) -> Iterator[str]:
        visited = set()
        for place, folders, names in os.walk(self.source, followlinks=True):
            real = os.path.realpath(place)
            if real in visited or Path(place).name.startswith(LITTER):  # or links in a circle
                folders.clear()
                continue
            visited.add(real)
            if any(map(is_ground_truth, names)):
                folders.clear()
            for name in names:
                if name.endswith('.txt') and not name.startswith(LITTER):
                    yield Path(place, name).relative_to(self.source).as_posix()

    def __contains__(self, path: str) -> bool:
        return (path in self._contents if self._contents is not None
                else (self.source / path).is_file())

    def __getitem__(self, path: str) -> str:
        """Content of a file; ValueError, which names it, if it is no text."""
        return self._contents[path] if self._contents is not None else \
            read_text(self.source / path)


def sequence_name(annotation: str) -> str:
    """Name of a sequence by the path of its annotation.

    It is that of the file, or, if that is called groundtruth in every sequence, of its folder
    (OTB's Jogging/groundtruth_rect.2.txt is Jogging_2).
    """
    path = PurePath(annotation)
    ground_truth = GROUND_TRUTH.fullmatch(path.name.lower())
    if not ground_truth:
        return path.stem
    return path.parent.name + (ground_truth[2] or '').replace('.', '_')


def find(texts: Texts) -> dict[str, Sequence]:
    """The annotated sequences of a folder or an archive, in any of the layouts."""
    root, within = texts.source, [path for path in texts.paths if is_ground_truth(path)]
    if within and not root.is_dir():
        raise ValueError(f'{root} has folders of sequences, such as '
                         f'{PurePosixPath(within[0]).parent}; unpack it, and give the folder')
    top = {path for path in texts.paths if '/' not in path and not is_ground_truth(path)}
    if top and root.is_dir():
        found = own(root)
        if any(sequence.annotation in top for sequence in found.values()):
            others = top - {sequence.annotation for sequence in found.values()}
            # There may be other texts, such as a list of classes.
            found |= {sequence_name(path): Sequence('', path) for path in sorted(others)
                      if has_boxes(texts, path)}
            return {name: sequence for name, sequence in found.items()
                    if sequence.annotation in texts}
    return folders(texts) if within else toolkit(texts)


def folders(texts: Texts) -> dict[str, Sequence]:
    """NAME/groundtruth.txt at any depth: LaSOT with flags of occlusion, GOT-10k with labels."""
    found = {}
    for path in filter(is_ground_truth, texts.paths):
        folder = PurePosixPath(path).parent
        meta = f'{folder}/meta_info.ini'
        add(found, texts.source, sequence_name(str(texts.source / path)), Sequence(
            str(folder), path, None, flags=flags_in(str(folder), texts.__contains__),
            meta=meta if meta in texts else None))
    return found


def flags_in(folder: str, there: Callable[[str], bool]) -> tuple[str, ...]:
    """Files of flags in the folder of a sequence, of those that are ``there``."""
    flags = [file for file in LASOT_FLAGS if there(f'{folder}/{file}')]
    # How much of the target is seen, in eighths, says more than whether it is absent.
    flags += [file for file in ('cover.label', 'absence.label') if there(f'{folder}/{file}')][:1]
    return tuple(f'{folder}/{file}' for file in flags)


def toolkit(texts: Texts) -> dict[str, Sequence]:
    """NAME.txt, absent/NAME.txt, att/NAME.txt: LaSOT's toolkit, or results of a tracker.

    Of files with the same name, such as boxes and what somebody put into a folder beside them, the
    one nearest to the top counts.
    """
    kinds = {kind: {} for kind in ('boxes', *BESIDE)}
    for path in sorted(map(PurePosixPath, texts.paths), key=lambda path: len(path.parts)):
        kind = kinds.get(path.parent.name, kinds['boxes'])
        other = kind.setdefault(safe_name(path.stem), path)
        if other != path and len(other.parts) == len(path.parts):
            raise called_alike(texts.source, path.stem, other, path)
    boxes, absent, attributes, _ = ({name: str(path) for name, path in kind.items()}
                                    for kind in kinds.values())
    # A sequence may have such a name, too; only what lies beside boxes has a number a line.
    beside = {other for name in boxes for kind in BESIDE_BOXES
              if (other := f'{name}_{kind}') in boxes and ONE_NUMBER.match(texts[boxes[other]])}
    if not boxes.keys() - beside:
        raise FileNotFoundError(f'{texts.source} has no annotations: neither NAME/groundtruth.txt '
                                'nor NAME.txt')
    return {name: Sequence('', path, None, flags=(absent[name], ) if name in absent else (),
                           attributes=attributes.get(name))
            for name, path in sorted(boxes.items()) if name not in beside}


def own(root: Path) -> dict[str, Sequence]:
    """Own data: folders of frames and video files, each with its boxes in NAME.txt beside it or,
    as data sets give their sequences out, in a groundtruth.txt within; also UAV123's that are
    there."""
    if (root / 'anno/UAV123').is_dir():
        return {name: replace(sequence, template=None) for name, sequence in uav123(root).items()
                if (root / sequence.frames).is_dir()}
    found = {}
    for item in own_items(root):
        name = item.stem if item.is_file() else item.name
        within = sorted(filter(is_ground_truth, names_in(item)))
        folder = frame_folder(item) if within or not image_names(item) else item
        frames = folder.relative_to(root).as_posix()
        if item.is_file() and (root / name).is_dir():
            any_name = any(map(is_ground_truth, names_in(root / name)))  # else they may be masks
            if image_names(frame_folder(root / name, any_name)):
                warnings.warn(f'{item} is passed by: its frames are in {root / name}', stacklevel=2)
                continue
            found.pop(name, None)
        if not within or (root / f'{name}.txt').is_file():
            add(found, root, name, Sequence(frames, f'{name}.txt', None, 0))
            continue
        for file in within:
            name = sequence_name(f'{item.name}/{file}')
            add(found, root, name, Sequence(
                frames, f'{item.name}/{file}', None, part_of_video(name)[1],
                flags=flags_in(item.name, lambda path: (root / path).is_file())))
    return found


def own_items(root: Path) -> list[Path]:
    """The folders of frames and the video files, by name."""
    paths = [root / name for name in in_order(names_in(root))]
    return [path for path in paths
            if path.is_dir() or (path.suffix.lower() in VIDEOS and not path.name.endswith(TRACKED))]


def uav123(root: Path) -> dict[str, Sequence]:
    """UAV123's sequences that have boxes."""
    found = {}
    for file in sorted((root / 'anno/UAV123').glob('[!.]*.txt')):
        video, start = part_of_video(file.stem)
        found[file.stem] = Sequence(f'data_seq/UAV123/{video}', f'anno/UAV123/{file.name}',
                                    '%06d.jpg', start)
    return found


def add(found: dict[str, Sequence], source: Path, name: str, sequence: Sequence) -> None:
    """Add a sequence; ValueError if another has its name, for results could not be told apart."""
    places = [source / one.frames for one in (found.setdefault(name, sequence), sequence)]
    if places[0].resolve() != places[1].resolve():
        raise called_alike(source, name, *places)


def called_alike(source: Path, name: str, one: object, other: object) -> ValueError:
    return ValueError(f'{source}: two sequences are called {name}: {one} and {other}; rename one, '
                      'or give the folder of one of them')


def lies_instead(file: Path) -> str:
    """For a message on a file that is not there: the one with another ending, if there is one."""
    others = [name for name in names_in(file.parent) if Path(name).stem == file.stem
              and (file.parent / name).is_file()
              and not name.lower().endswith((*VIDEOS, *IMAGES))]
    return f' (there is {others[0]})' if others else ''


def has_boxes(texts: Texts, path: str) -> bool:
    """Whether a text begins with a box, which one in another encoding than UTF-8 does not."""
    try:
        return FOUR_NUMBERS.match(texts[path]) is not None
    except ValueError:
        return False


def is_ground_truth(path: str) -> bool:
    """Whether a file has the boxes of the sequence in whose folder it is."""
    return GROUND_TRUTH.fullmatch(PurePosixPath(path).name) is not None


def frame_folder(path: Path, any_name: bool = True) -> Path:
    """Where the images of a sequence's folder are: in one of the data sets' folders, in it, or, of
    ``any_name``, in the only folder in it that has any."""
    if found := next((path / name for name in IMAGE_FOLDERS if image_names(path / name)), None):
        return found
    if not any_name or image_names(path):
        return path
    inner = [path / name for name in names_in(path) if image_names(path / name)]
    return inner[0] if len(inner) == 1 else path


def part_of_video(name: str) -> tuple[str, int]:
    """Video of a sequence, and the number of its first frame in it.

    Some sequences of OTB100 start late, or are one of two targets in a video; some of UAV123 are
    parts of a video. All others are videos of their own, from frame 1 on.
    """
    video, _, part = name.rpartition('_')
    starts = UAV_PARTS.get(video, ())
    if part.isdecimal() and 0 < int(part) <= len(starts):
        return video, starts[int(part) - 1]
    return video if name in OTB_TARGETS else name, OTB_STARTS.get(name, 1)


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
        names = [name for name in names
                 if Path(name).stem.isdecimal() and int(Path(name).stem) >= start]
    return with_missing(names, count or 0, start)


def with_missing(names: list[str], count: int, start: int = 1) -> list[str]:
    """File names of ``count`` frames in order, with those of missing files at their places, if the
    numbers in the others tell them: from the first or ``start`` on, ``count`` to the last."""
    if not 1 < len(names) < count:
        return names
    parts = [re.fullmatch(r'(.*?)(\d+)(\D*\.\w+)', name) for name in names]
    if not all(parts) or len({part.group(1, 3) for part in parts}) > 1:
        return names
    there = {int(part[2]): name for part, name in zip(parts, names)}
    first = max(there) - count + 1
    if len(there) < len(names) or first not in (min(there), max(start, 1)):
        return names
    before, digits, after = parts[0].groups()
    return [there.get(number, f'{before}{number:0{len(digits)}}{after}')
            for number in range(first, first + count)]
