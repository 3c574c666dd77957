"""Checkpoints are written whole or not at all."""
import os
from pathlib import Path

import torch
from torch import Tensor


def save_checkpoint(content: dict, path: str | Path) -> None:
    """Write a checkpoint beside its place, then move it there."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.part')
    torch.save(content, part)
    os.replace(part, path)


def save_tracker(state: dict[str, Tensor], path: str | Path, student: bool) -> None:
    """Write a plain OSTrack checkpoint.

    Args:
        state: weights under mmct's names.
        path: where to.
        student: remembered, because released checkpoints name the layers of students otherwise.
    """
    save_checkpoint(dict(state_dict=state, meta=dict(student=student)), path)
