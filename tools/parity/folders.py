"""Comparison with recorded outputs of the published code.

A folder holds ``meta.json`` (shape of the network, or a list of crops), ``tensors.npz`` and
released checkpoints, or VitTrack's ONNX file; what is compared follows from what is there. Errors
are max|Δ| / max|reference| unless a row's unit says otherwise.
"""
from collections.abc import Iterator
from pathlib import Path

from . import mixformerv2, odtrack, ostrack, sutrack
from .common import Row, read_meta, read_tensors
from .ostrack import VITTRACK

SIGNS = 'meta.json', VITTRACK


def verify_folder(folder: Path, sequences: Path | None) -> Iterator[Row]:
    """All rows of one folder.

    Args:
        folder: see above.
        sequences: folder of sequences (``NAME/img/*.jpg`` or ``NAME.avi``) for crops and tracked
            boxes.

    Raises:
        FileNotFoundError: the folder has neither ``meta.json`` nor VitTrack's file.
        ValueError: a file cannot be read, or lacks what should be in it.
    """
    meta_file, tensors = folder / 'meta.json', read_tensors(folder / 'tensors.npz')
    try:
        if (folder / VITTRACK).is_file():
            yield from ostrack.verify_vittrack(folder, tensors, sequences)
            return
        if not meta_file.is_file():
            raise FileNotFoundError(f'{meta_file} is missing; expected a folder with meta.json, '
                                    f'tensors.npz and released checkpoints, or with {VITTRACK}')
        meta = read_meta(meta_file)
        if mixformerv2.recognises(meta):
            yield from mixformerv2.verify_content(folder, meta, tensors, sequences)
        elif odtrack.recognises(folder, meta):
            yield from odtrack.verify_content(folder, meta, tensors, sequences)
        elif sutrack.recognises(folder, meta):
            yield from sutrack.verify_content(folder, meta, tensors, sequences)
        elif ostrack.recognises(folder, meta):
            yield from ostrack.verify_content(folder, meta, tensors, sequences)
        else:
            yield Row('all', None, 0., 'of no tracker that is known here')
    except KeyError as error:
        raise ValueError(f'{folder}: meta.json or tensors.npz lacks {error}') from None
