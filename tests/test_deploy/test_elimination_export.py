"""Candidate elimination in exported files: the tokens that PyTorch keeps, and its maps."""
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import build, tracker
from torch import nn

from mmct import load_tracker
from mmct.deploy import export_tracker
from mmct.deploy.calibration import Sample, noise
from mmct.deploy.export import compare, run, to_onnx
from mmct.models.layers import run_layers
from mmct.models.layers.elimination import TEMPLATE_RANGES
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import open_network

onnxruntime = pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
openvino = pytest.importorskip('openvino', reason='the extra deploy is not installed')

ROOT = Path(__file__).parents[2]
BOXES = np.array([[32, 32, 64, 64], [3.7, 90.2, 40.5, 30.9], [50, 5, 14, 120]], np.float32)


def eliminating(template_range: str):
    """Two layers of four eliminate: 64 tokens, 45, 32."""
    elimination = {'layers': [1, 2], 'keep_ratio': [0.7, 0.7], 'template_range': template_range}
    return build(tracker(template_size=128, search_size=128, elimination=elimination)).eval()


def samples_of(model) -> list[Sample]:
    """As many as there are boxes, each with its own."""
    return [sample._replace(boxes=box[None])
            for sample, box in zip(noise(model.info, len(BOXES)), BOXES, strict=True)]


# What OpenVINO makes of each range is seen below, where it runs the ONNX file.
@pytest.mark.parametrize(('template_range', 'suffix'), [
    *((name, '.onnx') for name in TEMPLATE_RANGES), ('ALL', '.xml'), ('GT_BOX', '.xml')])
def test_maps_are_pytorchs(template_range, suffix, tmp_path):
    model = eliminating(template_range)
    kind = {'.onnx': 'onnx', '.xml': 'openvino'}[suffix]
    written = export_tracker(model, tmp_path / f'x{suffix}', kind)
    assert max(written.agreement.values()) < 1e-5
    network, samples = open_network(written.path), samples_of(model)
    for batch in (samples, samples[:1]):
        found, expected = run(network, batch), run(TorchNetwork(model), batch)
        for name, value in found.items():
            np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-4)


class Kept(nn.Module):
    """Tokens of the search crop that are left behind the last layer."""

    def __init__(self, model) -> None:
        super().__init__()
        self.model = model

    def forward(self, search, templates, boxes):
        backbone = self.model.backbone
        tokens = backbone.join(backbone.encode(templates, boxes), search)
        return run_layers(backbone.layers, tokens).kept


@pytest.mark.parametrize('template_range', TEMPLATE_RANGES)
def test_kept_tokens_are_pytorchs(template_range, tmp_path):
    path, kept = tmp_path / 'kept.onnx', Kept(eliminating(template_range))
    generator = torch.Generator().manual_seed(0)
    search, templates = (torch.randn(3, *shape, 128, 128, generator=generator)
                         for shape in ((3, ), (1, 3)))
    inputs = search, templates, torch.from_numpy(BOXES)[:, None]
    # Traced with another batch, and all boxes alike.
    to_onnx(kept, {name: part[:1].repeat(2, *[1] * (part.dim() - 1))
                   for name, part in zip(('search', 'templates', 'boxes'), inputs, strict=True)},
            ['kept'], path, {})
    with torch.inference_mode():
        expected = kept(*inputs).numpy()
    assert expected.shape == (3, 32)
    assert len({tuple(own) for own in expected}) == 3
    session = onnxruntime.InferenceSession(path)
    given = {port.name: dict(zip(('search', 'templates', 'boxes'), inputs))[port.name].numpy()
             for port in session.get_inputs()}  # boxes only where they rank
    assert ('boxes' in given) == (template_range == 'GT_BOX')
    np.testing.assert_array_equal(session.run(None, given)[0], expected)
    compiled = openvino.Core().compile_model(path, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
    np.testing.assert_array_equal(compiled(given)[0], expected)


def test_of_fewer_bits_most_is_alike(tmp_path):
    """The demo's teacher, in which fp16 drops other tokens."""
    (tmp_path / 'ce.py').write_text(
        f"_base_ = {str(ROOT / 'configs/demo/ostrack_tiny.py')!r}\n"
        "model = dict(backbone=dict(elimination=dict(template_range='ALL')))\n")
    model = load_tracker(tmp_path / 'ce.py', ROOT / 'configs/demo/ostrack_tiny.pth')
    written = export_tracker(model, tmp_path / 'x.onnx', 'onnx', 'fp16')
    assert max(written.agreement.values()) < 2e-2
    whole = compare(open_network(written.path), TorchNetwork(model))
    assert all(whole[name] > error for name, error in written.agreement.items())
