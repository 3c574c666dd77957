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
    """Mean squared error between the mixed path's tokens after each stage and the teacher's.

    Token groups count equally (template and search ½ each), and so do stages.

    Args:
        loss_weight: weight of the whole.
    """

    def __init__(self, loss_weight: float = 0.2) -> None:
        super().__init__()
        check_number('loss_weight', loss_weight, '[0, inf)')
        self.loss_weight = loss_weight

    def forward(self, mixed: Sequence[Tokens], teacher: Sequence[Tokens]) -> dict[str, Tensor]:
        """
        Args:
            mixed: tokens (B, N, C) of the mixed path after each stage.
            teacher: the teacher's, without gradient.

        Returns:
            ``loss_mimic`` and, to be logged, the unweighted ``mimic_error_1``, … of each stage.
        """
        stages = torch.stack([stage_error(m, t) for m, t in zip(mixed, teacher)])
        errors = {f'mimic_error_{i}': error for i, error in enumerate(stages.detach(), 1)}
        return dict(loss_mimic=self.loss_weight * stages.mean(), **errors)


def stage_error(mixed: Tokens, teacher: Tokens) -> Tensor:
    """Mean over token groups of the mean squared error of one stage."""
    return torch.stack([
        _search_error(mixed, teacher) if group == 'search' else F.mse_loss(
            mixed.group(group), teacher.group(group)) for group in teacher.lengths
    ]).mean()


def _search_error(mixed: Tokens, teacher: Tokens) -> Tensor:
    if mixed.kept is None and teacher.kept is None:
        return F.mse_loss(mixed.group('search'), teacher.group('search'))
    # Where candidates were eliminated, only positions that both paths kept can be compared.
    length = 1 + int(max(tokens.kept.max() if tokens.kept is not None else
                         tokens.lengths['search'] - 1 for tokens in (mixed, teacher)))
    both = mixed.search_present(length) & teacher.search_present(length)
    error = (mixed.scatter_search(length) - teacher.scatter_search(length)).square()
    return (error * both.unsqueeze(-1)).sum() / (both.sum() * error.size(-1)).clamp(min=1)
