"""How fast OpenVINO multiplies at best."""
import time

import numpy as np
import openvino as ov
import torch
from torch import nn

from mmct.deploy.quantize import quantize

TOKENS, WIDTH, LAYERS = 1024, 2048, 4  # large enough that all else takes no time
RUNS = 7


def peak_rate(precision: str, threads: int) -> float:
    """Multiply-accumulates a second in large matrix products.

    Args:
        precision: of a row of OpenVINO, such as 'int8+bf16', of which int8 counts.
    """
    tokens = np.random.default_rng(0).standard_normal((TOKENS, WIDTH), np.float32)
    network = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))
    model = ov.convert_model(network, example_input=torch.from_numpy(tokens))
    model.reshape(tokens.shape)
    if precision.startswith('int8'):
        model = quantize(model, [tokens], 'fast')
    request = ov.Core().compile_model(model, 'CPU', {
        'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_NUM_THREADS': threads,
        'INFERENCE_PRECISION_HINT': 'bf16' if precision == 'bf16' else 'f32'}
    ).create_infer_request()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        request.infer([tokens], share_inputs=True)
        times.append(time.perf_counter() - start)
    return TOKENS * WIDTH * WIDTH * LAYERS / float(np.median(times))
