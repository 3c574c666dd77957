#!/usr/bin/env bash
# onnx2torch 1.5.15: NonZero comes out transposed, and ConvTranspose ignores output_shape.
#
# ONNX's NonZero has a row for each axis, as numpy.nonzero; the converted one is torch.nonzero, with
# a row for each element. So the cells of a score map above a threshold swap rows with columns, and
# a choice by a mask (NonZero, Transpose, GatherND, as PyTorch exports it) reads other cells: in
# silence where no more cells are chosen than there are axes, with an error elsewhere. And a
# ConvTranspose whose pads follow from output_shape gets none, and its map is larger. onnx2torch
# refuses what it does not support, and warns of what may differ, as in Resize; here it does not.
# Seen, a map of 4x6 with peaks of 0.9 at (1, 2) and 0.7 at (3, 5). ONNX Runtime, onnx2torch:
# rows of the peaks [1 3], [1 2]; scores of the peaks [0.9 0.7], [0 0]. 8x8 by a kernel of 4x4 with
# stride 2 and output_shape 16x16: 16x16, 18x18, whose inner 16x16 is the former.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    onnx2torch==1.5.15 onnx==1.23.2 numpy==2.3.5 torch==2.13.0 torchvision==0.28.0 \
    onnxruntime==1.31.1
"$place/venv/bin/python" - 2> "$place/stderr" <<'PY' || { tail -n 3 "$place/stderr"; exit 1; }
import warnings

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, checker, helper, numpy_helper

try:
    import torchvision  # noqa: F401
except RuntimeError:  # a build for CUDA beside a torch for the processor; not needed here
    for name in ('nms', 'qnms'):
        torch.library.define(
            f'torchvision::{name}', '(Tensor boxes, Tensor scores, float iou) -> Tensor')
from onnx2torch import convert


def outputs(nodes, image, kind, shape, **constants):
    """The output y for an input x, of ONNX Runtime and of the converted network."""
    graph = helper.make_graph(
        nodes, 'g', [helper.make_tensor_value_info('x', TensorProto.FLOAT, image.shape)],
        [helper.make_tensor_value_info('y', kind, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8)
    checker.check_model(model, full_check=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('error')
        converted = convert(model).eval()(torch.from_numpy(image)).numpy()
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider'])
    return session.run(None, dict(x=image))[0], converted


scores = np.zeros((4, 6), np.float32)
scores[1, 2], scores[3, 5] = 0.9, 0.7
nonzero = helper.make_node('NonZero', ['x'], ['cells'])
rows = outputs(
    [nonzero, helper.make_node('Gather', ['cells', 'axis'], ['y'])],
    scores, TensorProto.INT64, ['peaks'], axis=np.int64(0))
peaks = outputs(
    [nonzero, helper.make_node('Transpose', ['cells'], ['places'], perm=[1, 0]),
     helper.make_node('GatherND', ['x', 'places'], ['y'])],
    scores, TensorProto.FLOAT, ['peaks'])
rng = np.random.default_rng(0)
small, large = outputs(
    [helper.make_node('ConvTranspose', ['x', 'w'], ['y'], strides=[2, 2], output_shape=[16, 16])],
    np.float32(rng.normal(size=(1, 2, 8, 8))), TensorProto.FLOAT, [1, 3, 16, 16],
    w=np.float32(rng.normal(size=(2, 3, 4, 4))))
print('rows of the peaks', *rows)
print('scores of the peaks', *peaks)
print('ConvTranspose', small.shape, large.shape)
np.testing.assert_array_equal(rows, [[1, 3], [1, 2]])
np.testing.assert_array_equal(peaks, np.float32([[0.9, 0.7], [0, 0]]))
assert (small.shape, large.shape) == ((1, 3, 16, 16), (1, 3, 18, 18))
np.testing.assert_allclose(small, large[:, :, 1:-1, 1:-1], atol=1e-5)
PY
