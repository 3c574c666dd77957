#!/usr/bin/env bash
# onnxruntime 1.31.1: quantize_static gives a Gemm whose alpha or beta is not 1 a wrong bias.
#
# Gemm is alpha * A B + beta * C. The quantizer divides the bias by beta where it has to multiply
# it, and sets beta to 1 (QDQ) or leaves it out (QOperator). QGemm, into which a session fuses QDQ,
# reads the bias by the scales of A and B, not by the one that the file gives, so that an
# optimised session and a plain one of the same file differ. In QOperator alpha multiplies the
# bias, too. No warning; quantize_dynamic is right. So a layer from torch.addmm(..., alpha=, beta=)
# or one into which a factor was folded gets another bias.
# Seen, bias in the output by (alpha, beta), right is beta. QDQ: (1, 1) 1, (0.5, 1) 1, (1, 2) 0.5 or
# plain 1, (1, 0.5) 2 or plain 1. QOperator: (1, 1) 1, (0.5, 1) 0.5, (1, 2) 0.5, (1, 0.5) 2.
# Dynamic: beta each time.
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
from onnxruntime.quantization import (
    CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static)

rng = np.random.default_rng(0)
WEIGHT, BIAS = rng.normal(size=(16, 8)), rng.uniform(1, 2, 8)
INPUTS = [np.float32(rng.normal(size=(5, 16))) for _ in range(20)]


class Reader(CalibrationDataReader):
    def __init__(self):
        self.left = [dict(x=image) for image in INPUTS]

    def get_next(self):
        return self.left.pop() if self.left else None


def write(alpha, beta):
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [5, size])
            for name, size in (('x', 16), ('y', 8))]
    node = helper.make_node('Gemm', ['x', 'w', 'b'], ['y'], alpha=alpha, beta=beta)
    constants = [numpy_helper.from_array(np.float32(value), name)
                 for name, value in (('w', WEIGHT), ('b', BIAS))]
    graph = helper.make_graph([node], 'g', port[:1], port[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    checker.check_model(model)
    save(model, 'float.onnx')


def bias(file, plain=False):
    """How many times the bias is in the output for zeros."""
    options = onnxruntime.SessionOptions()
    if plain:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(file, options, providers=['CPUExecutionProvider'])
    result, = session.run(None, dict(x=np.zeros((5, 16), np.float32)))
    return round(float(np.mean(result / BIAS)), 1)


found = {}
for alpha, beta in ((1., 1.), (0.5, 1.), (1., 2.), (1., 0.5)):
    write(alpha, beta)
    assert bias('float.onnx') == beta
    for kind in QuantFormat.QDQ, QuantFormat.QOperator:
        quantize_static('float.onnx', f'{kind}.onnx', Reader(), quant_format=kind,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    quantize_dynamic('float.onnx', 'dynamic.onnx', weight_type=QuantType.QInt8)
    found[alpha, beta] = [
        bias('QDQ.onnx'), bias('QDQ.onnx', plain=True), bias('QOperator.onnx'),
        bias('dynamic.onnx')]
print('bias by (alpha, beta): QDQ, QDQ plain, QOperator, dynamic', *found.items(), sep='\n')
assert found == {(1, 1): [1, 1, 1, 1], (0.5, 1): [1, 1, 0.5, 1], (1, 2): [0.5, 1, 0.5, 2],
                 (1, 0.5): [2, 1, 2, 0.5]}, found
PY
