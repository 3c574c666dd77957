"""Losses of a clip, with the graph of one search frame at a time."""
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def summed(frames: Iterable[dict[str, Tensor]], count: int, network: nn.Module
           ) -> dict[str, Tensor]:
    """Losses of the frames of a clip, added up by name; what is only logged is averaged.

    No gradient flows between frames, so that of each is taken before the next one is run, which
    frees its graph. The sum of these gradients hangs on the first loss: backward through the sum of
    all gives it to the weights.

    Args:
        frames: losses, named ``loss…``, and scalars of each of ``count`` frames, made when they are
            asked for.
        network: whose weights are trained.
    """
    if count == 1 or not torch.is_grad_enabled() or scaled_later(network):
        return _added(list(frames))
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    sums, detached = [None] * len(weights), []
    for losses in frames:
        loss = sum(value for name, value in losses.items() if name.startswith('loss'))
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        sums = [own if new is None else new if own is None else own + new
                for own, new in zip(sums, gradients)]
        detached.append({name: value.detach() for name, value in losses.items()})
    total = _added(detached)
    # Its gradient is the sum; its value is taken away again.
    carrier = sum((weight * gradient).sum() for weight, gradient in zip(weights, sums)
                  if gradient is not None)
    first = next(name for name in total if name.startswith('loss'))
    total[first] = total[first] + (carrier - carrier.detach())
    return total


def scaled_later(network: nn.Module) -> bool:
    """Whether the loss is scaled before its gradient is taken, as float16 needs it."""
    device = next(network.parameters()).device.type
    return (torch.is_autocast_enabled(device)
            and torch.get_autocast_dtype(device) == torch.float16)


def _added(frames: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    total = dict(frames[0])
    for losses in frames[1:]:
        for name, value in losses.items():
            total[name] = total[name] + value
    return {name: value if name.startswith('loss') else value / len(frames)
            for name, value in total.items()}
