"""The tracking loop: crop, network, window, decode, map back. The one place of the hot path."""
import math
from collections.abc import Callable, Sequence
from os import PathLike

import numpy as np

from . import geometry
from .backends import open_network
from .network import Network


class Tracker:
    """Follows one target through a video.

    Args:
        model: an exported file; or a loaded network (see :func:`open_network`, or ``network`` of
            another tracker), which trackers may share. ``mmct.open_tracker`` also takes configs.
        backend: 'onnxruntime' or 'openvino'; what the file is for if None.
        precision: of the arithmetic: 'fp32', or 'bf16' where the backend can; as the file if None.
        threads: of the backend; its own choice if None.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the file is not an exported tracker, or the backend cannot run it so.
        ImportError: the backend is not installed; says which extra has it.
    """

    def __init__(self, model: str | PathLike | Network, *, backend: str | None = None,
                 precision: str | None = None, threads: int | None = None) -> None:
        if isinstance(model, (str, PathLike)):
            model = open_network(model, backend=backend, precision=precision, threads=threads)
        self.network = model
        info = model.info
        self._window = geometry.hann_window(info.grid)
        self._crops = np.empty((1, info.search_size, info.search_size, 3), np.uint8)
        self._template = None

    def init(self, frame: np.ndarray, box: Sequence[float]) -> None:
        """Take up the target in the first frame.

        Args:
            frame: (H, W, 3) uint8 BGR.
            box: x, y, w, h in pixels of the frame.

        Raises:
            ValueError: the box is not finite, empty, or outside the frame; the frame is none.
        """
        geometry.check_frame(frame)
        geometry.check_first_box(box, frame.shape)
        info, box = self.network.info, [float(value) for value in box]
        size = info.template_size
        crop, scale = geometry.crop_square(frame, box, info.template_factor, size)
        target = geometry.box_to_crop(box, box, scale, size)
        self._template = self.network.embed(crop, tuple(value * size for value in target))
        self.box, self._frame_size = box, frame.shape[:2]

    def update(self, frame: np.ndarray, on_part: Callable[[], None] = lambda: None
               ) -> tuple[list[float], float]:
        """Follow the target into the next frame.

        Args:
            frame: (H, W, 3) uint8 BGR. Where it is of another size than the last, the target is
                looked for at the same pixels, or the nearest that there are.
            on_part: called after the crop and after the network, for whoever times them.

        Returns:
            x, y, w, h in pixels of the frame, and the network's score in [0, 1], before the
            window, at the place of that box.

        Raises:
            ValueError: there is no target yet, the frame is none, or the network gave no finite
                box: the target stays where it was.
        """
        scale = self._crop(frame, self._crops[0])
        on_part()
        outputs = self.network.run([self._template], self._crops)
        on_part()
        return self._finish(frame, scale, {key: value[0] for key, value in outputs.items()})

    def _crop(self, frame: np.ndarray, out: np.ndarray) -> float:
        if self._template is None:
            raise ValueError('a tracker needs init(frame, box) before update(frame)')
        geometry.check_frame(frame)
        info = self.network.info
        if frame.shape[:2] != self._frame_size:
            self._frame_size = frame.shape[:2]
            self.box = list(geometry.clip_box(self.box, *self._frame_size, info.margin))
        return geometry.crop_square(
            frame, self.box, info.search_factor, info.search_size, out)[1]

    def _finish(self, frame: np.ndarray, scale: float, outputs: dict) -> tuple[list[float], float]:
        info = self.network.info
        box, score = info.decode(outputs, self._window)
        if not math.isfinite(sum(box) + score):
            raise ValueError(f'the network gave the box {tuple(map(float, box))} and the score '
                             f'{score}; its weights, or its precision, are not fit for this')
        box = geometry.map_back(box, self.box, scale, info.search_size)
        self.box = list(geometry.clip_box(box, *frame.shape[:2], info.margin))
        return self.box, score


def update_many(trackers: Sequence[Tracker], frame: np.ndarray) -> list[tuple]:
    """Follow several targets into the next frame, in one batch.

    Args:
        trackers: share one network, each with a target of its own.
        frame: (H, W, 3) uint8 BGR.

    Returns:
        what ``update`` of each would return.

    Raises:
        ValueError: they do not share one network.
    """
    if not trackers:
        return []
    network = trackers[0].network
    if any(tracker.network is not network for tracker in trackers):
        raise ValueError('update_many needs trackers of one network: make the others with '
                         'Tracker(first.network)')
    size = network.info.search_size
    crops = np.empty((len(trackers), size, size, 3), np.uint8)
    scales = [tracker._crop(frame, crop) for tracker, crop in zip(trackers, crops)]
    outputs = network.run([tracker._template for tracker in trackers], crops)
    return [tracker._finish(frame, scale, {key: value[i] for key, value in outputs.items()})
            for i, (tracker, scale) in enumerate(zip(trackers, scales))]
