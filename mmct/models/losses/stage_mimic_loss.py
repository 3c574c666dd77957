"""Stage-wise feature mimicking (CompressTracker, section 3.4)."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from ..layers import Tokens


@MODELS.register_module()
class StageMimicLoss(nn.Module):
    """Mean squared error between the mixed path's tokens after each stage and the teacher's. Token
    groups count equally (template and search ½ each), and so do stages.

    Args:
        loss_weight: weight of the whole.
        groups: names of the token groups that count; None for all.
    """

    def __init__(self, loss_weight: float = 0.2, groups: Sequence[str] | None = None) -> None:
        super().__init__()
        check_number('loss_weight', loss_weight, '[0, inf)')
        self.loss_weight = loss_weight
        self.groups = groups

    def forward(self, stages: Sequence[Tokens], teacher_stages: Sequence[Tokens],
                **_) -> dict[str, Tensor]:
        """Tokens after each stage to ``loss_mimic`` and, to be logged, the unweighted
        ``mimic_error_1``, … of each stage."""
        errors = torch.stack([stage_error(mixed, teacher, self.groups)
                              for mixed, teacher in zip(stages, teacher_stages)])
        logged = {f'mimic_error_{i}': error for i, error in enumerate(errors.detach(), 1)}
        return dict(loss_mimic=self.loss_weight * errors.mean(), **logged)


def stage_error(mixed: Tokens, teacher: Tokens, groups: Sequence[str] | None = None) -> Tensor:
    """Mean over token groups of the mean squared error of one stage."""
    errors = []
    for group in groups or teacher.groups:
        if group == 'search' and (mixed.kept is not None or teacher.kept is not None):
            errors.append(_error_of_kept(mixed, teacher))
        else:
            errors.append(F.mse_loss(mixed.group(group), teacher.group(group)))
    return torch.stack(errors).mean()


def _error_of_kept(mixed: Tokens, teacher: Tokens) -> Tensor:
    """Where candidates were eliminated, only positions that both paths kept can be compared."""
    both = mixed.search_present() & teacher.search_present()
    error = (mixed.whole_search() - teacher.whole_search()).square()
    return (error * both.unsqueeze(-1)).sum() / (both.sum() * error.size(-1)).clamp(min=1)
