"""Own data: folders of frames and video files, each with its boxes in NAME.txt beside it."""
import re
from pathlib import Path

VIDEOS = ('.mp4', '.avi', '.mkv', '.mov', '.webm', '.m4v', '.mpg', '.mpeg')
VIDEO_FRAME = re.compile(rf'(.+(?:{"|".join(map(re.escape, VIDEOS))}))#(\d+)', re.IGNORECASE)


def own_items(root: Path) -> list[Path]:
    """The folders of frames and the video files, by name."""
    return [path for path in sorted(root.glob('[!.]*'), key=lambda path: in_order(path.name))
            if path.is_dir() or path.suffix.lower() in VIDEOS]


def in_order(name: str) -> list:
    """A key that sorts numbers in names as numbers: 2.jpg before 10.jpg."""
    return [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', name)]


def frame_of_video(path: str) -> tuple[str, int] | None:
    """Video file and frame number of VIDEO#NUMBER, None for a path of an image."""
    match = VIDEO_FRAME.fullmatch(path)
    return match and (match[1], int(match[2]))
