#!/usr/bin/env bash
# openvino 2026.4.1 and tract 0.23.9: a ConvTranspose of ONNX with output_shape moves the map.
#
# output_shape says how large the result is, and what the deconvolution gives beyond that is cut
# off; by ONNX on both sides, at the beginning the odd one more. OpenVINO does so without groups.
# With groups, and so where each channel is enlarged by itself, it cuts at the end only, which puts
# all pixels too far to the right and down; tract does this with and without groups. The shape is as
# asked for, and there is no warning. With pads written out in place of output_shape, all are right.
# Seen, a map of 5x5 with a peak in the middle, doubled by the bilinear kernel of 4x4, mean row and
# column of the result: ONNX Runtime 1.31.1 4.5, OpenVINO 4.5 and with two groups 5.5, tract 5.5 and
# 5.5. With pads: 4.5, all.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    openvino==2026.4.1 tract==0.23.9 onnxruntime==1.31.1 onnx==1.23.2 numpy==2.3.5
"$place/venv/bin/python" - "$place" 2> "$place/stderr" <<'PY' ||
import sys

import numpy as np
import onnxruntime
import openvino
import tract
from onnx import TensorProto, checker, helper, numpy_helper, save

SIZE = 10
line = np.float32([1, 3, 3, 1]) / 4


def centres(groups, **options):
    """Mean row and column of the doubled peak by ONNX Runtime, OpenVINO, tract."""
    kernels = np.tile(np.outer(line, line), (groups, 1, 1, 1))
    image = np.zeros((1, groups, 5, 5), np.float32)
    image[:, :, 2, 2] = 1
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, groups, size, size])
             for name, size in (('x', 5), ('y', SIZE))]
    node = helper.make_node(
        'ConvTranspose', ['x', 'w'], ['y'], strides=[2, 2], group=groups, **options)
    graph = helper.make_graph(
        [node], 'g', ports[:1], ports[1:], [numpy_helper.from_array(kernels, 'w')])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    checker.check_model(model)
    file = f'{sys.argv[1]}/model.onnx'
    save(model, file)
    session = onnxruntime.InferenceSession(file, providers=['CPUExecutionProvider'])
    precise = dict(INFERENCE_PRECISION_HINT='f32')
    maps = [session.run(None, {'x': image})[0],
            openvino.Core().compile_model(file, 'CPU', precise)([image])[0],
            tract.onnx().load(file).into_model().into_runnable().run([image])[0].to_numpy()]
    found = []
    for result in maps:
        assert result.shape == (1, groups, SIZE, SIZE), result.shape
        plane = result[0, -1] / result[0, -1].sum()
        found.append([round(float(plane.sum(axis) @ np.arange(SIZE)), 3) for axis in (1, 0)])
    return found


found = {f'{groups} {name}': centres(groups, **{name: value}) for groups in (1, 2)
         for name, value in (('pads', [1] * 4), ('output_shape', [SIZE] * 2))}
print('groups, row and column by ONNX Runtime, OpenVINO, tract', *found.items(), sep='\n')
middle, moved = [4.5, 4.5], [5.5, 5.5]
assert list(found.values()) == [
    [middle] * 3, [middle, middle, moved], [middle] * 3, [middle, moved, moved]], found
PY
    { tail -n 3 "$place/stderr"; exit 1; }
