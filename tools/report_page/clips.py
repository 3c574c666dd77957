"""Where the frames of sequences lie."""
import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmct.formats.layouts import frame_folder, frames_from, part_of_video
from mmct.runtime.frames import Frames, count_frames
from mmct.utils.files import VIDEOS, image_names


def find_clip(folder: Path, name: str, length: int, levels: Sequence[float] | None = None
              ) -> Frames:
    """The frames of a sequence.

    Args:
        folder: holds ``NAME``, ``…/NAME`` or ``…/…/NAME``: a folder of images, or one with a
            folder ``img``, ``imgs`` or ``color`` of them; or a video file NAME.mp4 (or another of
            ``VIDEOS``). Sequences that are parts of a video, in UAV123 and OTB100, have the
            video's name, and begin where the data set says, unless there are as many images as
            boxes.
        name: of the sequence.
        length: number of frames that there must be.
        levels: of frames of 16 bits, see :func:`mmct.runtime.frames.read_image`.

    Raises:
        FileNotFoundError: there are none.
        ValueError: there are fewer.
    """
    video, start = part_of_video(name)
    found = next(_places(folder, name), None) or next(_places(folder, video), None)
    if found is None:
        raise FileNotFoundError(f'{folder} has no frames of {name}: expected a folder {name}, '
                                f'{name}/img, {name}/imgs or {name}/color of images, or a video '
                                f'{name}.mp4, there or up to two folders below')
    if found.is_file():
        frames, count = Frames(found, levels), count_frames(found)
    else:
        there = image_names(found)
        names = frames_from(start, there, length)
        frames = Frames([found / name for name in names], levels)
        count = len({*names} & {*there})
    if count < length:
        raise ValueError(f'{folder} has {count} frames of {name}, the annotation {length}')
    return frames


def _places(folder: Path, name: str) -> Iterator[Path]:
    """Folders of images and video files of that name, the nearest first."""
    pattern = glob.escape(name)
    for level in ('', '*/', '*/*/'):
        folders = sorted(folder.glob(level + pattern))
        yield from filter(image_names, (frame_folder(path, any_name=False) for path in folders))
        yield from (path for path in sorted(folder.glob(f'{level}{pattern}.*'))
                    if path.suffix.lower() in VIDEOS)
        yield from filter(image_names, map(frame_folder, folders))
