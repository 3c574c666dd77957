"""What a sequence is called, in result files and reports."""
import re
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING

from ..utils.files import safe_name

if TYPE_CHECKING:
    from mmtrack.datasets import BaseSOTDataset


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
