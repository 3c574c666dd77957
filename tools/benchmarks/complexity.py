"""What a tracker costs, counted rather than timed."""
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmct.models.trackers.base import OneStreamTracker
from mmct.runtime.templates import count_templates


class Macs(NamedTuple):
    """Multiply-accumulates of the parts of tracking.

    Attributes:
        encode: of the templates, once a target or update.
        step: of a frame whose templates are encoded.
        full: of a frame with templates, all layers and the head.
    """
    encode: int
    step: int
    full: int


class Cost(NamedTuple):
    """Multiply-accumulates and parameters of a tracker."""
    macs: Macs
    parameters: int


def cost_of(tracker: OneStreamTracker) -> Cost:
    """What a tracker costs, its batch norms folded or not."""
    return Cost(count_macs(tracker), count_parameters(tracker))


def count_parameters(tracker: OneStreamTracker) -> int:
    """Parameters of backbone and head."""
    return sum(p.numel() for p in tracker.parameters())


def count_macs(tracker: OneStreamTracker) -> Macs:
    """Multiply-accumulates of one frame with the most templates that there are: of matrix products,
    attention and convolutions; all else is small beside them."""
    parameter, sizes = next(tracker.parameters()), tracker.info
    template, search = (parameter.new_zeros(1, 3, size, size)
                        for size in (sizes.template_size, sizes.search_size))
    templates = torch.stack([template] * count_templates(sizes.templates), dim=1)
    # In the middle, a half as wide.
    box = parameter.new_tensor([0.25, 0.25, 0.5, 0.5]) * sizes.template_size
    boxes, memory = box.expand(*templates.shape[:2], 4), tracker.init_memory(search)
    found = {}
    with torch.inference_mode():
        encode = macs_of(lambda: found.update(tracker.encode(templates, boxes)))
        step = macs_of(lambda: tracker.step(found, search, memory))
        full = macs_of(lambda: tracker.forward_frame(templates, boxes, search, memory))
    return Macs(encode, step, full)


def macs_of(function: Callable[[], object]) -> int:
    """Multiply-accumulates of a call, backward passes in it included."""
    # The counter does not know every fused attention; in its plain form it sees the products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        function()
    return counter.get_total_flops() // 2
