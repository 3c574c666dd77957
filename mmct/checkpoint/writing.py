"""Checkpoints are written whole or not at all."""
from pathlib import Path

import torch
from torch import Tensor

from ..files import whole


def save_checkpoint(content: dict, path: str | Path) -> None:
    """Write a checkpoint, whole or not at all."""
    with whole(path) as part:
        torch.save(content, part)


def save_tracker(state: dict[str, Tensor], path: str | Path, student: bool) -> None:
    """Write a plain OSTrack checkpoint.

    Args:
        state: weights under mmct's names.
        path: where to.
        student: remembered, because released checkpoints name the layers of students otherwise.
    """
    save_checkpoint(dict(state_dict=state, meta=dict(student=student)), path)
