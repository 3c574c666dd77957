"""What trainings of trackers and of compressions share: losses of a clip, and frozen parts."""
from collections.abc import Iterable

import torch
from torch import Tensor, nn

Part = nn.Module | nn.Parameter


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
        sums = [old if new is None else new if old is None else old + new
                for old, new in zip(sums, gradients)]
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


def freeze(model: nn.Module, names: Iterable[str]) -> list[Part]:
    """Parts by their names, without gradients from now on; ValueError if there is none."""
    parts = dict(model.named_modules()) | dict(model.named_parameters())
    for name in names:
        if not name or name not in parts:
            raise ValueError(f'frozen={name!r} is no part of the network, such as '
                             f'{[name for name, _ in model.named_children()]} and what they hold')
    return [parts[name].requires_grad_(False) for name in names]


def keep_statistics(parts: Iterable[Part]) -> None:
    """Frozen parts in evaluation mode, after their network went into training mode: without batch
    statistics of their own, without dropped paths."""
    for part in parts:
        if isinstance(part, nn.Module):
            part.eval()


def check_statistics(model: nn.Module) -> None:
    """ValueError if a batch norm of a network to be trained has no statistics, since they were
    folded into the convolution before it: at test it does nothing, in training it ruins all."""
    for name, norm in model.named_modules():
        if (isinstance(norm, nn.BatchNorm2d) and not norm.running_mean.any()
                and (norm.running_var == 1).all() and (norm.weight != 1).all()):
            raise ValueError(f'{name} has no statistics, they were folded away: convert the file '
                             'again by tools/convert_weights.py --calibration CONFIG, or the '
                             'first training step ruins the network')
