"""Post-training quantization to int8."""
import logging
import re
from collections.abc import Iterable

import numpy as np

from ..utils.extras import require

# Stay as precise as they are: the convolutions that give the box, products of a head, which are of
# few tokens, and the convolution that sees pixels.
SENSITIVE = re.compile(r'/head/.*\.4/Conv|/head/.*(MatMul|Gemm)|/patch_embed/|/proj/Conv')


def quantize(model, samples: Iterable[dict[str, np.ndarray]], bias: str = 'exact'):
    """An ONNX or OpenVINO model with int8 products.

    Args:
        samples: inputs by name, to calibrate with.
        bias: 'exact' corrects the mean of each layer's output with all layers before it in int8;
            'fast' takes each layer by itself, in a fraction of the time, and is what ONNX models
            whose layers share inputs get.
    """
    nncf = require('nncf')
    nncf.set_log_level(logging.ERROR)
    samples = list(samples)
    if hasattr(model, 'graph'):
        names = [node.name for node in model.graph.node]
        # There NNCF's exact correction writes files that ONNX Runtime does not load.
        inputs = [node.input[0] for node in model.graph.node if node.op_type == 'MatMul']
        bias = bias if len(set(inputs)) == len(inputs) else 'fast'
    else:
        names = [op.get_friendly_name() for op in model.get_ops()]
    return nncf.quantize(
        model, nncf.Dataset(samples), model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED, subset_size=len(samples),
        fast_bias_correction=bias == 'fast',
        ignored_scope=nncf.IgnoredScope(
            names=[name for name in names if SENSITIVE.search(name)], validate=False))
