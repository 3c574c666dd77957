"""What sequences data sets have."""
import csv
import re
from collections.abc import Iterable
from pathlib import Path

from ..utils.files import read_text
from .layouts import LASOT_FLAGS, Sequence, sequence_name

SPLITS = Path(__file__).parent / 'splits'
DATASETS = ('lasot', 'lasot_ext', 'tnl2k', 'trackingnet', 'got10k', 'uav123', 'nfs', 'otb100',
            'vot', 'vasttrack', 'own')
CLEARLY = 10  # so many names of a data set are no chance
# What pytracking puts before the names of some data sets' sequences.
PREFIX = re.compile(r'^(uav(123)?|nfs|otb(100)?|lasot(_ext)?|tnl2k)_')
EXTENSION = ('atv', 'badminton', 'cosplay', 'dancingshoe', 'footbag', 'frisbee', 'jianzi',
             'lantern', 'misc', 'opossum', 'paddle', 'raccoon', 'rhino', 'skatingshoe', 'wingsuit')


def check_dataset(name: str) -> None:
    """See that a data set is known."""
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
    """Names of the annotated sequences that belong to the test set of those that were tested, for
    LaSOT's folder holds its training videos, too. An info file of a test set may lie beside the
    ``source`` of the annotations."""
    infos = (Path(source).parent / 'annotations').glob('*_test_infos.txt') if source else ()
    for test in map(set, (names_of('lasot_test'), *map(names_in_infos, infos))):
        if test.issuperset(tested) and test.issubset(annotated):
            return [name for name in annotated if name in test]
    return list(annotated)


def names_in_infos(file: Path) -> list[str]:
    """Names of the sequences in an info file of MMTracking's; none if it is broken."""
    try:
        return [sequence_name(row[1]) for row in rows_of_list(read_text(file))]
    except ValueError:
        return []


def rows_of_list(text: str) -> list[list[str]]:
    """What an info file lists: folder of frames, annotation, first and last frame of each sequence,
    apart by commas, semicolons or tabs. The first line may be a comment.

    Raises:
        ValueError: it lists nothing, or another line is none of that.
    """
    rows = []
    for number, line in enumerate(text.splitlines()):
        delimiter = next((mark for mark in ',;\t' if mark in line), ',')
        row = [field.strip() for field in next(
            csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
        if len(row) > 3 and all(map(str.isdecimal, row[2:4])):
            rows.append(row)
        elif number and any(row):
            raise ValueError(f'line {number + 1}: expected folder of frames,annotation,start,end, '
                             f'got {line[:100]!r}')
    if not rows:
        raise ValueError('it lists no sequence')
    return rows


def lasot_ext_names() -> list[str]:
    """Ten videos of each of the extension's classes."""
    return [f'{kind}-{number}' for kind in EXTENSION for number in range(1, 11)]


def dataset_of(names: Iterable[str], source: Path | None = None) -> str | None:
    """The data set that annotated sequences belong to, None if that is not clear.

    One sequence called ``car2`` may be anybody's; ten names that are all UAV123's are not, nor are
    fewer in a folder that is called as the data set.

    Args:
        names: of all annotated sequences, as mmct calls them, or with pytracking's prefix.
        source: of the annotations.
    """
    names = {PREFIX.sub('', name, count=1) for name in names}
    known = dict(lasot={*names_of('lasot_test'), *lasot_training_names()},
                 lasot_ext=lasot_ext_names(),
                 **{name: names_of(name) for name in ('uav123', 'nfs', 'otb100')})
    places = {part.lower() for part in source.resolve().parts} if source else set()
    found = [name for name, all_names in known.items()
             if names.issubset(all_names) and (len(names) >= CLEARLY or name in places)]
    return found[0] if len(found) == 1 else None
