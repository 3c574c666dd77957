"""Batch norm that was folded away, and what training makes of it."""
import copy

import numpy as np
import pytest
import torch
from tiny import MODELS, build, distiller, pair_batch, student, tracker
from torch import nn
from vittrack.batch_norm import restore_batch_norm
from vittrack.reading import read_vittrack
from vittrack_files import SHAPE, write

from mmct.checkpoint import save_tracker
from mmct.deploy.calibration import Sample
from mmct.models.torch_network import images


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp('released') / 'tiny.onnx')


@pytest.fixture(scope='module')
def pairs():
    """Crops of blobs, more alike within one than from one to the next."""
    rng = np.random.default_rng(0)
    box, found = np.float32([[8, 8, 16, 16]]), []
    for _ in range(64):
        template, search = (np.kron(rng.integers(0, 256, (size // 8, size // 8, 3)),
                                    np.ones((8, 8, 1))).astype(np.uint8) for size in (32, 64))
        found.append(Sample(template[None], box, search))
    return found


def crops_of(model, pairs):
    """Templates (B, 1, 3, Sz, Sz) and search crops (B, 3, Sx, Sx)."""
    return (images(model, torch.from_numpy(np.stack(own))) for own in (
        [pair.templates for pair in pairs], [pair.search for pair in pairs]))


@pytest.fixture(scope='module')
def restored(file, pairs):
    model = read_vittrack(file)
    restore_batch_norm(model, pairs)
    return model


def maps(model, pairs):
    """Score, offset and size of pairs, side by side."""
    with torch.no_grad():
        outputs = model.outputs_of(*crops_of(model, pairs))
    return torch.cat([outputs[name] for name in ('score', 'offset', 'size')], dim=1)


def in_training(model, pairs):
    """The same by batch statistics."""
    return maps(copy.deepcopy(model).train(), pairs)


def norms(model) -> dict:
    return {name: m for name, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}


def test_outputs_stay(file, restored, pairs):
    expected = maps(read_vittrack(file), pairs)
    torch.testing.assert_close(maps(restored, pairs), expected, rtol=0, atol=2e-6)


def test_statistics_are_of_the_convolutions(restored, pairs):
    templates, search = crops_of(restored, pairs)
    template = templates[:, 0]
    conv = restored.backbone.patch_embed.layers[0].conv
    norm = restored.backbone.patch_embed.layers[0].bn
    with torch.no_grad():
        values = [conv(crops).transpose(0, 1).flatten(1) for crops in (template, search)]
    mean = sum(value.mean(1) for value in values) / 2
    torch.testing.assert_close(norm.running_mean, mean, rtol=1e-3, atol=1e-4)
    assert torch.equal(norm.bias, norm.running_mean)
    torch.testing.assert_close(norm.weight, (norm.running_var + norm.eps).sqrt())
    assert all(own.num_batches_tracked for own in norms(restored).values())


def test_training_is_near_test(restored, pairs):
    own = maps(restored, pairs)
    error = (in_training(restored, pairs) - own).std() / own.std()
    neutral = copy.deepcopy(restored)
    for norm in norms(neutral).values():
        norm.reset_running_stats()
        nn.init.ones_(norm.weight)
        nn.init.zeros_(norm.bias)
    worse = (in_training(neutral, pairs) - own).std() / own.std()
    assert error < 0.1 < worse


def test_training_without_statistics_is_refused(file, restored):
    with pytest.raises(ValueError, match='backbone.patch_embed.layers.0.bn has no statistics, .* '
                       'tools/convert_weights.py --calibration CONFIG'):
        read_vittrack(file).train()
    restored.train().eval()
    build(tracker(**SHAPE)).train()
    MODELS.build(tracker(**SHAPE)).train()


@pytest.mark.parametrize('calibrated', [False, True])
def test_compression_without_statistics_is_refused(file, pairs, tmp_path, calibrated):
    teacher = read_vittrack(file)
    if calibrated:
        restore_batch_norm(teacher, pairs)
    save_tracker(teacher.state_dict(), tmp_path / 'teacher.pth', student=False)
    shape = {key: value for key, value in SHAPE.items() if key != 'depth'}
    config = distiller(tmp_path / 'teacher.pth', tracker(**SHAPE),
                       student=student(1, teacher_depth=2, **shape))
    model = MODELS.build(config).train()
    if not calibrated:
        for mode in (True, False):  # a hook may build it to look at it
            with pytest.raises(ValueError, match='has no statistics'):
                model.train(mode).build_teacher()
        return
    model.build_teacher()
    batch = pair_batch()
    losses = model.losses(batch, batch, [True])
    assert model.parse_losses(losses)[0].isfinite()


def test_statistics_of_the_stem_can_be_kept(restored, pairs):
    shape = {**SHAPE, 'patch_embed': {'type': 'ConvStem', 'norm_eval': True}}
    model = MODELS.build(tracker(**shape))
    model.load_state_dict(restored.state_dict())
    before = copy.deepcopy(model.state_dict())
    maps(model.train(), pairs)
    changed = {name for name, value in model.state_dict().items()
               if not torch.equal(value, before[name])}
    assert any(name.startswith('head.') for name in changed)
    assert not any(name.startswith('backbone.') for name in changed)
    templates, _ = crops_of(model, pairs)
    with torch.no_grad():
        torch.testing.assert_close(model.backbone.encode(templates),
                                   restored.eval().backbone.encode(templates))
