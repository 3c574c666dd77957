"""Checkpoints are written whole or not at all."""
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor

from ..utils.files import atomic_write


def save_checkpoint(content: dict, path: str | Path) -> None:
    """Write a checkpoint, whole or not at all; an OSError names ``path``."""
    # PyTorch has an error of its own where a file cannot be written.
    buffer = BytesIO()
    torch.save(content, buffer)
    # Not a view: that an error leaves both in a traceback crashes the collector of Python 3.12.1.
    with atomic_write(path) as part:
        part.write_bytes(buffer.getvalue())


def save_tracker(state: dict[str, Tensor], path: str | Path, student: bool) -> None:
    """Write a plain tracker's checkpoint, of weights under mmct's names. ``student`` is remembered,
    because released checkpoints name the layers of students otherwise."""
    save_checkpoint(dict(state_dict=state, meta=dict(student=student)), path)
