"""Own data: folders of frames and video files, each with its boxes in NAME.txt beside it or, as
data sets give their sequences out, in a groundtruth.txt within."""
import re
from pathlib import Path

from ..runtime.frames import VIDEOS, image_names, in_order, names_in

TRACKED = '.tracked.mp4'  # how videos end that tools/demo_video.py writes; they are no data
IMAGE_FOLDERS = ('img', 'imgs', 'color')  # OTB100 and LaSOT, TNL2K, VOT
# OTB100's Jogging/groundtruth_rect.2.txt is of the second target.
GROUND_TRUTH = re.compile(r'groundtruth(_rect(\.\d+)?)?\.txt')
VIDEO_FRAME = re.compile(rf'(.+(?:{"|".join(map(re.escape, VIDEOS))}))#(\d+)', re.IGNORECASE)


def own_items(root: Path) -> list[Path]:
    """The folders of frames and the video files, by name; hidden ones are passed by."""
    paths = [root / name for name in in_order(names_in(root)) if not name.startswith('.')]
    return [path for path in paths
            if path.is_dir() or (path.suffix.lower() in VIDEOS and not path.name.endswith(TRACKED))]


def frame_folder(path: Path) -> Path:
    """Where the images of a sequence's folder are: in one of the data sets' folders, or in it."""
    return next((path / name for name in IMAGE_FOLDERS if image_names(path / name)), path)


def frame_of_video(path: str) -> tuple[str, int] | None:
    """Video file and frame number of VIDEO#NUMBER, None for a path of an image."""
    match = VIDEO_FRAME.fullmatch(path)
    return match and (match[1], int(match[2]))
