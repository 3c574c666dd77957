"""VitTrack's ONNX file as it is given out, without mmct's network, to compare times with."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from vittrack.opencv import parameters
from vittrack.reading import INPUTS, OUTPUTS, read_vittrack

from mmct.runtime import Tracker

from .complexity import Cost

ROLE = 'VitTrack file'
ORIGINAL, OPENCV = 'onnxruntime', 'TrackerVit'


@dataclass(frozen=True)
class Peer:
    """A way to track by the file, to be timed beside an exported one.

    Attributes:
        backend: ``ORIGINAL``, ONNX Runtime in mmct's tracking loop, or ``OPENCV``, OpenCV's own
            ``TrackerVit``, with the parameters under which its boxes are right.
        file: the ONNX file.
        cost: what it does in a frame.
    """
    backend: str
    file: Path
    cost: Cost
    role: str = ROLE
    source: str = ''
    teacher: str = ''
    precision: str = 'fp32'
    whole = True  # its graph takes both crops
    device = 'cpu'

    @property
    def name(self) -> str:
        return f'{self.role}, {self.backend}:{self.precision}'

    def tracker(self, threads: int):
        """What has ``init(frame, box)`` and ``update(frame)``."""
        if self.backend == ORIGINAL:
            return Tracker(OriginalNetwork(self.file, threads))
        cv2.setNumThreads(threads)
        return OpenCvTracker(self.file)


class OriginalNetwork:
    """See :class:`mmct.runtime.network.Network`. Its batch is 1: targets go one after the other.

    Raises:
        see :func:`read_vittrack`.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        tracker = read_vittrack(path)
        self.info = tracker.info
        # Of the extra deploy, which other rows of a benchmark do without.
        from mmct.runtime.backends.onnxruntime import session

        self._session = session(path, threads)
        preprocessor = tracker.data_preprocessor
        self._mean, self._std = (values.flatten().numpy()
                                 for values in (preprocessor.mean, preprocessor.std))

    def encode(self, crops: np.ndarray, boxes: np.ndarray) -> dict[str, np.ndarray]:
        return dict(template=self._blob(crops[0]))

    def step(self, encoded: list[dict[str, np.ndarray]], crops: np.ndarray,
             memories: None = None) -> dict[str, np.ndarray]:
        template_port, search_port = INPUTS
        steps = [self._session.run(list(OUTPUTS), {template_port: own['template'],
                                                   search_port: self._blob(crop)})
                 for own, crop in zip(encoded, crops)]
        return {name: np.concatenate([values[i] for values in steps])
                for i, name in enumerate(OUTPUTS.values())}

    def _blob(self, crop: np.ndarray) -> np.ndarray:
        """(S, S, 3) uint8 BGR -> (1, 3, S, S) normalised RGB."""
        return np.ascontiguousarray(
            ((crop[..., ::-1] - self._mean) / self._std).transpose(2, 0, 1)[None])


class OpenCvTracker:
    """OpenCV's ``TrackerVit`` with the methods of :class:`mmct.runtime.Tracker` that are timed.

    Args:
        path: the ONNX file.

    Raises:
        ImportError: see :func:`vittrack.opencv.parameters`.
    """

    def __init__(self, path: Path) -> None:
        self._tracker = cv2.TrackerVit_create(parameters(path))

    def init(self, frame: np.ndarray, box: Sequence[float]) -> None:
        self._tracker.init(frame, [round(value) for value in box])

    def update(self, frame: np.ndarray, on_part: Callable[[], None] = lambda: None) -> tuple:
        """Its parts are not to be told apart: all counts as the network."""
        on_part()
        box = self._tracker.update(frame)[1]
        on_part()
        return box, self._tracker.getTrackingScore()
