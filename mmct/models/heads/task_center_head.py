"""SUTrack's head (arXiv 2412.19138): OSTrack's, and one that tells the task."""
import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from ..layers.tokens import Tokens
from ..structures import Prediction
from .center_head import CenterHead


@MODELS.register_module()
class TaskCenterHead(CenterHead):
    """Maps as of :class:`CenterHead`, and which of SUTrack's tasks a frame belongs to.

    Args:
        in_channels, loss: as of :class:`CenterHead`.
        channels: hidden width of the task head, and of the first conv of each branch.
        num_tasks: tasks that are told apart.
        task: the one that is trained for; 0 is tracking in RGB without language.
        task_weight: weight of the loss of the task head.
        with_task: with a task head. No tracking needs it.
    """

    def __init__(self, in_channels: int = 512, channels: int = 256, num_tasks: int = 5,
                 task: int = 0, task_weight: float = 1., with_task: bool = True,
                 loss: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(in_channels, channels, loss, init_cfg)
        check_number('num_tasks', num_tasks, '[1, 1000]', whole=True)
        check_number('task', task, f'[0, {num_tasks})', whole=True)
        check_number('task_weight', task_weight, '[0, inf)')
        self.task, self.task_weight = task, task_weight
        self.task_head = nn.Sequential(
            nn.Linear(in_channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(),
            nn.Linear(channels, num_tasks)) if with_task else None

    def forward(self, tokens: Tokens) -> dict[str, Tensor]:
        """Also ``task_logits`` (B, num_tasks) of all finalized tokens, with a task head."""
        outputs = super().forward(tokens)
        if self.task_head is not None:
            outputs['task_logits'] = self.task_head(tokens.x.mean(dim=1))
        return outputs

    def loss(self, prediction: Prediction, gt_boxes: Tensor,
             labels: Tensor | None = None) -> dict[str, Tensor]:
        """As of :class:`Head`, and ``loss_track_task`` with a task head."""
        losses = super().loss(prediction, gt_boxes, labels)
        logits = prediction.outputs.get('task_logits')
        if logits is not None:
            target = torch.full(logits.shape[:1], self.task, device=logits.device)
            losses['loss_track_task'] = self.task_weight * F.cross_entropy(logits, target)
        return losses
