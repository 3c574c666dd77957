"""What a sequence is called, in result files and reports."""
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING

from ..utils.files import safe_name

if TYPE_CHECKING:
    from mmtrack.datasets import BaseSOTDataset

# Of what result files beside those of boxes are, NAME_score.txt and NAME_time.txt.
BESIDE_BOXES = ('score', 'time')
# What pytracking puts before the names of some data sets' sequences.
PREFIX = re.compile(r'^(uav(123)?|nfs|otb(100)?|lasot(_ext)?|tnl2k)_')


def sequence_name(annotation: str) -> str:
    """Name of a sequence by the path of its annotation.

    It is that of the file, or, where that is called groundtruth in every sequence, of its folder
    (OTB's Jogging/groundtruth_rect.2.txt is Jogging_2).
    """
    path = PurePath(annotation)
    if not path.stem.lower().startswith('groundtruth'):
        return path.stem
    number = re.search(r'\.(\d+)$', path.stem)
    return path.parent.name + (f'_{number[1]}' if number else '')


def sequence_names(dataset: 'BaseSOTDataset') -> list[str]:
    """Names of all sequences of one of MMTracking's single-object data sets.

    Raises:
        ValueError: the results of one would overwrite those of another: two have the same name, or
            one has that of the other's times or scores; both are named.
    """
    owners, names = {}, []
    for i in range(dataset.num_videos):
        info = dataset.get_data_info(i)
        names.append(safe_name(sequence_name(info['ann_path'])))
        place = f'{names[-1]} ({info.get("video_path", info["ann_path"])})'
        for file in (names[-1], *(f'{names[-1]}_{kind}' for kind in BESIDE_BOXES)):
            if file in owners:
                raise ValueError(f'{type(dataset).__name__}: the sequences {owners[file]} and '
                                 f'{place} would share the result file {file}.txt; give their '
                                 'annotations different names')
            owners[file] = place
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
