#!/usr/bin/env bash
# MNN 3.6.1: two modes of ONNX's GridSample become others in the conversion, without a word.
#
# mode "bicubic" ("cubic" since opset 20) is computed as bilinear, padding_mode "reflection" as
# border. The converter ends with "Converted Success!", where it refuses operators that MNN lacks;
# its maintainers call this one complete and aligned with ONNX. The other modes are right.
# Seen, random values, greatest difference from ONNX Runtime 1.31.1: bilinear, linear, nearest,
# zeros and border below 1e-5; bicubic, cubic and reflection above 0.1, and below 1e-5 from what
# ONNX Runtime gives for bilinear, linear and border. Same with align_corners.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    MNN==3.6.1 onnxruntime==1.31.1 onnx==1.23.2 numpy==2.3.5
cd "$place"
venv/bin/python - > stdout 2> stderr <<'PY' || { tail -n 5 stdout stderr; exit 1; }
import _tools
import MNN.expr as expr
import MNN.nn as nn
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, save

rng = np.random.default_rng(0)
IMAGE = np.float32(rng.normal(size=(1, 2, 6, 7)))
GRID = np.float32(rng.uniform(-1.9, 1.9, size=(1, 4, 5, 2)))
WRONG = dict(bicubic='bilinear', cubic='linear', reflection='border')


def sampled(opset, **options):
    """The picture at the grid by ONNX Runtime and by MNN."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (
        ('image', IMAGE.shape), ('grid', GRID.shape), ('y', (1, 2, 4, 5)))]
    node = helper.make_node('GridSample', ['image', 'grid'], ['y'], **options)
    graph = helper.make_graph([node], 'g', ports[:2], ports[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=8)
    checker.check_model(model)
    save(model, 'sample.onnx')
    session = onnxruntime.InferenceSession('sample.onnx', providers=['CPUExecutionProvider'])
    right, = session.run(None, dict(image=IMAGE, grid=GRID))
    _tools.mnnconvert(['mnnconvert', '-f', 'ONNX', '--modelFile', 'sample.onnx',
                       '--MNNModel', 'sample.mnn', '--bizCode', 'sample'])
    inputs = []
    for values in (IMAGE, GRID):
        inputs.append(expr.placeholder(list(values.shape), expr.NCHW, expr.float))
        inputs[-1].write(values)
    module = nn.load_module_from_file('sample.mnn', ['image', 'grid'], ['y'])
    result, = module.forward(inputs)
    return right, np.array(expr.convert(result, expr.NCHW).read()).reshape(right.shape)


def different(one, other):
    return float(np.abs(one - other).max())


for align in (0, 1):
    for opset, option, names in ((16, 'mode', ('bilinear', 'nearest', 'bicubic')),
                                 (20, 'mode', ('linear', 'nearest', 'cubic')),
                                 (16, 'padding_mode', ('zeros', 'border', 'reflection'))):
        found = {name: sampled(opset, align_corners=align, **{option: name}) for name in names}
        for name, (right, result) in found.items():
            print(f'seen: {option} {name}, align_corners {align}: {different(right, result):.3f}')
            if name in WRONG:
                assert different(right, result) > 0.1, name
                assert different(found[WRONG[name]][0], result) < 1e-5, name
            else:
                assert different(right, result) < 1e-5, name
PY
grep '^seen' stdout
