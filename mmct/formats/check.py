"""What is missing in a data set, before a long run finds out."""
from pathlib import Path

import cv2
import numpy as np

from .own import VIDEOS, in_order
from .sequences import Layout, Sequence, image_names

JPEG_TAIL = 1024  # bytes; some cameras write a little behind the end of an image


def check_sequence(root: Path, layout: Layout, sequence: Sequence, secret: bool = False,
                   decode: bool = False) -> list[str]:
    """What is wrong with a sequence, in words.

    Folders are listed; files of frames are not opened, unless ``decode``.
    """
    prefix, problems = root / layout.prefix, []
    video = Path(sequence.frames).suffix.lower() in VIDEOS
    if video:
        present = [str(number) for number in range(frames_of_video(prefix / sequence.frames))]
    else:
        present = image_names(prefix / sequence.frames)
    if not present:
        problems.append(f'no frames in {sequence.frames}')
    count = None
    try:
        count = len(layout.read(prefix / sequence.annotation, len(present))) - sequence.skipped
    except FileNotFoundError:
        problems.append(f'annotation {sequence.annotation} is missing')
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
    missing = sorted(set(expected) - set(present), key=in_order)
    if missing:
        problems.append(f'{len(missing)} of {len(expected)} frames are missing, the first is '
                        f'{missing[0]}')
    elif len(expected) < (count or 0):
        problems.append(f'{len(expected)} frames for {count} boxes')
    if decode:
        broken = undecodable(prefix / sequence.frames, expected, set(missing), video)
        if broken:
            problems.append(f'{len(broken)} of {len(expected)} frames cannot be decoded, the '
                            f'first is {broken[0]}')
    return problems


def expected_frames(sequence: Sequence, present: list[str], count: int | None) -> list[str]:
    """File names of the frames of ``count`` boxes, or of all up to the last that is there."""
    if sequence.template is None:
        return sorted(present, key=in_order)[:count]
    if count is None:
        numbers = [int(Path(name).stem) for name in present if Path(name).stem.isdigit()]
        count = max(numbers, default=sequence.start) - sequence.start + 1
    return [sequence.template % (sequence.start + i) for i in range(count)]


def undecodable(path: Path, names: list[str], missing: set[str], video: bool) -> list[str]:
    """Those of the frames of a folder or a video file that are no images, or parts of one."""
    if not video:
        return [name for name in names if name not in missing and not decodable(path / name)]
    capture, readable = cv2.VideoCapture(str(path)), 0
    while readable < len(names) and capture.read()[0]:
        readable += 1
    return names[readable:]


def decodable(path: Path) -> bool:
    data = np.fromfile(path, np.uint8)
    # OpenCV fills up the rest of a JPEG that breaks off, with nothing but a warning.
    broken_off = path.suffix.lower() in ('.jpg', '.jpeg') and \
        b'\xff\xd9' not in data[-JPEG_TAIL:].tobytes()
    return data.size > 0 and not broken_off and cv2.imdecode(data, cv2.IMREAD_COLOR) is not None


def check_flags(path: Path, count: int) -> list[str]:
    """Of a file with a number for each box."""
    try:
        found = len(path.read_text().replace(',', ' ').split())
    except FileNotFoundError:
        return [f'{path.name} is missing']
    except (OSError, ValueError) as error:
        return [f'{path.name} cannot be read: {error}']
    return [] if found == count else [f'{path.name} has {found} values for {count} boxes']


def frames_of_video(path: Path) -> int:
    """As its file says, 0 if it cannot be opened."""
    return max(int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT)), 0)

