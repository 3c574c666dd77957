"""A tracker as two ONNX or OpenVINO files: one embeds a template, the other follows it."""
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..models import OSTrack
from ..runtime import open_network
from ..runtime.backends.pytorch import TorchNetwork
from ..runtime.network import METADATA, Network, NetworkInfo
from .extra import needed

OPSET = 20  # the first with GELU and LayerNorm
FORMATS = {'onnx': '.onnx', 'openvino': '.xml'}
# Largest error of an output against PyTorch, over the largest value of that output.
TOLERANCE = {'fp32': 1e-4, 'fp16': 2e-2}


class TemplateNetwork(nn.Module):
    """(N, Sz, Sz, 3) uint8 BGR -> template tokens (N, Lz, C)."""

    def __init__(self, tracker: OSTrack) -> None:
        super().__init__()
        self.tracker = tracker

    def forward(self, template: Tensor) -> Tensor:
        return self.tracker.backbone.embed_template(images(self.tracker, template))


class SearchNetwork(nn.Module):
    """Template tokens (N, Lz, C) and search crops (N, Sx, Sx, 3) uint8 BGR -> the outputs that a
    tracking step reads."""

    def __init__(self, tracker: OSTrack) -> None:
        super().__init__()
        self.tracker = tracker

    def forward(self, template_tokens: Tensor, search: Tensor) -> tuple:
        backbone, head = self.tracker.backbone, self.tracker.head
        maps = head(backbone.track(template_tokens, images(self.tracker, search)))
        return tuple(head.outputs(maps).values())


def images(tracker: OSTrack, crops: Tensor) -> Tensor:
    """As ``PairDataPreprocessor`` normalises, out of place; (N, S, S, 3) -> (N, 3, S, S)."""
    rgb = crops.permute(0, 3, 1, 2).flip(1).float()
    return (rgb - tracker.data_preprocessor.mean) / tracker.data_preprocessor.std


class Written(NamedTuple):
    """The file, and the largest errors against PyTorch by output."""
    path: Path
    errors: dict[str, float]


def export_tracker(tracker: OSTrack, path: Path, format: str = 'onnx',
                   precision: str = 'fp32') -> Written:
    """Write a tracker as files, after they have been run and compared with PyTorch.

    Args:
        tracker: from :func:`mmct.load_tracker`.
        path: of the file; one for templates goes beside it.
        format: 'onnx' or 'openvino'.
        precision: of the weights, 'fp32' or 'fp16'.

    Raises:
        ImportError: a package of the extra ``deploy`` is missing.
        ValueError: the path does not fit the format; the tracker cannot be exported; the file
            does not do what the tracker does, and is not written.
    """
    path = Path(path)
    if path.suffix != FORMATS[format]:
        raise ValueError(f'{path}: a file of format {format} ends in {FORMATS[format]}')
    if any(getattr(layer, 'keep_ratio', 1) < 1 for layer in tracker.backbone.layers):
        raise ValueError('a tracker with candidate elimination cannot be exported: which tokens '
                         'stay differs from frame to frame; leave out backbone.elimination')
    tracker = tracker.cpu().eval()
    info = replace(tracker.info, precision=precision)
    with TemporaryDirectory(dir=_parent(path)) as folder:
        part = Path(folder) / path.name
        _write(tracker, part, info)
        errors = compare(open_network(part), TorchNetwork(tracker))
        limit = TOLERANCE[precision]
        if max(errors.values()) > limit:
            raise ValueError(f'the exported {path.name} does not do what the tracker does: '
                             f'relative errors {errors}, allowed {limit}; nothing was written')
        for file in sorted(Path(folder).iterdir()):
            file.replace(path.parent / file.name)
    return Written(path, errors)


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent


def _write(tracker: OSTrack, path: Path, info: NetworkInfo) -> None:
    backbone = tracker.backbone
    template = torch.zeros(2, info.template_size, info.template_size, 3, dtype=torch.uint8)
    search = torch.zeros(2, info.search_size, info.search_size, 3, dtype=torch.uint8)
    tokens = torch.zeros(2, backbone.lengths['template'], backbone.embed_dims)
    outputs = {'center': ['score', 'size', 'offset'], 'corner': ['box', 'score']}[info.head]
    for network, inputs, names, results, target in (
        (TemplateNetwork(tracker), (template, ), ['template'], ['template_tokens'],
         path.with_suffix(f'.template{path.suffix}')),
        (SearchNetwork(tracker), (tokens, search), ['template_tokens', 'search'], outputs, path),
    ):
        onnx_file = target.with_suffix('.onnx')
        to_onnx(network, inputs, names, results, onnx_file)
        finish = finish_openvino if path.suffix == '.xml' else finish_onnx
        finish(onnx_file, target, info)


def to_onnx(network: nn.Module, inputs: tuple, names: Sequence[str], outputs: Sequence[str],
            path: Path) -> None:
    needed('onnx')
    with torch.inference_mode():
        # The exporter puts a network back into the mode it found it in.
        torch.onnx.export(
            network.eval(), inputs, str(path), input_names=list(names), output_names=list(outputs),
            opset_version=OPSET, dynamo=False,
            dynamic_axes={name: {0: 'batch'} for name in (*names, *outputs)})


def finish_onnx(source: Path, target: Path, info: NetworkInfo) -> None:
    """Metadata, and half precision where asked for."""
    onnx = needed('onnx')
    model = onnx.load(source)
    if info.precision == 'fp16':
        float16 = needed('onnxruntime.transformers.float16')
        # Inputs and outputs stay float32, so that every caller can be the same.
        model = float16.convert_float_to_float16(model, keep_io_types=True)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA, info.to_json()
    onnx.save(model, target)


def finish_openvino(source: Path, target: Path, info: NetworkInfo) -> None:
    """From ONNX to OpenVINO's own format, with metadata."""
    openvino = needed('openvino')
    model = openvino.convert_model(source)
    model.set_rt_info(info.to_json(), [METADATA])
    openvino.save_model(model, target, compress_to_fp16=info.precision == 'fp16')
    source.unlink()


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


def read_info(path: Path) -> dict:
    """What a file says of itself, for printing."""
    return json.loads(open_network(path).info.to_json())
