"""OSTrack's centre head, and SUTrack's, which also tells the task."""
from collections import OrderedDict

import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor, nn

from ...utils.checks import check_number
from ..layers.tokens import Tokens
from ..structures import Prediction
from .base import Head, at_least_float32


def conv_tower(in_channels: int, channels: int, out_channels: int) -> nn.Sequential:
    """Four 3×3 convs with bias, BN and ReLU, each half as wide as the last, and a 1×1 conv."""
    widths = [in_channels] + [channels // 2**i for i in range(4)]
    return nn.Sequential(*(conv_layer(a, b) for a, b in zip(widths, widths[1:])),
                         nn.Conv2d(widths[-1], out_channels, 1))


def conv_layer(in_channels: int, out_channels: int) -> nn.Sequential:
    # The bias is superfluous before BN, but the released weights have it.
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    return nn.Sequential(
        OrderedDict(conv=conv, bn=nn.BatchNorm2d(out_channels), relu=nn.ReLU(inplace=True)))


@MODELS.register_module()
class CenterHead(Head):
    """Score, offset and size maps; the box at the best cell (OSTrack, section 3.3).

    Args:
        in_channels: C of the backbone.
        channels: width of the first conv of each branch.
        loss: config of the tracking loss.
    """
    kind = 'center'

    def __init__(self, in_channels: int = 768, channels: int = 256, loss: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(in_channels, loss or dict(type='TrackLoss'), init_cfg)
        check_number('channels', channels, '[8, 16384]', whole=True)
        self.score = conv_tower(in_channels, channels, 1)
        self.offset = conv_tower(in_channels, channels, 2)
        self.size = conv_tower(in_channels, channels, 2)

    def forward(self, tokens: Tokens) -> dict[str, Tensor]:
        """Maps of the search group of finalized tokens.

        Returns:
            ``score`` (B, 1, n, n) and ``size`` (B, 2, n, n) in [1e-4, 1 − 1e-4], ``offset``
            (B, 2, n, n) in cells; float32 also under autocast: 1 − 1e-4 is 1 in bfloat16.
        """
        search_map = tokens.search_map()
        return dict(
            score=at_least_float32(self.score(search_map)).sigmoid().clamp(1e-4, 1 - 1e-4),
            offset=at_least_float32(self.offset(search_map)),
            size=at_least_float32(self.size(search_map)).sigmoid().clamp(1e-4, 1 - 1e-4))

    def decode(self, outputs: dict[str, Tensor]) -> Tensor:
        """Boxes (B, 4) cx, cy, w, h in [0, 1] of the search crop, with gradient."""
        score, offset, size = outputs['score'], outputs['offset'], outputs['size']
        grid = score.size(-1)
        best = score.flatten(1).argmax(dim=1)
        at_best = best[:, None, None].expand(-1, 2, 1)
        offset = offset.flatten(2).gather(2, at_best).squeeze(2)
        size = size.flatten(2).gather(2, at_best).squeeze(2)
        rows = torch.div(best, grid, rounding_mode='floor')
        cell = torch.stack([best - rows * grid, rows], dim=1).to(offset.dtype)
        return torch.cat([(cell + offset) / grid, size], dim=1)


@MODELS.register_module()
class TaskCenterHead(CenterHead):
    """Maps as of :class:`CenterHead`, and which of SUTrack's tasks (arXiv 2412.19138) a frame
    belongs to.

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
