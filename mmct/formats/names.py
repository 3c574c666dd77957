"""What a sequence is called, in result files and reports."""
import re
from pathlib import PurePath

from ..utils.files import safe_name


def sequence_name(annotation: str) -> str:
    """By the path of its annotation: the name of the file, or, where that is called groundtruth
    in every sequence, of its folder (OTB's Jogging/groundtruth_rect.2.txt is Jogging_2)."""
    path = PurePath(annotation)
    if not path.stem.startswith('groundtruth'):
        return path.stem
    number = re.search(r'\.(\d+)$', path.stem)
    return path.parent.name + (f'_{number[1]}' if number else '')


def sequence_names(dataset) -> list[str]:
    """Of all sequences of one of MMTracking's single-object data sets.

    Raises:
        ValueError: two have the same name, so that one's results would overwrite the other's.
    """
    names = [safe_name(sequence_name(dataset.get_data_info(i)['ann_path']))
             for i in range(dataset.num_videos)]
    twice = sorted({name for name in names if names.count(name) > 1}) \
        if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(f'{type(dataset).__name__}: several sequences are called '
                         f'{", ".join(twice)}; give their annotations different names')
    return names
