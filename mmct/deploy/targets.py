"""Files for the converters of small runtimes, which have no use for bytes and batches.

They take one target, in crops as these runtimes make them of a picture: planes (3, S, S) float32 of
B, G and R from 0 to 255. All else is as in the files of :mod:`mmct.deploy.export`.
"""
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..checkpoint.decisive import digest
from ..models.torch_network import TorchNetwork
from ..models.trackers.base import OneStreamTracker
from ..runtime.network import EXPORT, METADATA
from ..utils.extras import require
from ..utils.files import errors_of
from .calibration import noise
from .export import TOLERANCE, Written, run, taking_bgr, template_counts, to_onnx


class Target(NamedTuple):
    """What the converter of a runtime needs."""
    opset: int
    # Operators that were seen to come out as what they are; None for all that mmct's trackers have.
    takes: frozenset[str] | None = None


TARGETS = {
    'ncnn': Target(20, frozenset([
        'Add', 'Cast', 'Clip', 'Concat', 'Constant', 'Conv', 'Div', 'Gelu', 'HardSwish',
        'LayerNormalization', 'MatMul', 'Mul', 'Relu', 'Reshape', 'Shape', 'Sigmoid', 'Slice',
        'Softmax', 'Split', 'Sqrt', 'Squeeze', 'Sub', 'Transpose', 'Unsqueeze'])),
    # The last without GELU as an operator, which MNN computes by the formula with tanh.
    'mnn': Target(19),
}


def export_for(tracker: OneStreamTracker, path: Path, name: str) -> Written:
    """Write a tracker to two ONNX files, OUT and OUT.template, for the converter of a runtime,
    after running them in ONNX Runtime and comparing them with PyTorch.

    Args:
        tracker: from :func:`mmct.load_tracker`.
        path: of the file; one for templates goes beside it.
        name: of a target, one of ``TARGETS``.

    Raises:
        ImportError: a package of the extra ``deploy`` is missing.
        ValueError: the runtime cannot run such a tracker, or the files do not do what it does, and
            are not written.
    """
    onnx, target = require('onnx'), TARGETS[name]
    if path.suffix != '.onnx':
        raise ValueError(f'{path}: a file for the converter of {name} ends in .onnx')
    counts = template_counts(tracker.info)
    if len(counts) > 1:
        raise ValueError(f'a file for {name} has fixed sizes, and this tracker has {counts[0]} to '
                         f'{counts[1]} templates')
    tracker = tracker.cpu().eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with errors_of(path), TemporaryDirectory(dir=path.parent) as folder:
        parts = [Path(folder) / path.with_suffix(suffix).name
                 for suffix in ('.template.onnx', '.onnx')]
        with planes_graphs(tracker) as graphs:
            for part, graph in zip(parts, graphs):
                to_onnx(*graph, part, None, target.opset)
        models = [onnx.load(part) for part in parts]
        found = {node.op_type for model in models for node in model.graph.node}
        if target.takes and (refused := sorted(found - target.takes)):
            raise ValueError(f'{name} is not known to run {", ".join(refused)}, operators of this '
                             'tracker; nothing was written')
        errors = compare(tracker, *parts)
        if not all(error <= TOLERANCE['fp32'] for error in errors.values()):
            raise ValueError(f'the exported network does not do what the tracker does: {errors}, '
                             f'at most {TOLERANCE["fp32"]} of the largest value is allowed; '
                             'nothing was written')
        export = digest(part.read_bytes() for part in parts)
        for part, model, own in zip(parts, models, ({}, {METADATA: tracker.info.to_json()})):
            onnx.helper.set_model_props(model, own | {EXPORT: export})
            onnx.save(model, part)
        for part in parts:
            part.replace(path.parent / part.name)
    return Written(path, errors)


class Graph(NamedTuple):
    """What a converter is given."""
    network: nn.Module
    inputs: dict[str, Tensor]  # examples by name, in order
    outputs: list[str]


@contextmanager
def planes_graphs(tracker: OneStreamTracker) -> Iterator[tuple[Graph, Graph]]:
    """What encodes templates (T, 3, Sz, Sz) with boxes (T, 4), and what finds a target in a search
    crop (1, 3, Sx, Sx). The tracker is not to be used meanwhile: its weights are turned round."""
    templates, boxes, *inputs = inputs_of(tracker)
    with taking_bgr(tracker) as bgr:
        encode = PlanesEncode(tracker, bgr).eval()
        with torch.no_grad():
            encoded = {name: value.contiguous()
                       for name, value in encode.encode(templates, boxes).items()}
        yield (Graph(encode, dict(templates=templates, boxes=boxes), list(encoded)),
               Graph(PlanesStep(tracker, bgr, list(encoded)).eval(),
                     encoded | dict(zip(('search', 'memory'), inputs)), tracker.info.output_names))


def inputs_of(tracker: OneStreamTracker) -> list[Tensor]:
    """Noise: templates (T, 3, Sz, Sz), boxes (T, 4), a search crop (1, 3, Sx, Sx) and a memory
    (1, M, C) if there is one."""
    sample, = noise(tracker.info, 1)
    planes = [np.moveaxis(crops, -1, 1).astype(np.float32)
              for crops in (sample.templates, sample.search[None])]
    return [torch.from_numpy(value.copy()) for value in (
        planes[0], sample.boxes, planes[1], *([sample.memory] if tracker.info.memory[0] else []))]


class PlanesGraph(nn.Module):
    def __init__(self, tracker: OneStreamTracker, bgr: bool, names: Sequence[str] = ()) -> None:
        super().__init__()
        self.tracker, self.bgr, self.names = tracker, bgr, names

    def images(self, planes: Tensor) -> Tensor:
        """(N, 3, S, S) BGR, 0 to 255, to normalised RGB, or BGR for weights that were turned
        round."""
        own = self.tracker.data_preprocessor
        images = (planes - own.mean.flip(0)) / own.std.flip(0)
        return images if self.bgr else images.flip(1)


class PlanesEncode(PlanesGraph):
    """Templates (T, 3, Sz, Sz) and their boxes (T, 4) to encoded templates of one target."""

    def encode(self, templates: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        return self.tracker.encode(self.images(templates)[None], boxes[None])

    def forward(self, templates: Tensor, boxes: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.encode(templates, boxes).values())


class PlanesStep(PlanesGraph):
    """Encoded templates, a search crop (1, 3, Sx, Sx) and a memory to what the head predicts."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        encoded = dict(zip(self.names, inputs))
        search, *memory = inputs[len(encoded):]
        images = self.images(search)
        prediction = self.tracker.step(
            encoded, images, *(memory or [self.tracker.init_memory(images)]))
        outputs = dict(prediction.outputs, next_memory=prediction.memory)
        return tuple(outputs[name] for name in self.tracker.info.output_names)


def compare(tracker: OneStreamTracker, template: Path, step: Path) -> dict[str, float]:
    """Largest errors of the files in ONNX Runtime against PyTorch, over the largest values."""
    given = dict(zip(('templates', 'boxes', 'search', 'memory'),
                     (value.numpy() for value in inputs_of(tracker))))
    for path in (template, step):
        session = require('onnxruntime').InferenceSession(
            path.read_bytes(), providers=['CPUExecutionProvider'])
        names = [port.name for port in session.get_outputs()]
        given.update(zip(names, session.run(names, {
            port.name: given[port.name] for port in session.get_inputs()})))
    expected = run(TorchNetwork(tracker), noise(tracker.info, 1))
    return {name: float(np.abs(given[name] - value).max() / np.abs(value).max())
            for name, value in expected.items()}
