#!/usr/bin/env bash
# onnx 1.23.2: ReferenceEvaluator computes some operators of an older opset by newer rules.
#
# It is ONNX's own implementation in Python, which others are compared with. It has a class for each
# version of an operator such as Clip or Slice, but one for all of Softmax, LogSoftmax and Hardmax:
# before opset 13 they are over all axes from axis on, here over this axis. So it is with RoiAlign,
# which before opset 16 did not move its boxes by half a pixel. BatchNormalization of opsets 9 to 13
# mixes the statistics of the batch into those that it is given (known: pull request 8442 of
# onnx/onnx, of 2026 and open). And MaxPool of any opset, with SAME_LOWER and strides, gives another
# result, or one that is smaller than the size by the stride, rounded up. No warning. A network of
# that age seems wrong in a runtime that is right.
# Seen, greatest difference from ONNX Runtime 1.31.1 in the older and in the newer opset: Softmax,
# LogSoftmax, Hardmax over axis 1 of 3, RoiAlign, BatchNormalization above 0.05 and below 1e-5;
# MaxPool 3x3 of 8x8 with stride 2, SAME_LOWER above 0.5, SAME_UPPER 0; stride 3, SAME_LOWER 2x2 in
# place of 3x3.
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
from onnx import TensorProto, checker, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator


def outputs(opset, operator, image, *constants, **attributes):
    """What ReferenceEvaluator and ONNX Runtime give for one operator of an opset."""
    names = [f'c{place}' for place in range(len(constants))]
    graph = helper.make_graph(
        [helper.make_node(operator, ['x', *names], ['y'], **attributes)], 'g',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, image.shape)],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in zip(names, constants)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=8)
    model = shape_inference.infer_shapes(model, strict_mode=True)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider'])
    return [run.run(None, dict(x=image))[0] for run in (ReferenceEvaluator(model), session)]


def difference(*arguments, **attributes):
    reference, runtime = outputs(*arguments, **attributes)
    return float(np.abs(reference - runtime).max())


rng = np.random.default_rng(0)
image = np.float32(rng.normal(size=(1, 3, 8, 8)))
vectors = np.float32(rng.uniform(0.5, 2, (4, 3)))
box = np.float32([[1, 1, 6, 5]]), np.int64([0])
found = {
    name: [difference(opset, name, image[0], axis=1) for opset in (12, 13)]
    for name in ('Softmax', 'LogSoftmax', 'Hardmax')}
found['RoiAlign'] = [
    difference(opset, 'RoiAlign', image, *box, output_height=3, output_width=3, sampling_ratio=2)
    for opset in (15, 16)]
found['BatchNormalization'] = [
    difference(opset, 'BatchNormalization', image, *vectors) for opset in (13, 14)]
pool = dict(kernel_shape=[3, 3], strides=[2, 2])
found['MaxPool'] = [
    difference(17, 'MaxPool', image, auto_pad=pad, **pool) for pad in ('SAME_LOWER', 'SAME_UPPER')]
pool['strides'] = [3, 3]
shapes = [one.shape[2:] for one in outputs(17, 'MaxPool', image, auto_pad='SAME_LOWER', **pool)]
print('older and newer opset; MaxPool: lower and upper', *found.items(), sep='\n')
print('MaxPool, stride 3', shapes)
for name, (wrong, right) in found.items():
    assert wrong > (0.5 if name == 'MaxPool' else 0.05) and right < 1e-5, (name, wrong, right)
assert shapes == [(2, 2), (3, 3)], shapes
PY
