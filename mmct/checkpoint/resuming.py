"""Which checkpoint a run goes on from."""
import zipfile
from collections.abc import Iterator
from os.path import isfile  # any text is no file; Path.is_file raises where it is too long
from pathlib import Path
from pickle import UnpicklingError

import torch

NAMES = ('interrupted.pth', 'epoch_*.pth', 'iter_*.pth')


def newest_intact(folder: str | Path) -> tuple[Path | None, list[Path]]:
    """The newest checkpoint in a run's work folder that can be read to its end, and newer ones that
    cannot."""
    broken = []
    for path in newest_first(Path(folder)):
        if intact(path):
            return path, broken
        broken.append(path)
    return None, broken


def newest_first(folder: Path) -> Iterator[Path]:
    """The one that ``last_checkpoint`` names, if it is there, then the others by their time."""
    files = sorted((file for name in NAMES for file in folder.glob(name)),
                   key=lambda file: file.stat().st_mtime, reverse=True)
    note = folder / 'last_checkpoint'
    last = Path(note.read_text(errors='replace').strip()) if note.is_file() else Path()
    if not isfile(last):
        last = folder / last.name  # the folder was moved
    found = isfile(last)
    if found:
        yield last
    yield from (file for file in files if not (found and file.samefile(last)))


def intact(path: Path) -> bool:
    """Whether a checkpoint is all there, by the checksums in it, which ``torch.load`` ignores, and
    can be read by that."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return False
        torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    except UnpicklingError:
        return True  # and refused with its reason by who goes on from it
    except Exception:  # each damage of a header has an exception of its own
        return False
    return True
