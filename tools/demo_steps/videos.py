"""The videos that the demo tests on."""
import hashlib
from pathlib import Path

from mmct.formats import Annotation
from mmct.formats.annotations import folder_annotation
from mmct.utils.files import read_text
from mmct.visualization.clips import Clip, find_clip

VIDEOS = 'LaSOTBenchmark'
TEST_LIST = 'annotations/lasot_test_infos.txt'


class TestVideos:
    """Frames and ground truth of the test set.

    Args:
        data: folder in LaSOT's layout.

    Attributes:
        annotations: by the name of the video, in the order of the list.
        digest: of all lists and settings of the data set.
    """

    def __init__(self, data: Path) -> None:
        self.folder = data / VIDEOS
        files = [self.folder / line.split(',')[1]
                 for line in read_text(data / TEST_LIST).splitlines()[1:]]
        self.annotations: dict[str, Annotation] = {
            file.parent.name: folder_annotation(file) for file in files}
        texts = [file.read_bytes() for file in sorted((data / 'annotations').glob('*.*'))]
        self.digest = hashlib.sha256(b'\n'.join(texts)).hexdigest()

    def __len__(self) -> int:
        return len(self.annotations)

    @property
    def frames(self) -> int:
        """Number of those of all videos."""
        return sum(len(annotation.boxes) for annotation in self.annotations.values())

    def clip(self, name: str) -> Clip:
        return find_clip(self.folder, name, len(self.annotations[name].boxes))

    def images(self, name: str) -> Path:
        """Folder of a video's frames."""
        return next(self.folder.glob(f'*/{name}/img'))
