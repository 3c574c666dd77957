"""What a tracker costs, counted rather than timed."""
from collections.abc import Callable

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ..models import OSTrack


def count_parameters(tracker: OSTrack) -> int:
    """Parameters of backbone and head."""
    return sum(p.numel() for p in tracker.parameters())


def count_macs(tracker: OSTrack) -> int:
    """Multiply-accumulates of one frame: template, search, all layers and the head.

    Counted are matrix products, attention and convolutions; all else is small beside them.
    """
    crops = (torch.zeros(1, 3, size, size) for size in (
        tracker.backbone.template_size, tracker.backbone.search_size))
    device = next(tracker.parameters()).device
    with torch.inference_mode():
        return macs_of(lambda: tracker.head(
            tracker.backbone(*(crop.to(device) for crop in crops))))


def macs_of(function: Callable[[], object]) -> int:
    """Multiply-accumulates of a call, backward passes in it included."""
    # The counter does not know every fused attention; in its plain form it sees the products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        function()
    return counter.get_total_flops() // 2
