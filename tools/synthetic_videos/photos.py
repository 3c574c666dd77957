"""The photographs that videos are made of."""
import importlib.util
import zlib
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

import cv2
import numpy as np

# Photographs that lie in the wheels of installed packages. Test videos show others than those of
# training.
PACKAGES = {'skimage': 'data', 'sklearn': 'datasets/images', 'matplotlib': 'mpl-data/sample_data'}
TRAIN = ('astronaut', 'coffee', 'motorcycle_left', 'rocket', 'grass', 'gravel', 'coins', 'ihc',
         'retina', 'flower')
TEST = ('chelsea', 'camera', 'brick', 'moon', 'hubble_deep_field', 'china', 'grace_hopper', 'cell')
SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp')
# A photograph is kept no larger than this, in pixels of its longer side.
LARGEST = 960
# A photograph whose shorter side is then less than this is passed by.
SMALLEST = 48
# One in so many photographs of a user's folder is for validation and test videos.
HELD_OUT = 5


class Photos:
    """Photographs of a split.

    Args:
        split: 'train', 'val' or 'test'; the latter two share photographs.
        folder: a folder with photographs of the user's, which are added; those with a transparent
            background become things to track.

    Attributes:
        scenes: (H, W, 3) uint8 BGR each.
        stamps: (h, w, 4) uint8 BGRA each, things on a transparent background.

    Raises:
        ImportError: a package with photographs is not installed.
        OSError, ValueError: see :func:`photos_in`.
    """

    def __init__(self, split: str, folder: str | None = None) -> None:
        train = split == 'train'
        self.scenes, self.stamps = [], []
        for file in _of_packages(TRAIN if train else TEST):
            self._add(file)
        if folder is not None:
            for file in photos_in(folder):
                held_out = zlib.crc32(file.name.encode()) % HELD_OUT == 0
                if held_out != train:
                    self._add(file)

    def _add(self, file: Path) -> None:
        image = read_photo(file)
        if image is not None:
            (self.stamps if image.shape[2] == 4 else self.scenes).append(image)

    @cached_property
    def segments(self) -> list[tuple[int, tuple[int, int, int, int], np.ndarray]]:
        """Natural areas of the scenes: index of the scene, x, y, w, h in it, and a uint8 mask
        of the area, smaller than that."""
        return [(i, box, mask) for i, scene in enumerate(self.scenes)
                for box, mask in _segments(scene)]


@cache
def photos_of(split: str, folder: str | None = None) -> Photos:
    """As :class:`Photos`, read once in a process."""
    return Photos(split, folder)


def photos_in(folder: str) -> list[Path]:
    """The photographs of a folder and the folders in it.

    Raises:
        NotADirectoryError: there is no such folder.
        ValueError: it has no photographs.
    """
    if not Path(folder).is_dir():
        raise NotADirectoryError(f'{folder} is not a folder; photographs are expected there')
    files = sorted(file for file in Path(folder).rglob('*') if file.suffix.lower() in SUFFIXES
                   and not any(part[0] == '.' for part in file.relative_to(folder).parts))
    if not files:
        raise ValueError(f'{folder} has no photographs ({", ".join(SUFFIXES)})')
    return files


def check_photos(folder: str) -> None:
    """Raises:
        NotADirectoryError: there is no such folder.
        ValueError: none of its photographs can be used.
    """
    files = photos_in(folder)
    if all(read_photo(file) is None for file in files):
        raise ValueError(f'{folder}: none of its {len(files)} photographs can be used, the first '
                         f'is {files[0].name}; expected pictures of 8 bits that can be read, with '
                         f'at least {SMALLEST} pixels a side')


def read_photo(file: Path) -> np.ndarray | None:
    """A scene (H, W, 3) or a thing on a transparent background (h, w, 4), uint8; None for what
    cannot be read, is small, has 16 bits, or is a drawing."""
    try:
        image = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error):  # the latter of an empty file
        image = None
    if image is None or image.dtype != np.uint8:
        return None
    scale = min(1, LARGEST / max(image.shape[:2]))
    if scale * min(image.shape[:2]) < SMALLEST:
        return None
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if image.ndim == 2 or image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.shape[2] == 4 and (image[..., 3] < 128).mean() > 0.05:
        x, y, w, h = cv2.boundingRect(np.uint8(image[..., 3] > 127))
        return None if _drawn(image) or min(w, h) < 24 else image[y:y + h, x:x + w]
    return np.ascontiguousarray(image[..., :3])


def _of_packages(names: tuple[str, ...]) -> list[Path]:
    """The files of these names, without their suffixes, in ``PACKAGES``."""
    files = []
    for package, folder in PACKAGES.items():
        found = importlib.util.find_spec(package)
        if found is None:
            raise ImportError(f'the photographs of {package} are needed and it is not installed; '
                              "run pip install -e '.[demo]' in the folder of mmct")
        root = Path(found.submodule_search_locations[0]) / folder
        files += [file for file in root.glob('*.*')
                  if file.stem in names and file.suffix in SUFFIXES]
    return sorted(files, key=lambda file: file.name)


def _drawn(image: np.ndarray) -> bool:
    """Whether a (h, w, 4) picture is a drawing: few colours make up most of it."""
    solid = image[image[..., 3] > 200][:, :3] // 16
    if len(solid) < 100:
        return True
    _, counts = np.unique(solid @ np.array([1, 16, 256]), return_counts=True)
    return np.sort(counts)[-12:].sum() > 0.75 * len(solid)


def _segments(scene: np.ndarray) -> Iterator[tuple[tuple[int, int, int, int], np.ndarray]]:
    """Areas of much the same look in an (H, W, 3) scene, found as graphs (Felzenszwalb and
    Huttenlocher, 2004): x, y, w, h, and a uint8 mask of the area, smaller than that."""
    from skimage.segmentation import felzenszwalb

    scale = 240 / max(scene.shape[:2])
    small = cv2.resize(scene, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for coarse in (150, 500):
        labels = felzenszwalb(small, scale=coarse, sigma=1, min_size=60)
        for label in range(labels.max() + 1):
            mask = np.uint8(labels == label)
            x, y, w, h = cv2.boundingRect(mask)
            inside = x > 0 and y > 0 and x + w < small.shape[1] and y + h < small.shape[0]
            area = cv2.countNonZero(mask)
            if inside and min(w, h) >= 8 and 0.35 * w * h < area < 0.3 * mask.size:
                closed = cv2.morphologyEx(mask[y:y + h, x:x + w] * 255, cv2.MORPH_CLOSE,
                                          np.ones((5, 5), np.uint8))
                yield tuple(round(value / scale) for value in (x, y, w, h)), closed
