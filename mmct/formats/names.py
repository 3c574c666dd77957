"""What a sequence is called, in result files and reports."""
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING

from ..utils.files import safe_name

if TYPE_CHECKING:
    from mmtrack.datasets import BaseSOTDataset

# What pytracking puts before the names of some data sets' sequences.
PREFIX = re.compile(r'^(uav(123)?|nfs|otb(100)?|lasot(_ext)?|tnl2k)_')


def sequence_name(annotation: str) -> str:
    """Name of a sequence by the path of its annotation.

    It is that of the file, or, where that is called groundtruth in every sequence, of its folder
    (OTB's Jogging/groundtruth_rect.2.txt is Jogging_2).
    """
    path = PurePath(annotation)
    if not path.stem.startswith('groundtruth'):
        return path.stem
    number = re.search(r'\.(\d+)$', path.stem)
    return path.parent.name + (f'_{number[1]}' if number else '')


def sequence_names(dataset: 'BaseSOTDataset') -> list[str]:
    """Names of all sequences of one of MMTracking's single-object data sets.

    Raises:
        ValueError: two have the same name, so that one's results would overwrite the other's.
    """
    names = [safe_name(sequence_name(dataset.get_data_info(i)['ann_path']))
             for i in range(dataset.num_videos)]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ValueError(f'{type(dataset).__name__}: several sequences are called '
                         f'{", ".join(twice)}; give their annotations different names')
    return names


def matching_names(names: Iterable[str], there: Iterable[str]) -> dict[str, str]:
    """What sequences are called elsewhere, where only one can be meant.

    Toolkits differ in case, in dashes, dots and underscores (pysot's Jogging-1, GOT-10k's
    Jogging.1), and in prefixes (pytracking's uav_bike1). A name that is there exactly counts first.

    Args:
        names: of all sequences.
        there: names that others gave them.

    Returns:
        {name: one of ``there``}, in the order of ``names``.
    """
    names, there = list(names), set(there)
    others = sorted(there.difference(names))
    own_keys, other_keys = (Counter(map(_plain, group)) for group in (names, others))
    by_key = {_plain(other): other for other in others}
    found = {}
    for name in names:
        key = _plain(name)
        if name in there:
            found[name] = name
        elif own_keys[key] == other_keys[key] == 1:
            found[name] = by_key[key]
    return found


def _plain(name: str) -> str:
    """A name without what toolkits write differently."""
    return PREFIX.sub('', re.sub(r'[-. ]', '_', name.lower()), count=1)
