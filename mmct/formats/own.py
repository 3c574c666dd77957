"""Own data: folders of frames and video files, each with its boxes in NAME.txt beside it."""
import re
from pathlib import Path

from ..runtime.frames import VIDEOS, in_order, names_in

VIDEO_FRAME = re.compile(rf'(.+(?:{"|".join(map(re.escape, VIDEOS))}))#(\d+)', re.IGNORECASE)


def own_items(root: Path) -> list[Path]:
    """The folders of frames and the video files, by name; hidden ones are passed by."""
    paths = [root / name for name in in_order(names_in(root)) if not name.startswith('.')]
    return [path for path in paths if path.is_dir() or path.suffix.lower() in VIDEOS]


def frame_of_video(path: str) -> tuple[str, int] | None:
    """Video file and frame number of VIDEO#NUMBER, None for a path of an image."""
    match = VIDEO_FRAME.fullmatch(path)
    return match and (match[1], int(match[2]))
