"""A VitTrack file into a checkpoint of mmct."""
from collections.abc import Iterable
from pathlib import Path

from mmct.checkpoint import save_tracker
from mmct.deploy.calibration import Sample

from .batch_norm import restore_batch_norm
from .reading import read_vittrack


def convert_vittrack(source: Path, target: Path, pairs: Iterable[Sample] = ()) -> int:
    """Write the tracker of a VitTrack file as a checkpoint.

    Args:
        source: see :func:`read_vittrack`.
        target: file to write.
        pairs: crops to measure the statistics of batch norm with; without any it has those of no
            data, which does for inference but not for training.

    Returns:
        number of pairs that were measured.

    Raises:
        see :func:`read_vittrack`.
    """
    tracker = read_vittrack(source)
    pairs = list(pairs)
    if pairs:
        restore_batch_norm(tracker, pairs)
    save_tracker(tracker.state_dict(), target, student=False)
    return len(pairs)
