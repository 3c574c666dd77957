#!/usr/bin/env bash
# onnxruntime 1.31.1: quantize_static leaves Relu and Clip out where nothing does their work.
#
# It takes the range that calibration saw behind a Relu or Clip for the tensor before it, too, and
# leaves the node out, as saturation then does the same. But a range always includes 0: a Clip whose
# limits do not, such as a clamp to at least 2 pixels, lets all between a limit and 0 through. And
# where the tensor before a Relu is an output of the network as well, that output loses its negative
# values. In QOperator the Relu is left out even if other nodes read that tensor, as in residual
# blocks with pre-activation; the range is then the one before the Relu, and nothing is cut off. QDQ
# keeps it there. No warning. With symmetric activations (extra_options) all are kept; for these and
# for signed numbers the same was reported before (issues 9425 and 11660 of microsoft/onnxruntime).
# Seen for x of -4, 1, 4. Clip(x, 2, 6), right 2, 2, 4: 0, 1, 4. Clip(x, -6, -2), right -4, -2, -2:
# -4, 0, 0. x beside Relu(x), right -4, 1, 4: 0, 1, 4. All these in both formats. A block x + f, f
# Relu(x) - Relu(-x), right -8, 2, 8: QOperator -12, 3, 12, QDQ right. ActivationSymmetric: right.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    onnxruntime==1.31.1 onnx==1.23.2 numpy==2.3.5
cd "$place"
venv/bin/python - 2> stderr <<'PY' || { tail -n 3 stderr; exit 1; }
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper, save
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

SHAPE = [1, 2, 1, 17]
IMAGE = np.float32([np.linspace(-8, 8, 17), np.linspace(8, -8, 17)]).reshape(SHAPE)


class Reader(CalibrationDataReader):
    def __init__(self):
        self.left = [dict(x=IMAGE)]

    def get_next(self):
        return self.left.pop() if self.left else None


def write(nodes, output, **constants):
    """A network that begins with a convolution, x to c, that changes nothing."""
    names = ['c', 'y'] if output == 'c' else ['y']
    constants.update(w=np.eye(2)[..., None, None], v=[[[[1]], [[-1]]]] * 2)
    graph_nodes = [helper.make_node('Conv', ['x', 'w'], ['c']), *nodes]
    graph = helper.make_graph(
        graph_nodes, 'g',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in names],
        [numpy_helper.from_array(np.float32(value), name) for name, value in constants.items()
         if name in {one for node in graph_nodes for one in node.input}])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    checker.check_model(model, full_check=True)
    save(model, 'float.onnx')


def values(file, output):
    """The output for -4, 1 and 4 in the first channel."""
    session = onnxruntime.InferenceSession(file, providers=['CPUExecutionProvider'])
    result, = session.run([output], dict(x=IMAGE))
    return [round(float(result[0, 0, 0, place]), 1) for place in (4, 9, 12)]


relu = helper.make_node('Relu', ['c'], ['r'])
clip = helper.make_node('Clip', ['c', 'low', 'high'], ['y'])
end = helper.make_node('Conv', ['r', 'w'], ['y'])
branch = helper.make_node('Conv', ['r', 'v'], ['b'])
cases = {
    'Clip(x, 2, 6)': ([clip], 'y', dict(low=2, high=6)),
    'Clip(x, -6, -2)': ([clip], 'y', dict(low=-6, high=-2)),
    'x beside Relu(x)': ([relu, end], 'c', {}),
    'x + f': ([relu, branch, helper.make_node('Add', ['c', 'b'], ['y'])], 'y', {}),
}
found = {}
for name, (nodes, output, constants) in cases.items():
    write(nodes, output, **constants)
    row = [values('float.onnx', output)]
    for symmetric in False, True:
        for kind in QuantFormat.QDQ, QuantFormat.QOperator:
            quantize_static('float.onnx', 'whole.onnx', Reader(), quant_format=kind,
                            extra_options=dict(ActivationSymmetric=symmetric))
            row.append(values('whole.onnx', output))
    found[name] = row
print('float; QDQ, QOperator; both symmetric', *found.items(), sep='\n')
seen = {
    'Clip(x, 2, 6)': ([2, 2, 4], [0, 1, 4], [0, 1, 4]),
    'Clip(x, -6, -2)': ([-4, -2, -2], [-4, 0, 0], [-4, 0, 0]),
    'x beside Relu(x)': ([-4, 1, 4], [0, 1, 4], [0, 1, 4]),
    'x + f': ([-8, 2, 8], [-8, 2, 8], [-12, 3, 12]),
}
for name, (right, *rest) in seen.items():
    np.testing.assert_allclose(found[name], [right, *rest, right, right], atol=0.2, err_msg=name)
PY
