"""A tracker as two ONNX or OpenVINO files: one encodes templates, the other follows them."""
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..checkpoint.decisive import digest
from ..models.losses import mean_iou
from ..models.torch_network import EncodeNetwork, StepNetwork, TorchNetwork
from ..models.trackers.base import OneStreamTracker
from ..runtime import open_network
from ..runtime.backends import mark_weights, step_inputs
from ..runtime.network import EXPORT, METADATA, Network, NetworkInfo
from ..runtime.templates import count_templates
from ..utils.checks import check_number
from ..utils.extras import require
from ..utils.files import errors_of
from .calibration import Sample, noise
from .quantize import quantize

OPSETS = '[14, 20]'  # of ONNX: the first with what PyTorch writes, the last that it writes so
OPSET = 20  # the first with GELU and LayerNorm
FORMATS = {'onnx': '.onnx', 'openvino': '.xml'}
# Largest error of an output against PyTorch, over the largest value of that output.
TOLERANCE = {'fp32': 1e-4, 'fp16': 2e-2}
HALF = 0.5  # of them, if rounding may drop another token than PyTorch does
INT8_IOU = 0.7  # smallest mean IoU of boxes with PyTorch's on the crops of the calibration


class Written(NamedTuple):
    """The file, and how it compares with PyTorch: the largest error of each output over its
    largest value on noise; for int8, the mean IoU of boxes on the samples, under 'IoU'."""
    path: Path
    agreement: dict[str, float]


def export_tracker(tracker: OneStreamTracker, path: Path, format: str = 'onnx',
                   precision: str = 'fp32', samples: Sequence[Sample] = (), strict: bool = True,
                   bias: str = 'exact', opset: int = OPSET) -> Written:
    """Write a tracker to files, after running them and comparing them with PyTorch.

    Args:
        tracker: from :func:`mmct.load_tracker`.
        path: of the file; one for templates goes beside it.
        format: 'onnx' or 'openvino'.
        precision: of the weights, 'fp32', 'fp16' or 'int8'.
        samples: to calibrate int8 with, see :mod:`mmct.deploy.calibration`.
        bias: how int8 is calibrated, see :func:`mmct.deploy.quantize.quantize`.
        strict: see that int8 agrees with PyTorch; without, it may be calibrated on noise.
        opset: of ONNX files, in [14, 20]; older runtimes do not know the latest ones.

    Raises:
        ImportError: a package of the extra ``deploy`` is missing.
        ValueError: path, format and samples do not fit; or the file does not do what the tracker
            does, and is not written.
    """
    for name, value, known in (('format', format, FORMATS),
                               ('precision', precision, (*TOLERANCE, 'int8'))):
        if value not in known:
            raise ValueError(f'{name}={value!r} is not one of {", ".join(known)}')
    check_number('opset', opset, OPSETS, whole=True)
    if opset != OPSET and format != 'onnx':
        raise ValueError(f'opset={opset} is of ONNX files; leave it out for format {format}')
    path = Path(path)
    if path.suffix != FORMATS[format]:
        raise ValueError(f'{path}: a file of format {format} ends in {FORMATS[format]}')
    if precision == 'int8' and not samples:
        raise ValueError('int8 needs crops to calibrate with; give a data set or a video')
    tracker = tracker.cpu().eval()
    given = {len(sample.templates) for sample in samples}
    taken = template_counts(tracker.info)
    if given and not (taken[0] <= min(given) and max(given) <= taken[-1]):
        raise ValueError(f'calibration samples have {sorted(given)} templates, the tracker takes '
                         f'{" to ".join(map(str, taken))}')
    info = tracker.info._replace(precision=precision)
    path.parent.mkdir(parents=True, exist_ok=True)
    with errors_of(path), TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        _write(tracker, part, info, samples, bias, opset)
        agreement = {}
        if strict or precision != 'int8':
            eliminates = any(
                getattr(layer, 'keep_ratio', 1) < 1 for layer in tracker.backbone.layers)
            agreement = check(open_network(part), TorchNetwork(tracker), samples,
                              HALF if eliminates and precision == 'fp16' else 1.)
        for file in sorted(Path(folder).iterdir()):
            file.replace(path.parent / file.name)
    return Written(path, agreement)


def _write(tracker: OneStreamTracker, path: Path, info: NetworkInfo, samples: Sequence[Sample],
           bias: str, opset: int) -> None:
    finish = finish_openvino if path.suffix == '.xml' else finish_onnx
    # Two, so that tracing does not take the size of the batch for one that never changes.
    templates, boxes, crops, memories = (
        torch.from_numpy(np.stack(parts)) for parts in zip(*noise(info, 2)))
    encode = EncodeNetwork(tracker)
    encoded = encode(templates, boxes)
    any_number = {}
    if len(template_counts(info)) > 1:
        fewer = encode(templates[:, 1:], boxes[:, 1:])
        any_number = dict(templates=[1], boxes=[1]) | {
            name: [axis for axis, size in enumerate(value.shape) if size != fewer[name].size(axis)]
            for name, value in encoded.items()}
    inputs = dict(encoded, search=crops)
    if info.memory[0]:
        inputs['memory'] = memories[:, 0]
    template = path.with_suffix(f'.template{path.suffix}')
    template_source, source = (file.with_suffix('.onnx') for file in (template, path))
    with taking_bgr(tracker) as bgr:
        to_onnx(EncodeGraph(tracker, bgr), dict(templates=templates, boxes=boxes), list(encoded),
                template_source, any_number, opset)
        to_onnx(StepGraph(tracker, bgr, list(encoded)), inputs, info.output_names, source,
                any_number, opset)
    # Of all that decides what is written, so that only the same export has the same id.
    export = digest([
        template_source.read_bytes(), source.read_bytes(), info.to_json().encode(), bias.encode(),
        *(part.tobytes() for sample in samples for part in sample if part is not None)])
    # Templates are encoded once a target, so nothing is gained there by fewer bits.
    finish(template_source, template, None, export)
    finish(source, path, info, export,
           lambda model: quantize(model, inputs_of(tracker, samples), bias))


@contextmanager
def taking_bgr(tracker: OneStreamTracker) -> Iterator[bool]:
    """Let the weights that see colours have them in the order of the crops, so that a graph need
    not turn them round; whether the embedding can do that."""
    reverse = getattr(tracker.backbone.patch_embed, 'reverse_channels', None)
    if reverse is None:
        yield False
        return
    reverse()
    try:
        yield True
    finally:
        reverse()


def inputs_of(tracker: OneStreamTracker, samples: Sequence[Sample]) -> Iterator[dict]:
    """Inputs of a step by name, for each sample."""
    network = TorchNetwork(tracker)
    for sample in samples:
        encoded = network.encode(sample.templates, sample.boxes)
        yield step_inputs([{name: value.numpy() for name, value in encoded.items()}],
                          sample.search[None], memories_of(network.info, [sample]))


def template_counts(info: NetworkInfo) -> list[int]:
    """How many templates a tracker has in the first frame, and the most, if that is another
    number."""
    return sorted({count_templates(info.templates, first) for first in (True, False)})


class EncodeGraph(EncodeNetwork):
    """With its outputs in a row, as ONNX's exporter wants them."""

    def forward(self, templates: Tensor, boxes: Tensor) -> tuple[Tensor, ...]:
        return tuple(super().forward(templates, boxes).values())


class StepGraph(StepNetwork):
    """With its inputs, of which those by ``names`` are encoded templates, and outputs in a row."""

    def __init__(self, tracker: OneStreamTracker, bgr: bool, names: Sequence[str]) -> None:
        super().__init__(tracker, bgr)
        self.names = names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        encoded = dict(zip(self.names, inputs))
        outputs = super().forward(encoded, *inputs[len(encoded):])
        return tuple(outputs[name] for name in self.tracker.info.output_names)


def memories_of(info: NetworkInfo, samples: Sequence[Sample]) -> list[np.ndarray] | None:
    """Memories that a step is given, None for a network without."""
    if not info.memory[0]:
        return None
    none = np.zeros((1, *info.memory), np.float32)
    return [none if sample.memory is None else sample.memory for sample in samples]


def to_onnx(network: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], path: Path,
            any_number: Mapping[str, Sequence[int]] | None, opset: int = OPSET) -> None:
    """Write a graph whose sizes are fixed, but for the batch and axes by name of inputs and
    outputs, which depend on the number of templates; None if all are, the batch too."""
    require('onnx')
    with torch.inference_mode(), warnings.catch_warnings():
        # All else is fixed, and so may be all that tracing fixes.
        warnings.simplefilter('ignore')
        # The exporter puts a network back into the mode it found it in.
        torch.onnx.export(
            network.eval(), tuple(inputs.values()), str(path), input_names=list(inputs),
            output_names=list(outputs), opset_version=opset, dynamo=False,
            dynamic_axes=None if any_number is None else {name: {0: 'batch', **{
                axis: f'{name}_{axis}' for axis in any_number.get(name, ())}}
                for name in (*inputs, *outputs)})


def finish_onnx(source: Path, target: Path, info: NetworkInfo | None, export: str,
                to_int8: Callable | None = None) -> None:
    """Write a file with metadata and the id of its export, and fewer bits if asked for, int8 by
    ``to_int8``; ``info`` is None for templates."""
    onnx = require('onnx')
    model = onnx.load(source)
    if info and info.precision == 'fp16':
        float16 = require('onnxruntime.transformers.float16')
        # Inputs and outputs stay float32, so that every caller can be the same. So do squares: up
        # to opset 16 a layer norm is written out, and ONNX Runtime 1.23 to 1.27 cannot open a file
        # in which its squares are float16.
        model = float16.convert_float_to_float16(
            model, keep_io_types=True, op_block_list=[*float16.DEFAULT_OP_BLOCK_LIST, 'Pow'])
    if info and info.precision == 'int8':
        model = to_int8(model)
    own = {METADATA: info.to_json()} if info else {}
    onnx.helper.set_model_props(model, own | {EXPORT: export})
    onnx.save(model, target)


def finish_openvino(source: Path, target: Path, info: NetworkInfo | None, export: str,
                    to_int8: Callable | None = None) -> None:
    """From ONNX to OpenVINO's own format; the rest as :func:`finish_onnx`."""
    openvino = require('openvino')
    model = openvino.convert_model(source)
    if info and info.precision == 'int8':
        model = to_int8(model)
    if info:
        model.set_rt_info(info.to_json(), [METADATA])
    model.set_rt_info(export, [EXPORT])
    openvino.save_model(model, target, compress_to_fp16=bool(info) and info.precision == 'fp16')
    mark_weights(target.with_suffix('.bin'), export)
    source.unlink()


def check(network: Network, reference: Network, samples: Sequence[Sample],
          share: float = 1.) -> dict[str, float]:
    """The agreement of a network with another one (:class:`Written`); ValueError if it does not do
    what that one does, in a share of what its outputs hold."""
    info = network.info
    if info.precision == 'int8':
        boxes = (torch.tensor([predict(net, sample) for sample in samples])
                 for net in (network, reference))
        agreement = {'IoU': mean_iou(*boxes).item()}
        if agreement['IoU'] >= INT8_IOU:
            return agreement
        limit = f'at least {INT8_IOU} is needed; more or other calibration crops may help'
    else:
        agreement = compare(network, reference, share=share)
        # Not the largest of them, which NaN need not be.
        if all(error <= TOLERANCE[info.precision] for error in agreement.values()):
            return agreement
        limit = f'at most {TOLERANCE[info.precision]} of the largest value is allowed'
    raise ValueError(f'the exported network does not do what the tracker does: {agreement}, '
                     f'{limit}; nothing was written')


def compare(network: Network, reference: Network, count: int = 4,
            share: float = 1.) -> dict[str, float]:
    """Largest errors over the largest values, by output, on noise, with as few and with as many
    templates as there can be; of a share of all values, those with the smallest errors."""
    errors = {}
    for templates in template_counts(network.info):
        samples = noise(network.info, count, templates)
        values, expected = (run(net, samples) for net in (network, reference))
        for name, value in values.items():
            error = np.quantile(np.abs(value - expected[name]), share)
            error /= np.abs(expected[name]).max()
            errors[name] = float(np.maximum(error, errors.get(name, 0.)))
    return errors


def run(network: Network, samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """A step of all samples in one batch."""
    encoded = [network.encode(sample.templates, sample.boxes) for sample in samples]
    return network.step(encoded, np.stack([sample.search for sample in samples]),
                        memories_of(network.info, samples))


def predict(network: Network, sample: Sample) -> Sequence[float]:
    """Box cx, cy, w, h in [0, 1] of one search crop."""
    outputs = run(network, [sample])
    return list(network.info.decode({name: value[0] for name, value in outputs.items()})[0])
