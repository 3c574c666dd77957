"""What a tracker costs, counted rather than timed."""
from collections.abc import Callable

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ..models.trackers.base import OneStreamTracker
from ..runtime.templates import make_policy


def count_parameters(tracker: OneStreamTracker) -> int:
    """Parameters of backbone and head."""
    return sum(p.numel() for p in tracker.parameters())


def count_macs(tracker: OneStreamTracker) -> int:
    """Multiply-accumulates of one frame: templates, search, all layers and the head.

    Counted are matrix products, attention and convolutions; all else is small beside them.
    """
    parameter = next(tracker.parameters())
    template, search = (parameter.new_zeros(1, 3, size, size) for size in (
        tracker.backbone.template_size, tracker.backbone.search_size))
    policy = make_policy(tracker.info.templates)
    policy.start(np.zeros((template.size(-1), template.size(-1), 3), np.uint8), np.zeros(4))
    templates = template.expand(1, len(policy.current(1)[0]), *template.shape[1:])
    with torch.inference_mode():
        return macs_of(lambda: tracker.outputs_of(templates, search))


def macs_of(function: Callable[[], object]) -> int:
    """Multiply-accumulates of a call, backward passes in it included."""
    # The counter does not know every fused attention; in its plain form it sees the products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        function()
    return counter.get_total_flops() // 2
