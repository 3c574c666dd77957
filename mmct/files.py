"""Files are written whole or not at all, and archives read without being unpacked."""
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A file beside ``path`` to write to, which takes its place once all is on the disk.

    Where that fails, a file that was there before stays as it was.

    Raises:
        OSError: the disk is full, or ``path`` cannot be written; it names ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.part')
    try:
        yield part
        with open(part, 'rb') as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        part.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    with whole(path) as part:
        part.write_text(text)


def texts_of_tar(path: str | Path) -> Iterator[tuple[str, str]]:
    """Name and content of every .txt of an archive, in order: going back in a compressed one
    starts from its beginning.

    Raises:
        tarfile.TarError: it is no tar archive.
    """
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith('.txt'):
                yield member.name, archive.extractfile(member).read().decode()
