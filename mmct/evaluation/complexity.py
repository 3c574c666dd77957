"""What a tracker costs, counted rather than timed."""
from collections.abc import Callable

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ..models.trackers.base import OneStreamTracker


def count_parameters(tracker: OneStreamTracker) -> int:
    """Parameters of backbone and head."""
    return sum(p.numel() for p in tracker.parameters())


def count_macs(tracker: OneStreamTracker) -> int:
    """Multiply-accumulates of one frame: template, search, all layers and the head.

    Counted are matrix products, attention and convolutions; all else is small beside them.
    """
    parameter = next(tracker.parameters())
    template, search = (parameter.new_zeros(1, 3, size, size) for size in (
        tracker.backbone.template_size, tracker.backbone.search_size))
    with torch.inference_mode():
        return macs_of(lambda: tracker.outputs_of(template[None], search))


def macs_of(function: Callable[[], object]) -> int:
    """Multiply-accumulates of a call, backward passes in it included."""
    # The counter does not know every fused attention; in its plain form it sees the products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        function()
    return counter.get_total_flops() // 2
