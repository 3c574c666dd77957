"""Comparison with recorded outputs of the published code.

A folder holds ``meta.json`` (shape of the network, or a list of crops), ``tensors.npz`` and
released checkpoints, or VitTrack's ONNX file; what is compared follows from what is there. Errors
are max|Δ| / max|reference| unless a row's note has a unit.
"""
from collections.abc import Iterator
from pathlib import Path

from .comparison import read_meta
from .mixformerv2 import MixFormerV2Comparison
from .odtrack import ODTrackComparison
from .ostrack import VITTRACK, OSTrackComparison, VitTrackComparison
from .rows import Row
from .sutrack import SUTrackComparison

SIGNS = 'meta.json', VITTRACK
KINDS = (VitTrackComparison, MixFormerV2Comparison, ODTrackComparison, SUTrackComparison,
         OSTrackComparison)


def verify_folder(folder: Path, sequences: Path | None) -> Iterator[Row]:
    """All rows of one folder; ``sequences`` is one of sequences (``NAME/img/*.jpg`` or
    ``NAME.avi``), for crops and tracked boxes."""
    meta, file = {}, folder / 'meta.json'
    if not (folder / VITTRACK).is_file():
        if not file.is_file():
            raise FileNotFoundError(f'{file} is missing; expected a folder with meta.json, '
                                    f'tensors.npz and released checkpoints, or with {VITTRACK}')
        meta = read_meta(file)
    if isinstance(meta, list):
        kind, meta = OSTrackComparison, dict(crops=meta)
    else:
        kind = next((kind for kind in KINDS if isinstance(meta, dict) and any(
            (folder / name).is_file() for name in kind.files)), None)
    if kind is None:
        yield Row('all', None, 0., 'of no tracker that is known here')
        return
    comparison = kind(folder, meta, sequences)
    try:
        yield from comparison.verify()
    except KeyError as error:
        raise ValueError(f'{folder}: meta.json or tensors.npz lacks {error}') from None
    yield from comparison.rest()
