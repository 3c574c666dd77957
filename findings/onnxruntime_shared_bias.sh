#!/usr/bin/env bash
# onnxruntime 1.31.1: a bias that two convolutions share is right for the first one only.
#
# quantize_static in the format QOperator writes a bias as integers of the scale of a convolution's
# input times that of its weights. A bias that is met again is taken as it is, with the scale of the
# first input, whatever the second one's is. So the second convolution adds the bias times the ratio
# of the inputs' ranges. Siamese trackers run one backbone on template and search region, heads run
# on several feature maps with the same weights, and exporters write these once. No warning; QDQ,
# the default, is right, and so are copies of the bias. Known in part: pull request 7982 of
# microsoft/onnxruntime, of 2021 and open, says that a bias cannot be shared.
# Seen, bias of 0.5, template in -1 to 1, search region in -10 to 10, bias in the output of each.
# QOperator: 0.5 and 5.02; the search region first: 0.05 and 0.47. A copy for each, and QDQ: 0.5 and
# 0.47, which is 0.5 to the integer next to it.
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

SIZES = dict(template=8, search=16)
RANGES = dict(template=1, search=10)
RNG = np.random.default_rng(0)
INPUTS = [
    {name: np.float32(RNG.uniform(-RANGES[name], RANGES[name], (1, 1, size, size)))
     for name, size in SIZES.items()} for _ in range(20)]


class Reader(CalibrationDataReader):
    def __init__(self):
        self.left = list(INPUTS)

    def get_next(self):
        return self.left.pop() if self.left else None


def write(order, shared):
    """Both inputs through the same convolution, whose weight is 1, in this order."""
    ports = [
        [helper.make_tensor_value_info(name + end, TensorProto.FLOAT, [1, 1, size, size])
         for name, size in SIZES.items()] for end in ('', '_out')]
    constants = dict(w=[[[[1]]]], bias=[0.5], bias_template=[0.5], bias_search=[0.5])
    biases = {name: 'bias' if shared else f'bias_{name}' for name in order}
    graph = helper.make_graph(
        [helper.make_node('Conv', [name, 'w', biases[name]], [f'{name}_out']) for name in order],
        'g', *ports,
        [numpy_helper.from_array(np.float32(value), name) for name, value in constants.items()
         if name in ('w', *biases.values())])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    checker.check_model(model, full_check=True)
    save(model, 'float.onnx')


def bias(file):
    """The output for zeros, of the template and of the search region."""
    zeros = {name: np.zeros((1, 1, size, size), np.float32) for name, size in SIZES.items()}
    session = onnxruntime.InferenceSession(file, providers=['CPUExecutionProvider'])
    return [round(float(one.mean()), 2)
            for one in session.run(['template_out', 'search_out'], zeros)]


found = {}
for order in (('template', 'search'), ('search', 'template')):
    for shared in True, False:
        write(order, shared)
        assert bias('float.onnx') == [0.5, 0.5]
        for kind in QuantFormat.QOperator, QuantFormat.QDQ:
            quantize_static('float.onnx', 'whole.onnx', Reader(), quant_format=kind)
            found[order[0], shared, kind.name] = bias('whole.onnx')
print('first, shared, format: bias of template, search', *found.items(), sep='\n')
wrong = {
    ('template', True, 'QOperator'): [0.5, 5.02], ('search', True, 'QOperator'): [0.05, 0.47]}
for case, biases in found.items():
    np.testing.assert_allclose(biases, wrong.get(case, [0.5, 0.47]), atol=0.02, err_msg=str(case))
PY
