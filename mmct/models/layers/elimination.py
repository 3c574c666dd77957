"""Candidate elimination: a block that drops the search tokens its template ignores."""
import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor

from .block import Block
from .tokens import Tokens

TEMPLATE_RANGES = ('ALL', 'CTR_POINT', 'CTR_REC', 'GT_BOX')

# Rows (and columns) of the template's token grid that stand for its centre, by grid size.
# The published tables, kept as they are: no formula gives all of them.
_CENTRE_POINT = {7: (3, ), 8: (3, ), 12: (5, ), 14: (6, ), 16: (7, ), 24: (11, )}
_CENTRE_RECT = {7: (3, ), 8: (3, 4), 12: (5, 6)}


def centre_tokens(template_range: str, grid: int) -> Tensor:
    """(grid²,) bool: the template tokens whose attention ranks candidates, for 'ALL', 'CTR_POINT'
    or 'CTR_REC'."""
    if template_range == 'ALL':
        return torch.ones(grid * grid, dtype=torch.bool)
    table = {'CTR_POINT': _CENTRE_POINT, 'CTR_REC': _CENTRE_RECT}[template_range]
    if grid not in table:
        raise ValueError(
            f'elimination.template_range={template_range!r} knows template grids of '
            f'{sorted(table)} tokens a side, got {grid}; use "ALL" or another template_size')
    mask = torch.zeros(grid, grid, dtype=torch.bool)
    lo, hi = table[grid][0], table[grid][-1] + 1
    mask[lo:hi, lo:hi] = True
    return mask.flatten()


def box_tokens(boxes_xywh: Tensor, template_size: int, patch_size: int = 16) -> Tensor:
    """(B, T·Lz) bool: the template tokens under the target's boxes (B, T, 4), or (B, 4) of one
    template each, in pixels of the crops (``GT_BOX``); ValueError if those of a sample cover none.
    """
    # End points as published: one row and column less than the box is wide. In float64, which the
    # published code adds them up in.
    begin, size = boxes_xywh.reshape(-1, 4).double().split(2, dim=1)
    place = torch.arange(template_size, device=boxes_xywh.device)
    first, end = (value.clamp(min=0).floor()[..., None] for value in (begin, begin + size - 1))
    columns, rows = ((place >= first) & (place < end)).unbind(1)
    pixels = (rows[:, :, None] & columns[:, None]).to(boxes_xywh.dtype)
    tokens = F.interpolate(
        pixels[:, None], scale_factor=1. / patch_size, mode='bilinear', align_corners=False)
    focus = (tokens != 0).reshape(boxes_xywh.shape[0], -1)
    empty = (~focus.any(dim=1)).nonzero().flatten().tolist()
    if empty:
        boxes = ', '.join(str(box) for box in boxes_xywh[empty[0]].reshape(-1, 4).tolist())
        raise ValueError(
            f'template box {boxes} (x, y, w, h in pixels of the template '
            'crop) covers no token; elimination.template_range="GT_BOX" needs a larger target')
    return focus


@MODELS.register_module(['CEBlock', 'EliminatingBlock'])
class CEBlock(Block):
    """Candidate elimination: a block that keeps ``ceil(ratio · L)`` of the L search tokens
    (OSTrack, section 3.2).

    Ranked is the attention, after softmax over all tokens, that chosen tokens of all templates pay
    to each search token, averaged over those tokens and the heads.

    Args:
        keep_ratio: share kept at test.
        centre: (Lz,) bool, the tokens of a template that rank; None: those under the target's box
            (``GT_BOX``).
        template_size, patch_size: sides of template crop and token in pixels, for ``GT_BOX``.
    """

    def __init__(self, *args, keep_ratio: float, centre: Tensor | None, template_size: int = 128,
                 patch_size: int = 16, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.template_size, self.patch_size = template_size, patch_size
        self.keep_ratio = keep_ratio
        # One ratio for all blocks while training and validating; None: each block's own.
        self.scheduled_ratio = None
        self.register_buffer('centre', centre, persistent=False)

    def forward(self, tokens: Tokens) -> Tokens:
        x = tokens.x
        template, search = tokens.span('template'), tokens.span('search')
        out, attention = self.attn(self.norm1(x), rows=template)
        tokens = tokens.with_x(x + self.drop_path(out))

        ratio = self.keep_ratio if self.scheduled_ratio is None else self.scheduled_ratio
        length = tokens.length('search')
        num_keep = math.ceil(ratio * length)
        if num_keep < length:
            tokens = self._eliminate(tokens, attention[:, :, search], num_keep)
        return tokens.with_x(self.feed_forward(tokens.x))

    def _ranking_tokens(self, tokens: Tokens) -> Tensor:
        """(B, T·Lz) bool, or (1, T·Lz) if all samples have the same."""
        if self.centre is not None:
            # Of any batch, also while a graph is traced.
            return self.centre.repeat(tokens.groups['template'][0])[None]
        return box_tokens(tokens.template_boxes, self.template_size, self.patch_size)

    def _eliminate(self, tokens: Tokens, attention: Tensor, num_keep: int) -> Tokens:
        focus = self._ranking_tokens(tokens)
        # Samples may have unequal numbers of ranking tokens.
        weight = focus.to(attention.dtype).unsqueeze(-1)
        score = (attention * weight).sum(dim=1) / weight.sum(dim=1)
        order = score.topk(num_keep, dim=1).indices.sort(dim=1).values
        search = tokens.group('search')
        rest = search.gather(1, order.unsqueeze(-1).expand(-1, -1, search.size(2)))
        span = tokens.span('search')
        x = torch.cat([tokens.x[:, :span.start], rest, tokens.x[:, span.stop:]], dim=1)
        positions = order if tokens.kept is None else tokens.kept.gather(1, order)
        return replace(tokens, x=x, kept=positions)
