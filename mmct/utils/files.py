"""What folders hold, in which order; files are written whole or not at all; archives are read
without being unpacked."""
import codecs
import itertools
import os
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

MAX_TEXT = 1 << 26  # bytes of a text file in an archive; more is no annotation
MAX_TEXTS = 1 << 29  # of all of them
IMAGES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
# These only where a folder has none of those, for they may be masks or depth beside the frames.
RARE_IMAGES = ('.jfif', '.jp2', '.pgm', '.pnm', '.ppm')
VIDEOS = ('.mp4', '.avi', '.mkv', '.mov', '.webm', '.m4v', '.mpg', '.mpeg', '.3gp', '.flv',
          '.m2ts', '.mts', '.ogv', '.ts', '.wmv')
# A number with decimals, not a date or version of three numbers.
DECIMALS = re.compile(r'(?<![\d.])(\d+)\.(\d+)(?!\.?\d)')
# Control characters, ends of lines, bytes that are not UTF-8, parts of a path. Any space is fine;
# macOS puts one that does not break into the names of screen recordings.
NOT_IN_NAMES = re.compile(r'[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff/\\]')
# Opened again, a file that they stand for would be cut, and be written over from its start.
STREAMS = {place: name for number, name in enumerate(('stdout', 'stderr'), 1)
           for place in (f'/dev/{name}', f'/dev/fd/{number}', f'/proc/self/fd/{number}')}
LITTER = ('._', '__MACOSX')  # how the names begin of what macOS leaves on other disks


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names, and the numbers in them as numbers: 2.jpg before 10.jpg, 0.25.jpg before 0.5.jpg,
    but 1.9.jpg before 1.10.jpg: a number with decimals would be 1.1."""
    names = list(names)
    decimals = [match[2] for name in names if (match := DECIMALS.search(name))]
    counted = len(set(map(len, decimals))) > 1 and any(
        len(digits) > 1 and digits.endswith('0') for digits in decimals)

    def key(name: str) -> tuple[list, str]:
        marked = name if counted else DECIMALS.sub('\\1\0\\2', name)
        parts = re.split('(\\d+(?:\0\\d+)?)', marked)  # every second one is a number
        for i in range(1, len(parts), 2):
            whole, _, digits = parts[i].partition('\0')
            parts[i] = int(whole), digits
        return parts, name
    return sorted(names, key=key)


def names_in(folder: str | Path) -> list[str]:
    """Names of what a folder holds, as they come, but for what is hidden, or left by macOS on other
    disks; none if there is no such folder."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for name in names if not name.startswith(('.', *LITTER))]


def image_names(folder: str | Path) -> list[str]:
    """File names of the images of a folder, as they come; none if there is no such folder."""
    names = names_in(folder)
    return [name for name in names if name.lower().endswith(IMAGES)] or [
        name for name in names if name.lower().endswith(RARE_IMAGES)]


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """A file beside ``path`` to write to, which takes its place once all is on the disk. A pipe or
    a device (/dev/stdout) is written to itself, and a link stays one.

    If that fails, a file that was there before stays as it was, and the OSError names ``path``.
    """
    path = Path(path)
    special = path.parent == Path('/dev') or path.exists() and not path.is_file()
    target = path if special else Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    # Its own for each process: several may write the same log.
    part = target if special else target.with_name(f'.{target.name}.{os.getpid()}.part')
    try:
        with errors_of(path, part, str(part)):
            yield part
            if not special:
                with open(part, 'rb') as file:
                    os.fsync(file.fileno())
                os.replace(part, target)
    finally:
        if not special:
            part.unlink(missing_ok=True)


@contextmanager
def errors_of(path: str | Path, *others: str | Path) -> Iterator[None]:
    """Let OSErrors name ``path`` that name nothing, as of a full disk, or one of ``others``."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (None, *others):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    if stream := STREAMS.get(str(path)):
        print(text, end='', file=getattr(sys, stream))
        return
    with atomic_write(path) as part:
        part.write_text(text)


def read_text(path: str | Path) -> str:
    """The content of a text file; ValueError if it is none."""
    try:
        return text_of(Path(path).read_bytes())
    except UnicodeDecodeError:
        raise ValueError(f'{path} is not a text file') from None


def text_of(content: bytes) -> str:
    """Text in UTF-8, or in UTF-16 if it begins with its mark, as PowerShell writes it."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode('utf-16' if marked else 'utf-8-sig').replace('\r\n', '\n')


def texts_of_archive(path: str | Path) -> Iterator[tuple[str, str]]:
    """Name and content of every .txt of a .tar or .zip, in order. Nothing is written, links are
    passed by. ValueError if it is no such archive, or has a .txt that is not text."""
    left = MAX_TEXTS
    try:
        for name, size, read in _members(path):
            if not name.endswith('.txt') or any(
                    part.startswith(LITTER) for part in name.split('/')):
                continue
            if size > MAX_TEXT:
                raise ValueError(f'{name} has {size} bytes, expected at most {MAX_TEXT}')
            text = text_of(read())
            left -= len(text)
            if left < 0:
                raise ValueError(f'its texts have more than {MAX_TEXTS} bytes')
            yield name, text
    except UnicodeDecodeError:
        raise ValueError(f'{path} has a .txt that is not a text file') from None
    except FileNotFoundError:
        raise
    except Exception as error:  # every compression has an exception of its own for a broken file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f'{path} is no folder and not a readable .tar or .zip: '
                         f'{reason.rstrip(":")}') from None


def _members(path: str | Path) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    """Name, size in bytes, and what reads the content, of the files in an archive."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                yield member.filename, member.file_size, partial(archive.read, member)
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile():
                    yield member.name, member.size, archive.extractfile(member).read


def free_name(folder: Path) -> Path:
    """FOLDER.1, or the first number that is free."""
    names = (folder.with_name(f'{folder.name}.{number}') for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def safe_name(name: str) -> str:
    """A name that came with data, such as a sequence's, before a file is called so; ValueError if
    it is more than one part of a path, or no file can have it."""
    if NOT_IN_NAMES.search(name) or name.strip('.') == '' or len(name.encode()) > 200:
        raise ValueError(f'{name[:200]!r} cannot be the name of a file: expected at most 200 bytes '
                         'without / and \\, not dots alone')
    return name
