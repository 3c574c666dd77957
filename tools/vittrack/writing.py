"""A tracker as one file with the inputs and outputs of OpenCV's VitTrack, for ``TrackerVit``."""
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from mmct.deploy.export import template_counts, to_onnx
from mmct.models.trackers import OneStreamTracker
from mmct.runtime.geometry import hann_window
from mmct.runtime.network import NetworkInfo
from mmct.utils.extras import require

from .opencv import STD
from .reading import INPUTS, OUTPUTS, TOLERANCE

# What OpenCV's loop takes for granted.
SIZES, GRID = (128, 256), 16
FACTORS = (2, 4)
MEAN = (0.485, 0.456, 0.406)
OPSET = 14  # of the released file, which every OpenCV with a TrackerVit reads


def write_vittrack(tracker: OneStreamTracker, path: Path, bgr: bool = False) -> float:
    """Write a tracker for OpenCV's loop, after running the file in the OpenCV installed here.

    Args:
        tracker: from :func:`mmct.load_tracker`; one template, no memory, a ``CenterHead``. Its
            crops may be smaller than VitTrack's, in pixels or in the frame: the file takes the
            middle and resizes it.
        path: ONNX file to write.
        bgr: for the planes that OpenCV's loop gives, which are B, G, R normalised as if they were
            R, G, B; without, for R, G, B, as the released file.

    Returns:
        largest error of an output against PyTorch, over the largest value of that output.

    Raises:
        ImportError: a package of the extra ``deploy`` is missing.
        ValueError: OpenCV's loop has no place for such a tracker, or its ``dnn`` gives other maps.
    """
    if path.suffix != '.onnx':
        raise ValueError(f'{path}: a file for OpenCV ends in .onnx')
    if faults := _faults(tracker):
        raise ValueError(f"OpenCV's TrackerVit cannot run this tracker: it {'; it '.join(faults)}")
    graph = VitTrackGraph(tracker.cpu().eval(), bgr).eval()
    generator = torch.Generator().manual_seed(0)
    crops = {name: torch.randn(1, 3, size, size, generator=generator)
             for name, size in zip(INPUTS, SIZES)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        to_onnx(graph, crops, list(OUTPUTS), part, None, OPSET)
        _fold(part)
        error = _compare(graph, crops, part)
        part.replace(path)
    return error


def _faults(tracker: OneStreamTracker) -> list[str]:
    """What OpenCV's loop has no place for."""
    info, preprocessor = tracker.info, tracker.data_preprocessor
    factors = (info.template_factor, info.search_factor)
    sides = _sides(info)
    most = int(GRID * sides[1] / SIZES[1])
    found = {
        f'has a {info.head} head, not a center head': info.head != 'center',
        'has several templates': template_counts(info) != [1],
        'has a memory': info.memory[0] > 0,
        "ranks tokens by the template's box": getattr(tracker.backbone, 'ranks_by_box', False),
        f'cuts crops by the factors {factors}, not {FACTORS} or less in whole pixels on both sides':
            any(side > size or side % 2 for side, size in zip(sides, SIZES)),
        f'has a map of {info.grid} cells a side, more than {most}': info.grid > most,
        'normalises by other means or deviations than '
        f'{MEAN} and {STD}': not _normalises_alike(preprocessor)}
    return [fault for fault, is_so in found.items() if is_so]


def _sides(info: NetworkInfo) -> list[float]:
    """Of the squares that the tracker's crops show, in pixels of OpenCV's crops."""
    factors = info.template_factor, info.search_factor
    return [size * own / factor for size, own, factor in zip(SIZES, factors, FACTORS)]


def _normalises_alike(preprocessor: nn.Module) -> bool:
    return all(torch.allclose(own.flatten(), 255 * torch.tensor(values))
               for own, values in ((preprocessor.mean, MEAN), (preprocessor.std, STD)))


class VitTrackGraph(nn.Module):
    """Normalised RGB crops of ``SIZES`` to ``OUTPUTS``, maps of ``GRID`` cells a side.

    A map that is coarser, or of the middle of the crop, is put into them so that OpenCV reads the
    tracker's own box off: each of its cells has one of theirs, whose offset leads to the same
    place. All others score zero. Scores are divided by OpenCV's window there, by which it is about
    to multiply, and multiplied by the tracker's.
    """

    def __init__(self, tracker: OneStreamTracker, bgr: bool = False) -> None:
        super().__init__()
        self.tracker, self.grid, self.bgr = tracker, tracker.info.grid, bgr
        info = tracker.info
        sides = _sides(info)
        self.edges = [int(size - side) // 2 for size, side in zip(SIZES, sides)]
        self.share = sides[1] / SIZES[1]
        # Of the tracker's cells: how many of theirs one is wide, and where the first begins.
        self.cell, self.start = GRID * self.share / self.grid, GRID * (1 - self.share) / 2
        own = np.arange(self.grid)
        place = np.zeros((self.grid, GRID), np.float32)
        place[own, np.floor((own + 0.5) * self.cell + self.start).astype(int)] = 1
        windows = [hann_window(grid).reshape(-1) for grid in (self.grid, GRID)]
        for name, value in dict(
                place=np.kron(place, place),  # (grid², GRID²)
                weight=windows[0] @ np.kron(place, place) / windows[1],
                own_cells=_cells(self.grid), cells=_cells(GRID),
                turn=np.diag(np.float32(STD[::-1]))[:, ::-1].copy().reshape(3, 3, 1, 1)
                / np.float32(STD).reshape(3, 1, 1, 1),
                shift=(np.float32(MEAN[::-1]) - np.float32(MEAN)) / np.float32(STD)).items():
            self.register_buffer(name, torch.from_numpy(value), persistent=False)

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, ...]:
        info = self.tracker.info
        if self.bgr:
            template, search = (conv2d(crops, self.turn, self.shift)
                                for crops in (template, search))
        template = _cut(template, self.edges[0], info.template_size)
        search = _cut(search, self.edges[1], info.search_size)
        maps = self.tracker.outputs_of(template[:, None], search)
        if self.grid != GRID:
            maps = self._placed(maps)
        return tuple(maps[name] for name in OUTPUTS.values())

    def _placed(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        """Maps (1, C, grid, grid) as those of ``GRID`` cells a side."""
        score, size, offset = (maps[name].flatten(2) for name in ('score', 'size', 'offset'))
        values = torch.cat([score, size, offset + self.own_cells], dim=1) @ self.place
        score, size, centre = values.split([1, 2, 2], dim=1)
        placed = dict(score=score * self.weight, size=size * self.share,
                      offset=centre * self.cell + self.start - self.cells)
        return {name: value.reshape(1, -1, GRID, GRID) for name, value in placed.items()}


def _cells(grid: int) -> np.ndarray:
    """Column and row of each cell of a map, (2, grid²) float32."""
    return np.indices((grid, grid), np.float32)[::-1].reshape(2, -1).copy()


def _cut(crops: Tensor, edge: int, size: int) -> Tensor:
    """Crops (1, 3, S, S) without their edge in another size, as ``cv2.resize`` does it."""
    if edge:
        crops = crops[..., edge:-edge, edge:-edge]
    if crops.size(-1) == size:
        return crops
    return interpolate(crops, size=(size, size), mode='bilinear', align_corners=False)


def _fold(path: Path) -> None:
    """Compute what does not depend on the crops, in a file. The shapes that PyTorch writes hold an
    empty Slice, which OpenCV 4 does not read."""
    onnx, onnxruntime = require('onnx'), require('onnxruntime')
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(path.read_bytes(), options, ['CPUExecutionProvider'],
                                 disabled_optimizers=['MatMulAddFusion'])
    model = onnx.load(path)
    del model.opset_import[1:]  # ONNX Runtime lists all that it knows, and used none of them
    onnx.checker.check_model(model)
    onnx.save(model, path)


@torch.inference_mode()
def _compare(graph: VitTrackGraph, crops: dict[str, Tensor], path: Path) -> float:
    """The largest error of the file in OpenCV, see :func:`write_vittrack`."""
    try:
        network = cv2.dnn.readNet(str(path))
        for name, crop in crops.items():
            network.setInput(crop.numpy(), name)
        found = network.forward(list(OUTPUTS))
    except cv2.error as error:
        raise ValueError(f'OpenCV {cv2.__version__} cannot run this tracker, nothing was written: '
                         f'{" ".join(str(error).split())}') from None
    errors = [np.abs(value.reshape(own.shape) - own.numpy()).max() / own.abs().max().item()
              for value, own in zip(found, graph(*crops.values()))]
    if not all(error <= TOLERANCE for error in errors):
        raise ValueError(f'OpenCV {cv2.__version__} makes other maps of this tracker, nothing was '
                         f'written: {max(errors):.1g} of the largest value off, at most '
                         f'{TOLERANCE} is allowed')
    return float(max(errors))
