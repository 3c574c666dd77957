"""The tracking loop: crop, network, window, decode, map back. The one place of the hot path."""
import copy
import math
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from typing import Any

import numpy as np

from . import geometry
from .backends import OpenedNetwork, open_network
from .network import Network
from .templates import TemplatePolicy, make_policy


class Tracker:
    """Follows one target through a video.

    A copy goes on from the same frame by itself, with the same network; ``pickle`` keeps the paths
    of the network's files, which the other process opens again.

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
        if not hasattr(model, 'info'):
            raise ValueError('a Tracker needs an exported file, a config with its checkpoint, or '
                             f"another tracker's network; got {type(model).__name__}")
        self.network = model
        info = model.info
        self._window = geometry.hann_window(info.grid)
        self._crops = np.empty((1, info.search_size, info.search_size, 3), np.uint8)
        self._policy = make_policy(info.templates)
        self._box = self._templates = None

    def __copy__(self) -> 'Tracker':  # a policy may hold crops that two targets must not share
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> 'Tracker':
        memo[id(self.network)] = self.network
        copied = memo[id(self)] = object.__new__(type(self))
        vars(copied).update(copy.deepcopy(vars(self), memo))
        return copied

    @property
    def box(self) -> list[float]:
        """x, y, w, h in pixels of the last frame; a copy, which is the caller's."""
        self._check_target()
        return list(self._box)

    @box.setter
    def box(self, box: Sequence[float]) -> None:
        self._check_target()
        self._box = list(geometry.as_floats(box))

    def init(self, frame: np.ndarray, box: Sequence[float]) -> None:
        """Start to follow a target, the box x, y, w, h in pixels of its first frame (H, W, 3) uint8
        BGR; with any error, it goes on with the one that it had.

        Raises:
            ValueError: the box is not finite, empty, or outside the frame; the frame is none.
        """
        geometry.check_frame(frame)
        geometry.check_first_box(box, frame.shape)
        self._warn_if_forked()
        box, policy = [float(value) for value in box], copy.copy(self._policy)
        policy.start(*self._cut_template(frame, box))
        memory = self.network.info.memory
        self._move(dict(
            self._encode(policy, 0), _box=box, _frame_size=frame.shape[:2],
            _memory=np.zeros((1, *memory), np.float32) if memory[0] else None))

    def update(self, frame: np.ndarray, on_part: Callable[[], None] = lambda: None
               ) -> tuple[list[float], float]:
        """Follow the target into the next frame; with any error, it stays where it was.

        Args:
            frame: (H, W, 3) uint8 BGR, of any size.
            on_part: called after the crop and after the network, to time them.

        Returns:
            x, y, w, h in pixels of the frame, and the network's score in [0, 1] of that box.

        Raises:
            ValueError: there is no target, no frame, or no finite box of the network.
        """
        cut = self._crop(frame, self._crops[0])
        on_part()
        memories = None if self._memory is None else [self._memory]
        lane, = self.network.lanes(1) if isinstance(self.network, OpenedNetwork) else [self.network]
        outputs = lane.step([self._encoded], self._crops, memories)
        on_part()
        found, score = self._decode(frame, *cut, outputs, 0)
        self._move(found)
        return self.box, score

    def _check_target(self) -> None:
        if self._box is None:
            raise ValueError('a tracker needs init(frame, box) before update(frame) and box')

    def _warn_if_forked(self) -> None:
        if isinstance(self.network, OpenedNetwork):
            self.network.warn_if_forked()

    def _cut_template(self, frame: np.ndarray, box: Sequence[float]
                      ) -> tuple[np.ndarray, np.ndarray]:
        """A template of the target in its box, and this box in pixels of that crop."""
        info = self.network.info
        size = info.template_size
        crop, scale = geometry.crop_square(
            frame, box, info.template_factor, size, exact=info.exact_crops)
        return crop, geometry.template_box(box, scale, size, info.stretched_boxes)

    def _crop(self, frame: np.ndarray, out: np.ndarray) -> tuple[Sequence[float], float]:
        """Cut the search crop; around which box, and its scale."""
        self._check_target()
        geometry.check_frame(frame)
        self._warn_if_forked()
        info, box = self.network.info, self._box
        if frame.shape[:2] != self._frame_size:
            box = geometry.clip_box(box, *frame.shape[:2], info.margin)
        return box, geometry.crop_square(
            frame, box, info.search_factor, info.search_size, out, info.exact_crops)[1]

    def _decode(self, frame: np.ndarray, last_box: Sequence[float], scale: float,
                outputs: dict[str, np.ndarray], index: int) -> tuple[dict[str, Any], float]:
        """What the network found at ``index`` of a batch, as :meth:`_move` takes it, and its score.
        All that can fail is done here, and nothing of this tracker changed."""
        info = self.network.info
        own = {name: values[index] for name, values in outputs.items()}
        box, score = info.decode(own, self._window)
        if not math.isfinite(sum(box) + score):
            raise ValueError(f'the network gave the box {tuple(map(float, box))} and the score '
                             f'{score}; its weights, or its precision, are not fit for this')
        box = geometry.map_back(box, last_box, scale, info.search_size)
        if info.shrink:
            box = geometry.shrink_box(box, info.shrink)
        box = list(geometry.clip_box(box, *frame.shape[:2], info.margin))
        number, policy = self._frame + 1, copy.copy(self._policy)
        policy.observe(number, score, lambda: self._cut_template(frame, box))
        return dict(
            self._encode(policy, number), _box=box, _frame_size=frame.shape[:2],
            _memory=None if self._memory is None else own['next_memory'][None]), score

    def _encode(self, policy: TemplatePolicy, number: int) -> dict[str, Any]:
        """The target after a frame, with the templates of the next encoded if they are others."""
        templates = policy.current(number + 1)
        return dict(_policy=policy, _frame=number, _templates=templates,
                    _encoded=self._encoded if templates is self._templates
                    else self.network.encode(*templates))

    def _move(self, target: dict[str, Any]) -> None:
        vars(self).update(target)


def update_many(trackers: Iterable[Tracker], frame: np.ndarray | Sequence[np.ndarray]
                ) -> list[tuple]:
    """Follow several targets into the next frame, in batches of those whose encoded templates have
    the same shapes, side by side in as many threads as the network has; with any error, all stay
    where they were.

    Args:
        trackers: share one network, each with a target of its own.
        frame: (H, W, 3) uint8 BGR; or one for each tracker, such as of several cameras.

    Returns:
        what ``update`` of each would; errors likewise, and ValueError if they do not share one
        network, one comes twice, or there are more or fewer frames than trackers.
    """
    trackers = list(trackers)
    frames = frame if isinstance(frame, (list, tuple)) else [frame] * len(trackers)
    if len(frames) != len(trackers):
        raise ValueError(f'update_many was given {len(frames)} frames for {len(trackers)} '
                         'trackers; expected one frame, or one for each')
    if not trackers:
        return []
    network = trackers[0].network
    if any(tracker.network is not network for tracker in trackers):
        raise ValueError('update_many needs trackers of one network: make the others with '
                         'Tracker(first.network)')
    if len(set(map(id, trackers))) < len(trackers):
        raise ValueError('update_many was given a tracker twice; a target needs a tracker of its '
                         'own, Tracker(first.network)')

    def follow(lane: Network, targets: Sequence[tuple[Tracker, np.ndarray]]) -> list[tuple]:
        """Where each was looked for, and what was found of it: the outputs of a batch and its place
        there."""
        size, own = network.info.search_size, [tracker for tracker, _ in targets]
        crops = np.empty((len(own), size, size, 3), np.uint8)
        cuts = [tracker._crop(image, crop) for (tracker, image), crop in zip(targets, crops)]
        outputs = [None] * len(own)
        for places in alike([tracker._encoded for tracker in own]):
            batch = [own[i] for i in places]
            memories = [tracker._memory for tracker in batch] if network.info.memory[0] else None
            given = lane.step([tracker._encoded for tracker in batch],
                              crops if len(batch) == len(own) else crops[places], memories)
            for index, place in enumerate(places):
                outputs[place] = given, index
        return list(zip(cuts, outputs))

    targets = list(zip(trackers, frames))
    seen = network.side_by_side(follow, targets) if isinstance(network, OpenedNetwork) \
        else follow(network, targets)
    found = [tracker._decode(image, *cut, *outputs)
             for (tracker, image), (cut, outputs) in zip(targets, seen)]
    for tracker, (target, _) in zip(trackers, found):
        tracker._move(target)
    return [(tracker.box, score) for tracker, (_, score) in zip(trackers, found)]


def alike(encoded: Sequence[dict[str, Any]]) -> list[list[int]]:
    """Places of encoded templates that have the same shapes, and so fit into one batch."""
    places = {}
    for i, own in enumerate(encoded):
        shapes = tuple((name, np.shape(value)) for name, value in own.items())
        places.setdefault(shapes, []).append(i)
    return list(places.values())
