"""VitTrack's ONNX file, and files that users made of it, into trackers of mmct."""
import json

import numpy as np
import pytest
import torch
from tiny import build, same_weights, tracker
from vittrack.conversion import convert_vittrack
from vittrack.reading import read_vittrack

from mmct.api import load_tracker
from mmct.checkpoint import CheckpointError, convert
from mmct.models.torch_network import images
from mmct.runtime.frames import Frames

onnx = pytest.importorskip('onnx', reason='the extra deploy is not installed')
onnxruntime = pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')

from vittrack_files import CHANGES, SHAPE, changed, replace, write  # noqa: E402

CONFIG = 'configs/vittrack.py'


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp('released') / 'tiny.onnx')


@pytest.fixture(scope='module')
def model(file):
    return build(tracker(**SHAPE)).eval()


def maps(model):
    """Of two pairs of noise."""
    rng = torch.Generator().manual_seed(0)
    template, search = (torch.randn(2, 3, size, size, generator=rng) for size in (32, 64))
    with torch.no_grad():
        return model.outputs_of(template[:, None], search)


def assert_same_maps(one, other):
    torch.testing.assert_close(maps(one), maps(other), rtol=0, atol=2e-6)


# What is read

def test_a_tracker_there_and_back(file, model):
    read = read_vittrack(file)
    assert not read.training
    assert_same_maps(read, model)
    layer = 'layers.1.attn.qkv.weight'
    assert torch.equal(read.backbone.state_dict()[layer], model.backbone.state_dict()[layer])


@pytest.mark.parametrize('change', CHANGES)
def test_files_that_users_change(file, tmp_path, change):
    other = changed(file, tmp_path / 'other.onnx', CHANGES[change])
    assert onnx.load(other) != onnx.load(file)
    assert same_weights(read_vittrack(other), read_vittrack(file))


def test_all_changes_at_once(file, tmp_path):
    other = changed(file, tmp_path / 'other.onnx', *(
        CHANGES[name] for name in ('gemms', 'other_order', 'identities', 'constant_nodes',
                                   'rename')))
    assert same_weights(read_vittrack(other), read_vittrack(file))


@pytest.mark.parametrize('opset', [14, 17, 20])
@pytest.mark.parametrize('dynamic', [False, True])
def test_files_exported_otherwise(file, tmp_path, opset, dynamic):
    other = write(tmp_path / 'other.onnx', opset, dynamic)
    assert same_weights(read_vittrack(other), read_vittrack(file))


def test_a_simplified_file(file, tmp_path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / 'simple.onnx')
    onnxruntime.InferenceSession(str(file), options, providers=['CPUExecutionProvider'])
    assert same_weights(read_vittrack(tmp_path / 'simple.onnx'), read_vittrack(file))


@pytest.mark.parametrize('shape', [{'depth': 3}, {'width': 40}, {'mlp_ratio': 2.}])
def test_other_sizes(tmp_path, shape):
    read = read_vittrack(write(tmp_path / 'other.onnx', **shape))
    assert_same_maps(read, build(tracker(**{**SHAPE, **shape})).eval())


# What is not

@pytest.mark.parametrize(('content', 'message'), [
    (b'', 'is not a valid ONNX file'), (b'no network', 'is not a valid ONNX file'),
    (None, 'does not exist')])
def test_no_onnx(tmp_path, content, message):
    path = tmp_path / 'other.onnx'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((CheckpointError, FileNotFoundError), match=message):
        read_vittrack(path)


def test_another_network(tmp_path):
    path = write(tmp_path / 'other.onnx', outputs=('a', 'b', 'c'))
    with pytest.raises(CheckpointError, match='is no VitTrack: it has inputs template, search and '
                       'outputs a, b, c, expected template, search and output1, output2, output3'):
        read_vittrack(path)


def refused(file, tmp_path, change, message):
    other = changed(file, tmp_path / 'other.onnx', change)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_vittrack(other)
    assert str(caught.value).startswith(f'{other}')
    assert '\n' not in str(caught.value)


def node_of(model, op_type, index=0):
    return [node for node in model.graph.node if node.op_type == op_type][index]


def test_another_operator(file, tmp_path):
    def leaky(model):
        node_of(model, 'Relu', 2).op_type = 'LeakyRelu'

    refused(file, tmp_path, leaky, r'node .* \(LeakyRelu\) is not understood')


def test_a_missing_layer(file, tmp_path):
    def shorten(model):
        conv, relu = (node_of(model, op, 2) for op in ('Conv', 'HardSwish'))
        skipped = node_of(model, 'HardSwish', 1)
        last = node_of(model, 'Conv', 3)
        last.input[0] = skipped.output[0]
        weights = {t.name: t for t in model.graph.initializer}
        cut = onnx.numpy_helper.to_array(weights[last.input[1]])[:, :6].copy()
        model.graph.initializer.append(onnx.numpy_helper.from_array(cut, 'cut'))
        last.input[1] = 'cut'
        replace(model, [n for n in model.graph.node
                        if n.output[0] not in (conv.output[0], relu.output[0])])

    refused(file, tmp_path, shorten, 'node .* is not understood: expected backbone.patch_embed.'
            r'layers.3.conv.weight, a kernel, got a table')


def test_a_missing_bias(file, tmp_path):
    def drop(model):
        del node_of(model, 'Conv', -1).input[2]

    refused(file, tmp_path, drop, r'the network lacks head.size.4.bias')


def test_a_layer_too_many(file, tmp_path):
    def scale(model):
        last = node_of(model, 'Conv', -1)
        name = last.output[0]
        last.output[0] = 'before'
        model.graph.initializer.append(
            onnx.numpy_helper.from_array(np.ones((2, 1, 1), np.float32), 'twice'))
        nodes = list(model.graph.node)
        nodes.insert(nodes.index(last) + 1, onnx.helper.make_node(
            'Mul', ['before', 'twice'], [name], 'extra'))
        replace(model, nodes)

    refused(file, tmp_path, scale, r'node extra \(Mul\) is not understood: there is a scale '
            'behind head.size.4.bias')


def test_half_precision(file, tmp_path):
    def halve(model):
        for tensor in model.graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT:
                tensor.CopyFrom(onnx.numpy_helper.from_array(
                    onnx.numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
        for port in (*model.graph.input, *model.graph.output):
            port.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16

    refused(file, tmp_path, halve, 'its weights are float16, give a file in float32')


def test_weights_that_are_not_finite(file, tmp_path):
    def spoil(model):
        tensor = model.graph.initializer[0]
        value = onnx.numpy_helper.to_array(tensor).copy()
        value.flat[0] = np.nan
        tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))

    refused(file, tmp_path, spoil, 'holds values that are not finite')


@pytest.mark.parametrize('shape', [{'num_heads': 2}, {'norm_eps': 0.01}])
def test_the_same_weights_in_another_network(tmp_path, shape):
    path = write(tmp_path / 'other.onnx', **shape)
    with pytest.raises(CheckpointError, match='is no VitTrack: it has such weights but computes '
                       'something else, output1 differs by'):
        read_vittrack(path)


def test_another_width_than_the_configs(tmp_path):
    convert_vittrack(write(tmp_path / 'tiny.onnx', depth=3), tmp_path / 'tiny.pth')
    with pytest.raises(CheckpointError, match='embed_dims: 24, the tracker of the config: 48'):
        load_tracker(CONFIG, tmp_path / 'tiny.pth')


def test_no_way_back(file, tmp_path):
    convert_vittrack(file, tmp_path / 'tiny.pth')
    with pytest.raises(CheckpointError, match='there is no released layout for such trackers, '
                       'tools/export.py writes ONNX'):
        convert(tmp_path / 'tiny.pth', tmp_path / 'back.pth', 'released', 128, 256)


# The released file

@pytest.fixture(scope='module')
def released(golden, tmp_path_factory):
    """The recordings, and the tracker."""
    folder = golden('vittrack')
    path = tmp_path_factory.mktemp('vittrack') / 'vittrack.pth'
    convert_vittrack(folder / 'object_tracking_vittrack_2023sep.onnx', path)
    return folder, path


def test_released_maps(released):
    folder, path = released
    recorded, own = np.load(folder / 'tensors.npz'), load_tracker(CONFIG, path)
    template, search = (images(own, torch.from_numpy(recorded[f'{key}_bgr']))
                        for key in ('template', 'search'))
    with torch.no_grad():
        outputs = own.outputs_of(template[:, None], search)
    for name, value in outputs.items():
        assert np.abs(value.numpy() - recorded[name]).max() < 1e-5


@pytest.mark.parametrize('name', ['tennis', 'bag', 'crossing'])
def test_released_boxes(released, reference, name):
    folder, path = released
    recorded = json.loads((folder / f'track_{name}.json').read_text())['boxes']
    sequences = reference / 'sequences'
    source = sequences / name / 'img' if (sequences / name).is_dir() else sequences / f'{name}.avi'
    tracker, boxes = load_tracker(CONFIG, path), [recorded[0]]
    frames = iter(Frames(source))
    tracker.init(next(frames), recorded[0])
    boxes += [tracker.track(frame)[0] for frame, _ in zip(frames, recorded[1:])]
    assert np.abs(np.array(boxes) - recorded).max() < 0.1
