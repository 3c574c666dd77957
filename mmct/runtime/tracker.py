"""The tracking loop: crop, network, window, decode, map back. The one place of the hot path."""
import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

import numpy as np

from . import geometry
from .backends import open_network
from .network import Network
from .templates import make_policy


class Tracker:
    """Follows one target through a video.

    Args:
        model: an exported file; the config of a tracker or a compression, with ``checkpoint``; or a
            loaded network (of :func:`open_network`, or another tracker's ``network``).
        checkpoint: weights for a config.
        backend: 'onnxruntime', 'openvino', 'torch' or 'compile'; if None, by the kind of file.
        precision: of the arithmetic: 'fp32', 'bf16' (OpenVINO, PyTorch) or 'fp16' (PyTorch); the
            file's own if None.
        threads: of the backend; its own choice if None.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the file is not an exported tracker, or the backend cannot run it so.
        ImportError: the backend is not installed; says which extra has it.
    """

    def __init__(self, model: str | PathLike | Network,
                 checkpoint: str | PathLike | None = None, *, backend: str | None = None,
                 precision: str | None = None, threads: int | None = None) -> None:
        if isinstance(model, (str, PathLike)):
            model = open_network(model, checkpoint, backend=backend, precision=precision,
                                 threads=threads)
        self.network = model
        info = model.info
        self._window = geometry.hann_window(info.grid)
        self._crops = np.empty((1, info.search_size, info.search_size, 3), np.uint8)
        self._policy = make_policy(info.templates)
        self._templates = None

    @property
    def box(self) -> list[float]:
        """x, y, w, h in pixels of the last frame; a copy, which is the caller's."""
        return list(self._box)

    @box.setter
    def box(self, box: Sequence[float]) -> None:
        self._box = [float(value) for value in box]

    def init(self, frame: np.ndarray, box: Sequence[float]) -> None:
        """Start to follow a target, the box x, y, w, h in pixels of its first frame (H, W, 3) uint8
        BGR.

        Raises:
            ValueError: the box is not finite, empty, or outside the frame; the frame is none.
        """
        geometry.check_frame(frame)
        geometry.check_first_box(box, frame.shape)
        self._templates = None
        self.box, self._frame_size = box, frame.shape[:2]
        self._policy.start(*self._cut_template(frame))
        self._frame = 0
        self._encode()
        memory = self.network.info.memory
        self._memory = np.zeros((1, *memory), np.float32) if memory[0] else None

    def update(self, frame: np.ndarray, on_part: Callable[[], None] = lambda: None
               ) -> tuple[list[float], float]:
        """Follow the target into the next frame; with any error, it stays where it was.

        Args:
            frame: (H, W, 3) uint8 BGR, of any size.
            on_part: called after the crop and after the network, for whoever times them.

        Returns:
            x, y, w, h in pixels of the frame, and the network's score in [0, 1] of that box.

        Raises:
            ValueError: there is no target, no frame, or no finite box of the network.
        """
        with all_or_none([self]):
            scale = self._crop(frame, self._crops[0])
            on_part()
            memories = None if self._memory is None else [self._memory]
            outputs = self.network.step([self._encoded], self._crops, memories)
            on_part()
            return self._finish(frame, scale, outputs, 0)

    def _cut_template(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A template of the target where it is now, and its box in pixels of that crop."""
        info = self.network.info
        size = info.template_size
        crop, scale = geometry.crop_square(frame, self._box, info.template_factor, size)
        return crop, geometry.template_box(self._box, scale, size, info.stretched_boxes)

    def _encode(self) -> None:
        """Encode the templates of the next frame, if they are others than the last."""
        templates = self._policy.current(self._frame + 1)
        if templates is not self._templates:
            self._templates = templates
            self._encoded = self.network.encode(*templates)

    def _crop(self, frame: np.ndarray, out: np.ndarray) -> float:
        if self._templates is None:
            raise ValueError('a tracker needs init(frame, box) before update(frame)')
        geometry.check_frame(frame)
        info = self.network.info
        if frame.shape[:2] != self._frame_size:
            self._frame_size = frame.shape[:2]
            self._box = list(geometry.clip_box(self._box, *self._frame_size, info.margin))
        return geometry.crop_square(
            frame, self._box, info.search_factor, info.search_size, out)[1]

    def _finish(self, frame: np.ndarray, scale: float, outputs: dict[str, np.ndarray],
                index: int) -> tuple[list[float], float]:
        """Bring what the network found at ``index`` of a batch to the frame."""
        info = self.network.info
        own = {name: values[index] for name, values in outputs.items()}
        box, score = info.decode(own, self._window)
        if not math.isfinite(sum(box) + score):
            raise ValueError(f'the network gave the box {tuple(map(float, box))} and the score '
                             f'{score}; its weights, or its precision, are not fit for this')
        box = geometry.map_back(box, self._box, scale, info.search_size)
        self._box = list(geometry.clip_box(box, *frame.shape[:2], info.margin))
        if self._memory is not None:
            self._memory = own['next_memory'][None]
        self._frame += 1
        self._policy.observe(self._frame, score, lambda: self._cut_template(frame))
        self._encode()
        return self.box, score


def update_many(trackers: Sequence[Tracker], frame: np.ndarray) -> list[tuple]:
    """Follow several targets into the next frame, in one batch, or one for each shape that their
    encoded templates have; with any error, all stay where they were.

    Args:
        trackers: share one network, each with a target of its own.
        frame: (H, W, 3) uint8 BGR.

    Returns:
        what ``update`` of each would; errors likewise, and ValueError if they do not share one
        network, or one comes twice.
    """
    if not trackers:
        return []
    network = trackers[0].network
    if any(tracker.network is not network for tracker in trackers):
        raise ValueError('update_many needs trackers of one network: make the others with '
                         'Tracker(first.network)')
    if len(set(map(id, trackers))) < len(trackers):
        raise ValueError('update_many was given a tracker twice; a target needs a tracker of its '
                         'own, Tracker(first.network)')
    size = network.info.search_size
    crops = np.empty((len(trackers), size, size, 3), np.uint8)
    with all_or_none(trackers):
        scales = [tracker._crop(frame, crop) for tracker, crop in zip(trackers, crops)]
        outputs = [None] * len(trackers)
        for places in alike([tracker._encoded for tracker in trackers]):
            batch = [trackers[i] for i in places]
            memories = [tracker._memory for tracker in batch] if network.info.memory[0] else None
            own = network.step([tracker._encoded for tracker in batch],
                               crops if len(batch) == len(trackers) else crops[places], memories)
            for index, place in enumerate(places):
                outputs[place] = own, index
        return [tracker._finish(frame, scale, *own)
                for tracker, scale, own in zip(trackers, scales, outputs)]


@contextmanager
def all_or_none(trackers: Sequence[Tracker]) -> Iterator[None]:
    """Leave all trackers as they were if what is done with them does not come to its end."""
    # What a policy holds is replaced, never changed, so that a shallow copy will do.
    before = [dict(vars(tracker), _policy=copy.copy(tracker._policy)) for tracker in trackers]
    try:
        yield
    except BaseException:  # Ctrl-C, too
        for tracker, state in zip(trackers, before):
            vars(tracker).update(state)
        raise


def alike(encoded: Sequence[dict[str, Any]]) -> list[list[int]]:
    """Places of encoded templates that have the same shapes, and so fit into one batch."""
    places = {}
    for i, own in enumerate(encoded):
        shapes = tuple((name, np.shape(value)) for name, value in own.items())
        places.setdefault(shapes, []).append(i)
    return list(places.values())
