#!/usr/bin/env bash
# openvino 2026.4.1 on the processor (x86-64), f32, execution mode ACCURACY: activations hide NaN.
#
# ReLU makes 0 of it, Clamp its lower limit, HardSigmoid 1; a maximum or minimum over an axis passes
# over it; Max gives NaN or the number, by which of the two comes first. A network that is broken
# (one weight is NaN, infinity minus infinity) so yields plain numbers of its usual range, where
# ONNX Runtime yields NaN. ReLU of a constant, computed as the model is compiled, gives NaN in
# OpenVINO too. The specification of these operators does not speak of NaN, that of TopK does.
# Seen, OpenVINO of NaN: Relu 0, Clip(0.25, 1) 0.25, HardSigmoid 1, ReduceMax of (NaN, -1, 3) 3,
# ReduceMin of them -1, Max(NaN, 0) 0, Max(0, NaN) NaN, Relu of a constant NaN. Two convolutions,
# the first with a bias of NaN, with Relu and Clip: none of 64 values is NaN. ONNX Runtime 1.31.1:
# NaN in each case, and 64 of 64.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    openvino==2026.4.1 onnxruntime==1.31.1 onnx==1.23.2 numpy==2.3.5
"$place/venv/bin/python" - <<'PY'
import numpy as np
import onnxruntime
import openvino
from onnx import TensorProto, checker, helper, numpy_helper

NAN = float('nan')
PRECISE = dict(INFERENCE_PRECISION_HINT='f32', EXECUTION_MODE_HINT='ACCURACY')


def run(nodes, shape, image, **constants):
    """The output y, of a shape, of nodes with an input x, in ONNX Runtime and in OpenVINO."""
    def port(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs = {} if image is None else dict(x=image)
    graph = helper.make_graph(
        nodes, 'g', [port(name, value.shape) for name, value in inputs.items()],
        [port('y', shape)],
        [numpy_helper.from_array(np.float32(value), name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    checker.check_model(model)
    file = model.SerializeToString()
    session = onnxruntime.InferenceSession(file, providers=['CPUExecutionProvider'])
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(file, b''), 'CPU', PRECISE)
    return session.run(None, inputs)[0], compiled(inputs)[0]


def one(operator, values, inputs=('x',), **options):
    """What an operator makes of a NaN: in ONNX Runtime, in OpenVINO."""
    constants = dict(low=0.25, high=1, zero=[0], constant=[NAN])
    used = {name: constants[name] for name in inputs if name != 'x'}
    image = np.float32(values) if 'x' in inputs else None
    node = helper.make_node(operator, inputs, ['y'], **options)
    return [float(value[0]) for value in run([node], [1], image, **used)]


found = {
    'Relu': one('Relu', [NAN]),
    'Clip': one('Clip', [NAN], ('x', 'low', 'high')),
    'HardSigmoid': one('HardSigmoid', [NAN]),
    'ReduceMax': one('ReduceMax', [NAN, -1, 3], axes=[0]),
    'ReduceMin': one('ReduceMin', [NAN, -1, 3], axes=[0]),
    'Max(NaN, 0)': one('Max', [NAN], ('x', 'zero')),
    'Max(0, NaN)': one('Max', [NAN], ('zero', 'x')),
    'Relu of a constant': one('Relu', None, ('constant',)),
}
expected = dict(zip(found, (0, 0.25, 1, 3, -1, 0, NAN, NAN)))
print('NaN in OpenVINO', openvino.__version__, {name: pair[1] for name, pair in found.items()})
assert np.isnan([pair[0] for pair in found.values()]).all(), found
np.testing.assert_equal({name: pair[1] for name, pair in found.items()}, expected)

rng = np.random.default_rng(0)
network = [helper.make_node('Conv', ['x', 'first', 'bias'], ['a'], pads=[1, 1, 1, 1]),
           helper.make_node('Relu', ['a'], ['b']),
           helper.make_node('Conv', ['b', 'second'], ['c'], pads=[1, 1, 1, 1]),
           helper.make_node('Clip', ['c', 'low', 'high'], ['y'])]
broken = run(network, [1, 1, 8, 8], rng.random((1, 1, 8, 8), np.float32),
             first=rng.normal(size=(2, 1, 3, 3)), bias=[NAN, 0],
             second=rng.normal(size=(1, 2, 3, 3)), low=0, high=1)
nans = [int(np.isnan(value).sum()) for value in broken]
print('two convolutions, NaN of 64 values: ONNX Runtime', nans[0], 'OpenVINO', nans[1])
assert nans == [64, 0], nans
PY
