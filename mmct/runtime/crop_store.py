"""Crops of a video's past, more of them than memory should hold."""
import warnings
import weakref

import numpy as np

IN_MEMORY = 2**26  # bytes, of all crops; more of them lie in a temporary file


class CropStore:
    """Crops (uint8, all of one shape) and boxes by the numbers of their frames: in memory while
    they are few, then in a file without a name that goes with the store. Where there can be no
    such file, or it can grow no more, they stay in memory."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._record = np.dtype([('crop', np.uint8, shape), ('box', np.float32, 4)])
        self._in_memory, self._places, self._free = {}, {}, []
        self._file, self._limit = None, IN_MEMORY

    def __len__(self) -> int:
        return len(self._in_memory) + len(self._places)

    def put(self, frame: int, crop: np.ndarray, box: np.ndarray) -> None:
        """Keep a crop, in place of an earlier one of that frame, and the box x, y, w, h in pixels
        of it."""
        self.drop(frame)
        record = np.array((crop, box), self._record)
        room = self._limit - len(self._in_memory) * record.nbytes
        if room >= record.nbytes or not self._write(frame, record):
            self._in_memory[frame] = record

    def get(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """A crop and its box."""
        if (record := self._in_memory.get(frame)) is None:
            self._file.seek(self._places[frame] * self._record.itemsize)
            record = np.frombuffer(self._file.read(self._record.itemsize), self._record)[0]
        return record['crop'], record['box']

    def drop(self, frame: int) -> None:
        """Forget a crop, if it is there."""
        self._in_memory.pop(frame, None)
        if frame in self._places:
            self._free.append(self._places.pop(frame))

    def _write(self, frame: int, record: np.ndarray) -> bool:
        """Put a record into the file; whether that was possible."""
        place = self._free[-1] if self._free else len(self._places)
        try:
            if self._file is None:
                import tempfile

                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  with the store
                weakref.finalize(self, self._file.close)
            self._file.seek(place * record.nbytes)
            if self._file.write(record.tobytes()) < record.nbytes:
                raise OSError('the disk is full')
        except OSError as error:
            self._limit = float('inf')
            warnings.warn(f'{error}: the crops of a long video stay in memory, '
                          f'{record.nbytes / 1e6:.2f} MB a frame; name a folder with more room in '
                          'the environment variable TMPDIR', stacklevel=2)
            return False
        self._places[frame] = place
        del self._free[-1:]
        return True

    def __getstate__(self) -> tuple:
        """Of a copy: all crops, wherever they lie."""
        frames = *self._in_memory, *self._places
        return self._record['crop'].shape, {frame: self.get(frame) for frame in frames}

    def __setstate__(self, state: tuple) -> None:
        shape, crops = state
        self.__init__(shape)
        for frame, own in crops.items():
            self.put(frame, *own)
