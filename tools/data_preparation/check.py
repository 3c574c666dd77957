"""What is missing in a data set, before a long run finds out."""
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mmct.formats.annotations import (
    doubt_boxes,
    doubt_pictures,
    doubt_sequence,
    doubt_together,
    plain,
)
from mmct.formats.layouts import TRACKED, Sequence, frames_from, lies_instead
from mmct.runtime.frames import count_frames, read_image
from mmct.utils.files import VIDEOS, image_names, in_order, names_in, read_text

from .layouts import Layout, layout_of


def check_sequence(root: Path, layout: Layout, sequence: Sequence, secret: bool = False,
                   decode: bool = False) -> list[str]:
    """What is wrong with a sequence, in words.

    Folders are listed; images are not opened, unless ``decode``. The frames of a video are counted
    by decoding them.

    Args:
        root: folder of the data set.
        layout: of the data set.
        sequence: one of ``layout``.
        secret: only the first box is given.
        decode: see whether each frame can be decoded.
    """
    prefix, problems, of_own = root / layout.prefix, [], layout is layout_of('own')
    frames = prefix / sequence.frames
    video = frames.is_file()
    if video:
        present = [str(number) for number in range(count_frames(frames))]
    else:
        present = image_names(frames)
    if not present:
        problems.append(f'no frames in {sequence.frames}')
    count = None
    try:
        boxes = layout.read(prefix / sequence.annotation, len(present))
        count = len(boxes) - sequence.skipped
        if of_own and not (np.isfinite(boxes[0]).all() and (boxes[0, 2:] > 0).all()):
            problems.append(f'the first box, with which a test begins, is {boxes[0].tolist()}')
    except FileNotFoundError:
        problems.append(f'annotation {sequence.annotation} is missing'
                        + lies_instead(prefix / sequence.annotation))
    except (OSError, ValueError) as error:
        problems.append(f'annotation cannot be read: {error}')
    # Of own data, too, the first box may be all there is.
    known_first_only = secret or (sequence.template is None and count == 1)
    if count is not None and not known_first_only:
        for file in sequence.flags:
            problems += check_flags(prefix / file, count + sequence.skipped)
    if not present:
        return problems
    expected = expected_frames(sequence, present, None if known_first_only else count)
    missing = in_order(set(expected) - set(present))
    if missing:
        problems.append(f'{len(missing)} of {len(expected)} frames are missing, the first is '
                        f'{missing[0]}')
    elif of_own and count and (other := doubt_sequence(root, sequence, boxes)):
        problems.append(other.text)
    elif len(expected) < (count or 0):
        problems.append(f'{len(expected)} frames for {count} boxes')
    elif not of_own and count:
        other = sequence.template is None and doubt_pictures(present, count) or doubt_boxes(
            [frames / name for name in expected], boxes[sequence.skipped:])
        if other and other.certain:
            problems.append(other.text)
    if of_own and not video:
        problems += [f'{name} beside it is not used' for name in names_in(root)
                     if Path(name).stem == Path(sequence.frames).parts[0]
                     and name.lower().endswith(VIDEOS) and not name.endswith(TRACKED)]
    if decode and not video:
        problems += check_decoded(frames, expected, set(present))
    return problems


def check_decoded(folder: Path, names: list[str], present: set[str]) -> list[str]:
    """What is wrong with the images of a folder by these names, of those that are there."""
    problems = []
    sizes = {name: decoded_size(folder / name) for name in names if name in present}
    broken = [name for name, size in sizes.items() if size is None]
    if broken:
        problems.append(f'{len(broken)} of {len(names)} frames cannot be decoded, the first is '
                        f'{broken[0]}')
    readable = {name: size for name, size in sizes.items() if size}
    for usual, _ in Counter(readable.values()).most_common(1):
        if others := [name for name, size in readable.items() if size != usual]:
            problems.append(f'{len(others)} of {len(names)} frames have another size than '
                            f'{usual[0]} x {usual[1]} pixels, the first is {others[0]}')
    return problems


def check_together(root: Path, layout: Layout, sequences: Iterable[Sequence]) -> list[str]:
    """What is wrong with sequences of which each by itself is complete."""
    if layout is not layout_of('own'):
        return []
    found = doubt_together(root, ((one, layout.read(root / one.annotation, 0))
                                  for one in sequences))
    return [found.text] if found else []


def expected_frames(sequence: Sequence, present: list[str], count: int | None) -> list[str]:
    """File names of the frames of ``count`` boxes, or of all up to the last that is there."""
    if sequence.template is None:
        return frames_from(sequence.start, present, count)[:count]
    if count is None:
        numbers = [int(Path(name).stem) for name in present if Path(name).stem.isdecimal()]
        count = max(numbers, default=sequence.start) - sequence.start + 1
    return [sequence.template % (sequence.start + i) for i in range(count)]


def decoded_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image in pixels, None if it cannot be read."""
    try:
        height, width = read_image(path, levels=(0, 1)).shape[:2]
    except OSError:
        return None
    return width, height


def check_flags(path: Path, count: int) -> list[str]:
    """Of a file with a number for each box."""
    try:
        found = len(plain(read_text(path)).replace(',', ' ').split())
    except FileNotFoundError:
        return [f'{path.name} is missing']
    except (OSError, ValueError) as error:
        return [f'{path.name} cannot be read: {error}']
    return [] if found == count else [f'{path.name} has {found} values for {count} boxes']
