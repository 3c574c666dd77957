#!/usr/bin/env bash
# onnxslim 0.1.98: two fusions change what a network computes; onnxslim promises the same accuracy.
#
# A constant by which a convolution's output is multiplied goes into the weights as a factor per
# channel if it has as many numbers as there are channels, whatever axis they lie on. So a window
# over the columns or rows of a map that is as wide or high as it has channels weights the channels
# instead. The same constant added is told apart. And a factor behind Gemm and Reshape goes into the
# Gemm's weights even if other nodes read the Gemm, too, as in attention whose queries, which are
# scaled, and keys are of one layer. No warning; without FusionConvMul and FusionGemmMul
# (skip_fusion_patterns) both are right.
# Seen, a Hann window on 16 channels of 16x16, greatest difference from the network before: by
# columns and by rows above 1, by channels below 1e-3; added 0. Scores of attention with a factor of
# 0.5: times 0.5 once more. Both fusions skipped: below 1e-3, times 1.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    onnxslim==0.1.98 onnxruntime==1.31.1 onnx==1.23.2 numpy==2.3.5
"$place/venv/bin/python" - 2> "$place/stderr" <<'PY' || { tail -n 3 "$place/stderr"; exit 1; }
import numpy as np
import onnxruntime
import onnxslim
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

FUSIONS = ['FusionConvMul', 'FusionGemmMul']
rng = np.random.default_rng(0)


def outputs(nodes, shapes, skip, **constants):
    """The output y for an input x, of shapes, before and after onnxslim."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
             for name, shape in zip('xy', shapes)]
    graph = helper.make_graph(
        nodes, 'g', ports[:1], ports[1:],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    checker.check_model(model)
    image = np.float32(rng.normal(size=shapes[0]))
    copy = ModelProto.FromString(model.SerializeToString())
    slim = onnxslim.slim(copy, skip_fusion_patterns=skip)
    return [onnxruntime.InferenceSession(
        network.SerializeToString(), providers=['CPUExecutionProvider']).run(None, dict(x=image))[0]
        for network in (model, slim)]


def window(axis, operator='Mul', skip=None):
    """The greatest difference for a window along an axis of a convolution's output."""
    shape = [1] * 4
    shape[axis] = 16
    before, after = outputs(
        [helper.make_node('Conv', ['x', 'kernel'], ['map'], pads=[1, 1, 1, 1]),
         helper.make_node(operator, ['map', 'window'], ['y'])],
        ([1, 3, 16, 16], [1, 16, 16, 16]), skip,
        kernel=np.float32(rng.normal(size=(16, 3, 3, 3))),
        window=np.float32(np.hanning(16)).reshape(shape))
    return float(np.abs(before - after).max())


def attention(skip=None):
    """By how much onnxslim multiplies the scores of 4 tokens, two heads."""
    before, after = outputs(
        [helper.make_node('Gemm', ['x', 'weight', 'bias'], ['layer'], transB=1),
         helper.make_node('Reshape', ['layer', 'heads'], ['plain']),
         helper.make_node('Mul', ['plain', 'factor'], ['queries']),
         helper.make_node('Reshape', ['layer', 'heads'], ['keys']),
         helper.make_node('Transpose', ['queries'], ['q'], perm=[1, 0, 2]),
         helper.make_node('Transpose', ['keys'], ['k'], perm=[1, 2, 0]),
         helper.make_node('MatMul', ['q', 'k'], ['y'])],
        ([4, 8], [2, 4, 4]), skip,
        weight=np.float32(rng.normal(size=(8, 8))), bias=np.float32(rng.normal(size=8)),
        heads=np.int64([4, 2, 4]), factor=np.float32(0.5))
    return round(float((after / before).mean()), 3)


found = dict(
    columns=window(3), rows=window(2), channels=window(1), added=window(3, 'Add'),
    skipped=window(3, skip=FUSIONS))
scores = attention(), attention(FUSIONS)
print('difference', {name: round(value, 4) for name, value in found.items()})
print('scores times', *scores)
wrong = {name: value > 1 for name, value in found.items()}
assert [name for name, bad in wrong.items() if bad] == ['columns', 'rows'], found
assert all(bad or found[name] < 1e-3 for name, bad in wrong.items()), found
assert scores == (0.5, 1), scores
PY
