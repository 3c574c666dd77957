"""What a tracker costs, counted rather than timed."""
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
    # The counter does not know every fused attention; in its plain form it sees the products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), \
            torch.inference_mode():
        tracker.head(tracker.backbone(*(crop.to(device) for crop in crops)))
    return counter.get_total_flops() // 2
