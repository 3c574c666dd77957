"""Files are written whole or not at all."""
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A file beside ``path`` to write to, which takes its place once all is written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.part')
    yield part
    os.replace(part, path)


def write_text(path: str | Path, text: str) -> None:
    with whole(path) as part:
        part.write_text(text)
