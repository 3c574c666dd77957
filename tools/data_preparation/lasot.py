"""LaSOT annotations of the official evaluation toolkit, brought into LaSOT's own layout.

The toolkit has ``NAME.txt`` (a box x,y,w,h a line) and ``absent/NAME.txt`` (0 or 1 a line) in one
folder or archive; LaSOT, and MMTracking's ``LaSOTDataset`` with it, a folder per video::

    annotations/lasot_test_infos.txt
    LaSOTBenchmark/CATEGORY/NAME/{groundtruth,full_occlusion,out_of_view}.txt

The toolkit does not tell full occlusion from out of view. Absent frames are written as fully
occluded; what is made of the two files, that the target is not visible, comes out the same.
"""
import re
from pathlib import Path

from mmct.formats.annotations import box_text, read_annotation
from mmct.formats.layouts import Texts, toolkit
from mmct.formats.sequences import lasot_sequence, lasot_training_names
from mmct.utils.files import write_text

from .infos import HEADER

VIDEO = re.compile(r'\w+-\d+')


def convert_lasot_annotations(source: str | Path, target: str | Path) -> int:
    """Write toolkit annotations in LaSOT's layout; images that are there are not touched.

    Every file is written whole or not at all, the info file last. LaSOT's training videos, which
    newer toolkits have too, are not listed there.

    Args:
        source: .tar, .zip or folder of the toolkit's annotations.
        target: LaSOT's root, made if missing.

    Returns:
        The number of videos listed.

    Raises:
        FileNotFoundError: source is missing, or has no annotations.
        ValueError: source is no archive, or the annotations of a video do not agree.
    """
    texts, target = Texts(source), Path(target)
    found = {name: sequence for name, sequence in toolkit(texts).items() if VIDEO.fullmatch(name)}
    if not found:
        raise FileNotFoundError(f'{source} has no annotations CATEGORY-NUMBER.txt')
    lacking = sorted(name for name, sequence in found.items() if not sequence.flags)
    if lacking:
        raise ValueError(f'{source} has no absent/{lacking[0]}.txt beside {lacking[0]}.txt')
    annotations = {name: read_annotation(sequence, texts) for name, sequence in found.items()}
    training, lines = lasot_training_names(), [HEADER]
    for name, annotation in annotations.items():
        sequence = lasot_sequence(name)
        absent = ','.join(str(int(flag)) for flag in annotation.absent)
        never = ','.join('0' * len(annotation.absent))
        folder = target / 'LaSOTBenchmark'
        write_text(folder / sequence.annotation, box_text(annotation.boxes))
        for file, flags in zip(sequence.flags, (absent, never), strict=True):
            write_text(folder / file, f'{flags}\n')
        if name not in training:
            lines.append(sequence.info_line(len(annotation.boxes)))
    write_text(target / 'annotations/lasot_test_infos.txt', '\n'.join(lines))
    return len(lines) - 1
