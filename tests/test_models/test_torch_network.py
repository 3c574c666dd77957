"""A tracker of PyTorch as a network of the runtime."""
import copy

import numpy as np
import pytest
import torch
from commands import ROOT
from mmengine.config import Config
from tiny import build, same_weights, tracker
from torch.utils._python_dispatch import TorchDispatchMode

from mmct.models.torch_network import EncodeNetwork, StepNetwork, TorchNetwork
from mmct.runtime.templates import count_templates

CONFIGS = ('demo/ostrack_tiny', 'demo/ct_ostrack_tiny_4l', 'demo/ct_ostrack_tiny_4l_ce',
           'demo/ct_ostrack_tiny_4l_smat', 'demo/odtrack_tiny', 'demo/mixformerv2_tiny',
           'demo/sutrack_tiny', 'ct_vittrack_fast')


class Casts(TorchDispatchMode):
    """Where the tensors lie that are converted to another type."""

    def __init__(self):
        super().__init__()
        self.places = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if (func.overloadpacket in (torch.ops.aten.to, torch.ops.aten._to_copy)
                and result.dtype != args[0].dtype):
            self.places.add(args[0].data_ptr())
        return result


def tracker_of(config):
    """The tracker of a config, or the student, with weights that differ everywhere."""
    if config == 'corner':
        return build(tracker('CornerHead')).eval()
    model = Config.fromfile(ROOT / f'configs/{config}.py').model
    return build(model.get('student', model)).eval()


def noise_for(info):
    """Templates, their boxes, a search crop and the first memory."""
    rng = np.random.default_rng(0)
    count = count_templates(info.templates)
    templates, search = (rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
                         for n, size in ((count, info.template_size), (1, info.search_size)))
    boxes = np.tile(np.float32([0.25, 0.25, 0.5, 0.5]) * info.template_size, (count, 1))
    memory = [rng.normal(size=(1, *info.memory)).astype(np.float32)] if info.memory[0] else None
    return templates, boxes, search, memory


@pytest.mark.parametrize('config', [*CONFIGS, 'corner'])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_rounds_the_weights_once(config, dtype):
    """To the bit what autocast gives, which would round them in each frame."""
    model = tracker_of(config)
    given = copy.deepcopy(model.state_dict())
    templates, boxes, search, memory = noise_for(model.info)
    network = TorchNetwork(model, dtype=dtype)
    encoded = network.encode(templates, boxes)
    with Casts() as casts:
        found = network.step([encoded], search, memory)
    assert casts.places
    # SUTrack's first convolution has its bias beside a kernel that is a sum.
    assert not casts.places & {
        weight.data_ptr() for weight in model.parameters() if weight.dim() > 1}

    with torch.inference_mode(), torch.autocast('cpu', dtype):
        expected = StepNetwork(model)(
            encoded, torch.from_numpy(search), memory and torch.from_numpy(memory[0]))
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert np.array_equal(value, expected[name].float().numpy())
    # The tracker given is as it was, and templates are encoded by it.
    assert same_weights(model, given)
    with torch.inference_mode():
        reference = EncodeNetwork(model)(*(torch.from_numpy(own)[None]
                                           for own in (templates, boxes)))
    assert all(torch.equal(encoded[name], value) for name, value in reference.items())


def test_half_precision_shares_what_is_not_rounded():
    """The copy takes half of the memory of linear layers and convolutions."""
    model = tracker_of('demo/ct_ostrack_tiny_4l')
    network = TorchNetwork(model, dtype=torch.bfloat16)
    own = {weight.data_ptr(): weight for weight in network._step.parameters()}
    rounded = [own[place] for place in own.keys() - {w.data_ptr() for w in model.parameters()}]
    assert {weight.dtype for weight in rounded} == {torch.bfloat16}
    layers = [layer for layer in model.modules()
              if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d))]
    assert sum(weight.numel() for weight in rounded) == sum(
        weight.numel() for layer in layers for weight in layer.parameters())
    assert TorchNetwork(model)._step.tracker is model
