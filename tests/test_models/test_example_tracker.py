"""The example of docs/add_teacher.md: SimTrack's foveal window beside mmct's trackers."""
import runpy

import numpy as np
import pytest
import torch
from commands import ROOT
from mmtrack.registry import MODELS
from tiny import build, distiller, embedded, pair_batch, predicted, save_teacher, tracker

from mmct.api import fuse_for_inference
from mmct.deploy import export_tracker
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker

EXAMPLE = ROOT / 'docs/examples/simtrack.py'
TEMPLATE, SEARCH = 64, 64  # 4×4 patches of which the window is one


@pytest.fixture(scope='module', autouse=True)
def simtrack():
    if MODELS.get('SimTrack') is None:
        runpy.run_path(str(EXAMPLE))


def config(**backbone) -> dict:
    shape = {'type': 'FovealViT', 'template_size': TEMPLATE, 'search_size': SEARCH, **backbone}
    return tracker('CornerHead', **shape) | {'type': 'SimTrack'}


def student() -> dict:
    own = config(type='StageDividedFovealViT', division=2, teacher_depth=4)
    del own['backbone']['depth']
    return own


def test_the_example_is_short():
    assert len(EXAMPLE.read_text().splitlines()) < 150


def test_the_window_is_the_middle_shifted_by_half_a_patch():
    model = build(config())
    clip = pair_batch(template=TEMPLATE, search=SEARCH)
    tokens = embedded(model, clip)
    assert list(tokens.groups) == ['template', 'fovea', 'search']
    backbone = model.backbone
    middle = clip.templates[:, 0, :, 24:40, 24:40]
    expected = backbone.patch_embed(middle) + backbone.pos_embed_f
    assert torch.equal(tokens.group('fovea'), expected)
    with pytest.raises(ValueError, match='template_size=48 is too small for a foveal window'):
        build(config(template_size=48))


def test_the_unchanged_distiller_compresses_it(tmp_path):
    file = save_teacher(tmp_path / 'teacher.pth', config())
    model = MODELS.build(distiller(file, config(), student=student())).train()
    model.build_teacher()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 3e-3)
    clip, totals = pair_batch(4, TEMPLATE, SEARCH), []
    for _ in range(40):
        losses = model.losses(clip, clip, [True, True])
        assert {'loss_guidance_giou', 'loss_mimic', 'mimic_error_2'} < losses.keys()
        loss = sum(value for name, value in losses.items() if name.startswith('loss'))
        totals.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert totals[-1] < 0.5 * totals[0]
    assert model.student.backbone.pos_embed_f.grad.abs().sum() > 0


def test_it_tracks_as_a_network_and_as_a_file(tmp_path):
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    model = build(config())
    clip = pair_batch(1, TEMPLATE, SEARCH)
    model.eval()
    with torch.inference_mode():
        expected = predicted(model, clip).boxes
        encoded = model.encode(clip.templates, clip.template_boxes)
        found = model.step(encoded, clip.searches[:, 0], model.init_memory(clip.searches)).boxes
    assert torch.allclose(found, expected, atol=1e-6)
    model = fuse_for_inference(model)
    written = export_tracker(model, tmp_path / 'simtrack.onnx')
    frames = np.random.default_rng(0).integers(0, 256, (4, 90, 120, 3), dtype=np.uint8)
    boxes = []
    for own in (Tracker(TorchNetwork(model)), Tracker(written.path)):
        own.init(frames[0], (40, 30, 20, 24))
        boxes.append([own.update(frame)[0] for frame in frames[1:]])
    np.testing.assert_allclose(boxes[0], boxes[1], atol=1e-2)
