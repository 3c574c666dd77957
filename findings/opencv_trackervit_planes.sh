#!/usr/bin/env bash
# opencv-python-headless 4.10.0.84 and 4.14.0.94: which planes cv2.TrackerVit hands to its network.
#
# The defaults of its parameters meanvalue and stdvalue are ImageNet's, of red, green and blue in
# this order. The frame is not turned from BGR to RGB, though, so blue comes first and is normalised
# as red, and red comes last and is normalised as blue. In 4.14.0 the planes are besides multiplied
# by (0.229, -0.224, -0.225) / (0.229^2 + 0.224^2 + 0.225^2), the inverse of stdvalue as a
# quaternion, in place of 1 / stdvalue.
#
# A network whose score tells the mean of one plane sees a frame that is blue all over.
# Seen, planes in the order of the input: 4.10.0 [2.249 -2.036 -1.804], which is
# (1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225; 4.14.0 [0.77 0.667 0.596].
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/seen.py" <<'PYTHON'
import sys
import cv2
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def network(path, plane):
    """Score 0.5 + (mean of a plane of the search crop) / 20, everywhere."""
    kernel = np.zeros((1, 3, 16, 16), np.float32)
    kernel[0, plane] = 1 / 256 / 20
    five = np.full((1, 2, 16, 16), 0.5, np.float32)
    constants = dict(kernel=kernel, half=np.float32([0.5]).reshape(1, 1, 1, 1), five=five,
                     none=np.zeros((1, 2, 16, 16), np.float32),
                     pick=np.zeros((1, 3, 8, 8), np.float32))
    nodes = [helper.make_node('Conv', ['search', 'kernel'], ['cells'], strides=[16, 16],
                              kernel_shape=[16, 16]),
             helper.make_node('Conv', ['template', 'pick'], ['small'], strides=[8, 8],
                              kernel_shape=[8, 8]),
             helper.make_node('Add', ['cells', 'small'], ['both']),
             helper.make_node('Add', ['both', 'half'], ['output1']),
             helper.make_node('Mul', ['output1', 'none'], ['zero']),
             helper.make_node('Add', ['zero', 'five'], ['output2']),
             helper.make_node('Mul', ['output2', 'none'], ['output3'])]

    def port(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes, 'g', [port('template', 1, 3, 128, 128), port('search', 1, 3, 256, 256)],
        [port('output1', 1, 1, 16, 16), port('output2', 1, 2, 16, 16),
         port('output3', 1, 2, 16, 16)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 14)], ir_version=7)
    checker.check_model(model)
    save(model, path)


def value(folder, plane):
    """What a plane of a blue frame is, as the network sees it."""
    path = f'{folder}/{plane}.onnx'
    network(path, plane)
    frame = np.zeros((400, 400, 3), np.uint8)
    frame[..., 0] = 255
    parameters = cv2.TrackerVit_Params()
    parameters.net = path
    tracker = cv2.TrackerVit_create(parameters)
    tracker.init(frame, (180, 180, 40, 40))
    tracker.update(frame)
    window = (0.5 * (1 - np.cos(2 * np.pi / 17 * np.arange(1, 17)))).max()**2
    return (tracker.getTrackingScore() / window - 0.5) * 20


found = [value(sys.argv[1], plane) for plane in range(3)]
scale = [1 / s for s in STD]
if cv2.__version__ == '4.14.0':
    square = sum(s * s for s in STD)
    scale = [STD[0] / square, -STD[1] / square, -STD[2] / square]
expected = [(one - mean) * k for one, mean, k in zip((1, 0, 0), MEAN, scale)]
print(cv2.__version__, 'planes seen', np.round(found, 3), 'as B, G, R would be',
      np.round(expected, 3))
sys.exit(not np.allclose(found, expected, atol=0.02))
PYTHON
for version in 4.10.0.84 4.14.0.94; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" 'numpy==2.2.6' \
        'onnx==1.23.2'
    "$folder/$version/bin/python" "$folder/seen.py" "$folder"
done
