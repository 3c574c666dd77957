"""Crops of a video's past, more of them than memory should hold."""
import weakref
from tempfile import SpooledTemporaryFile

import numpy as np

IN_MEMORY = 2**26  # bytes, of all crops; more of them lie in a temporary file


class CropStore:
    """Crops (uint8, all of one shape) and boxes by the numbers of their frames: in memory while
    they are few, then in a file without a name that goes with the store."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._record = np.dtype([('crop', np.uint8, shape), ('box', np.float32, 4)])
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  open as long as the store
        weakref.finalize(self, self._file.close)
        self._places, self._free = {}, []

    def __len__(self) -> int:
        return len(self._places)

    def put(self, frame: int, crop: np.ndarray, box: np.ndarray) -> None:
        """Keep a crop, and the box x, y, w, h in pixels of it."""
        place = self._free.pop() if self._free else len(self._places)
        self._places[frame] = place
        self._file.seek(place * self._record.itemsize)
        self._file.write(np.array((crop, box), self._record).tobytes())

    def get(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """A crop and its box."""
        self._file.seek(self._places[frame] * self._record.itemsize)
        record = np.frombuffer(self._file.read(self._record.itemsize), self._record)[0]
        return record['crop'], record['box']

    def drop(self, frame: int) -> None:
        """Forget a crop, if it is there."""
        if frame in self._places:
            self._free.append(self._places.pop(frame))
