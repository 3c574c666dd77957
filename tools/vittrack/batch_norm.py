"""Statistics of batch norms that were folded away."""
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mmct.deploy.calibration import Sample
from mmct.models import OSTrack
from mmct.models.torch_network import images

BATCH = 32


@torch.no_grad()
def restore_batch_norm(tracker: OSTrack, pairs: Sequence[Sample]) -> None:
    """Give batch norms that do nothing the statistics of what they are shown, and the weights that
    undo them: at test they still do nothing, in training the batch's statistics are near theirs.

    Args:
        tracker: its batch norms are identities at test.
        pairs: crops of training or validation.
    """
    norms = [m for m in tracker.eval().modules() if isinstance(m, nn.BatchNorm2d)]
    moments = {norm: [] for norm in norms}
    handles = [norm.register_forward_pre_hook(
        lambda norm, args: moments[norm].append(batch_moments(args[0]))) for norm in norms]
    for start in range(0, len(pairs), BATCH):
        own = pairs[start:start + BATCH]
        templates, searches = (
            images(tracker, torch.from_numpy(np.stack(crops)))
            for crops in zip(*((pair.templates, pair.search) for pair in own)))
        tracker.outputs_of(templates, searches)
    for handle in handles:
        handle.remove()
    for norm in norms:
        # As running averages come out: each call counts alike, templates and search crops.
        mean, var = torch.stack(moments[norm]).mean(dim=0)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(var)
        norm.num_batches_tracked.fill_(len(moments[norm]))
        norm.weight.copy_((norm.running_var + norm.eps).sqrt())
        norm.bias.copy_(norm.running_mean)


def batch_moments(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (2, C) mean and variance."""
    x = x.double()
    return torch.stack([x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3))])
