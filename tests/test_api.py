import cv2
import numpy as np
import pytest
import torch
from tiny import build, pair_batch, predicted, save_teacher, student, tracker

from mmct import load_tracker
from mmct.api import fuse_for_inference
from mmct.checkpoint import load_weights, save_tracker
from mmct.models.torch_network import TorchNetwork
from mmct.runtime import Tracker

CONFIG = """
custom_imports = dict(imports=['mmct'])
model = {model}
"""


@pytest.fixture
def files(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(CONFIG.format(model=tracker()))
    return config, save_teacher(tmp_path / 'tracker.pth')


@pytest.fixture
def frames():
    """A disc that moves over noise."""
    rng = np.random.default_rng(0)
    background = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    return [cv2.circle(background.copy(), (60 + 2 * i, 60), 12, (0, 0, 255), -1)
            for i in range(5)]


def test_tracks_as_the_model_it_was_loaded_from(files, frames):
    """Folding batch norm away changes nothing but the time it takes."""
    plain = build(tracker(), seed=3).eval()
    load_weights(plain, files[1])
    loaded = load_tracker(*files)
    assert not [m for m in loaded.head.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for model in (plain, loaded):
        model.init(frames[0], (48, 48, 24, 24))
    for frame in frames[1:]:
        (box, score), (expected, expected_score) = loaded.track(frame), plain.track(frame)
        assert np.allclose(box, expected, atol=1e-3)
        assert abs(score - expected_score) < 1e-5
        x, y, w, h = box
        assert 0 <= x < 160
        assert 0 <= y < 120
        assert w > 0
        assert h > 0


def test_batch_norm_of_a_stem_is_folded_away():
    plain, made = (build(tracker(patch_embed={'type': 'ConvStem'})).eval() for _ in range(2))
    made = fuse_for_inference(made)
    assert not [m for m in made.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    batch = pair_batch()
    with torch.no_grad():
        own, expected = (predicted(model, batch).outputs for model in (made, plain))
        assert own.keys() == {'score', 'size', 'offset'}
        torch.testing.assert_close(own, expected, rtol=0, atol=1e-6)


def test_a_compression_gives_its_student(tmp_path, files):
    model = {'type': 'ReplacementDistiller', 'teacher': tracker(), 'student': student()}
    files[0].write_text(CONFIG.format(model=model))
    save_tracker(build(student()).state_dict(), tmp_path / 'student.pth', student=True)
    assert len(load_tracker(files[0], tmp_path / 'student.pth').backbone.layers) == 2


def test_config_and_checkpoint(files, frames):
    follower, reference = Tracker(*files), Tracker(TorchNetwork(build(tracker()).eval()))
    for one in (follower, reference):
        one.init(frames[0], (48, 48, 24, 24))
    for frame in frames[1:]:
        assert follower.update(frame)[0] == pytest.approx(reference.update(frame)[0], abs=1e-3)


@pytest.mark.parametrize(('kwargs', 'message'), [
    ({'checkpoint': None}, 'the config .*config.py needs a checkpoint, too: --checkpoint'),
    ({'backend': 'openvino'}, 'backend openvino runs files .xml, got .*config.py'),
    ({'precision': 'int8'}, 'backend torch computes in fp32, bf16, fp16, not in int8; no backend'),
])
def test_configs_that_cannot_be_opened(files, kwargs, message):
    with pytest.raises(ValueError, match=message) as caught:
        Tracker(files[0], **{'checkpoint': files[1], **kwargs})
    assert '\n' not in str(caught.value)


def test_missing_files_are_named(files):
    with pytest.raises(FileNotFoundError, match='config nowhere.py does not exist'):
        load_tracker('nowhere.py', files[1])
    with pytest.raises(FileNotFoundError, match=r'checkpoint nowhere.pth does not exist'):
        load_tracker(files[0], 'nowhere.pth')


@pytest.mark.parametrize('threads', [-1, 0, 1.5])
def test_threads_that_are_none(files, threads):
    with pytest.raises(ValueError, match=f'threads={threads} must be in .*, a whole number'):
        Tracker(*files, threads=threads)
