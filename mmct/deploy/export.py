"""A tracker as two ONNX or OpenVINO files: one embeds a template, the other follows it."""
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ..models import OSTrack
from ..models.losses import mean_iou
from ..models.torch_network import SearchNetwork, TemplateNetwork, TorchNetwork
from ..runtime import open_network
from ..runtime.network import MAPS, METADATA, Network, NetworkInfo
from ..utils.extras import require
from .calibration import Sample
from .quantize import quantize

OPSET = 20  # the first with GELU and LayerNorm
FORMATS = {'onnx': '.onnx', 'openvino': '.xml'}
# Largest error of an output against PyTorch, over the largest value of that output.
TOLERANCE = {'fp32': 1e-4, 'fp16': 2e-2}
# Smallest mean IoU of int8's boxes with PyTorch's on the crops it was calibrated with.
INT8_IOU = 0.7


class Written(NamedTuple):
    """The file, and how it compares with PyTorch: the largest error of each output over its
    largest value on noise; for int8, the mean IoU of boxes on the samples, under 'IoU'."""
    path: Path
    agreement: dict[str, float]


def export_tracker(tracker: OSTrack, path: Path, format: str = 'onnx', precision: str = 'fp32',
                   samples: Sequence[Sample] = (), strict: bool = True,
                   bias: str = 'exact') -> Written:
    """Write a tracker as files, after they have been run and compared with PyTorch.

    Args:
        tracker: from :func:`mmct.load_tracker`.
        path: of the file; one for templates goes beside it.
        format: 'onnx' or 'openvino'.
        precision: of the weights, 'fp32', 'fp16' or 'int8'.
        samples: crops to calibrate int8 with, see :mod:`mmct.deploy.calibration`.
        bias: how int8 is calibrated, see :func:`mmct.deploy.quantize.quantize`.
        strict: see that int8 agrees with PyTorch; without, it may be calibrated on noise.

    Raises:
        ImportError: a package of the extra ``deploy`` is missing.
        ValueError: the path does not fit the format; the tracker cannot be exported so; the file
            does not do what the tracker does, and is not written.
    """
    path = Path(path)
    if path.suffix != FORMATS[format]:
        raise ValueError(f'{path}: a file of format {format} ends in {FORMATS[format]}')
    if any(getattr(layer, 'keep_ratio', 1) < 1 for layer in tracker.backbone.layers):
        raise ValueError('a tracker with candidate elimination cannot be exported: which tokens '
                         'stay differs from frame to frame; leave out backbone.elimination')
    if precision == 'int8' and not samples:
        raise ValueError('int8 needs crops to calibrate with; give a data set or a video')
    tracker = tracker.cpu().eval()
    info = replace(tracker.info, precision=precision)
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        _write(tracker, part, info, samples, bias)
        agreement = {}
        if strict or precision != 'int8':
            agreement = check(open_network(part), TorchNetwork(tracker), samples)
        for file in sorted(Path(folder).iterdir()):
            file.replace(path.parent / file.name)
    return Written(path, agreement)


def _write(tracker: OSTrack, path: Path, info: NetworkInfo, samples: Sequence[Sample],
           bias: str) -> None:
    backbone = tracker.backbone
    template = torch.zeros(2, info.template_size, info.template_size, 3, dtype=torch.uint8)
    search = torch.zeros(2, info.search_size, info.search_size, 3, dtype=torch.uint8)
    tokens = torch.zeros(2, backbone.lengths['template'], backbone.embed_dims)
    finish = finish_openvino if path.suffix == '.xml' else finish_onnx
    # Templates are embedded once a target, so nothing is gained there.
    target = path.with_suffix(f'.template{path.suffix}')
    source = target.with_suffix('.onnx')
    to_onnx(TemplateNetwork(tracker), (template, ), ['template'], ['template_tokens'], source)
    finish(source, target, None)
    source = path.with_suffix('.onnx')
    to_onnx(SearchNetwork(tracker), (tokens, search), ['template_tokens', 'search'],
            MAPS[info.head], source)
    network = TorchNetwork(tracker)
    inputs = [{'template_tokens': network.embed(z, (0, 0, 1, 1))[0].numpy(), 'search': x[None]}
              for z, x in samples] if info.precision == 'int8' else []
    finish(source, path, info, partial(quantize, samples=inputs, bias=bias))


def to_onnx(network: nn.Module, inputs: tuple, names: Sequence[str], outputs: Sequence[str],
            path: Path) -> None:
    require('onnx')
    with torch.inference_mode(), warnings.catch_warnings():
        # Shapes are fixed but for the batch, and so may be all that tracing fixes.
        warnings.simplefilter('ignore')
        # The exporter puts a network back into the mode it found it in.
        torch.onnx.export(
            network.eval(), inputs, str(path), input_names=list(names), output_names=list(outputs),
            opset_version=OPSET, dynamo=False,
            dynamic_axes={name: {0: 'batch'} for name in (*names, *outputs)})


def finish_onnx(source: Path, target: Path, info: NetworkInfo | None, to_int8=None) -> None:
    """Metadata, and fewer bits where asked for, int8 by ``to_int8``; ``info`` is None for
    templates."""
    onnx = require('onnx')
    model = onnx.load(source)
    if info and info.precision == 'fp16':
        # Inputs and outputs stay float32, so that every caller can be the same.
        model = require('onnxruntime.transformers.float16').convert_float_to_float16(
            model, keep_io_types=True)
    if info and info.precision == 'int8':
        model = to_int8(model)
    if info:
        entry = model.metadata_props.add()
        entry.key, entry.value = METADATA, info.to_json()
    onnx.save(model, target)


def finish_openvino(source: Path, target: Path, info: NetworkInfo | None, to_int8=None) -> None:
    """From ONNX to OpenVINO's own format; the rest as :func:`finish_onnx`."""
    openvino = require('openvino')
    model = openvino.convert_model(source)
    if info and info.precision == 'int8':
        model = to_int8(model)
    if info:
        model.set_rt_info(info.to_json(), [METADATA])
    openvino.save_model(
        model, target, compress_to_fp16=bool(info) and info.precision == 'fp16')
    source.unlink()


def check(network: Network, reference: Network, samples: Sequence[Sample]) -> dict[str, float]:
    """See that a network does what another does.

    Returns:
        see :class:`Written`.

    Raises:
        ValueError: it does not.
    """
    info = network.info
    if info.precision == 'int8':
        boxes = (torch.tensor([predict(net, *sample) for sample in samples])
                 for net in (network, reference))
        agreement = {'IoU': mean_iou(*boxes).item()}
        if agreement['IoU'] >= INT8_IOU:
            return agreement
        limit = f'at least {INT8_IOU} is needed; more or other calibration crops may help'
    else:
        agreement = compare(network, reference)
        # Not the largest of them, which NaN need not be.
        if all(error <= TOLERANCE[info.precision] for error in agreement.values()):
            return agreement
        limit = f'at most {TOLERANCE[info.precision]} of the largest value is allowed'
    raise ValueError(f'the exported network does not do what the tracker does: {agreement}, '
                     f'{limit}; nothing was written')


def compare(network: Network, reference: Network, count: int = 4) -> dict[str, float]:
    """Largest errors over the largest values, by output, on crops of noise."""
    rng = np.random.default_rng(0)
    info = network.info
    templates, crops = (
        rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
        for size in (info.template_size, info.search_size))
    box = (info.template_size / 4, ) * 2 + (info.template_size / 2, ) * 2
    results = [net.run([net.embed(template, box) for template in templates], crops)
               for net in (network, reference)]
    return {name: float(np.abs(value - results[1][name]).max() / np.abs(results[1][name]).max())
            for name, value in results[0].items()}


def predict(network: Network, template: np.ndarray, search: np.ndarray) -> list[float]:
    """Box cx, cy, w, h in [0, 1] of one search crop."""
    outputs = network.run([network.embed(template, (0, 0, 1, 1))], search[None])
    return list(network.info.decode({name: value[0] for name, value in outputs.items()})[0])
