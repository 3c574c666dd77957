"""A tracker of another kind than OSTrack: two templates, a query token at the front, a head that
reads the query alone."""
from typing import NamedTuple

import torch
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from mmengine.model import BaseModule
from mmtrack.models.sot.base import BaseSingleObjectTracker
from mmtrack.registry import MODELS
from torch import nn

from mmct.models.backbones import StageDivision
from mmct.models.layers import PatchEmbed, Tokens

TEMPLATE, SEARCH, PATCH, WIDTH = 16, 32, 8, 16


class ToyBatch(NamedTuple):
    templates: torch.Tensor
    search: torch.Tensor
    gt_boxes: torch.Tensor


@MODELS.register_module()
class ToyViT(BaseModule):
    """Groups query, first, second, search."""

    def __init__(self, embed_dims=WIDTH, depth=4):
        super().__init__()
        self.embed_dims = embed_dims
        tokens = (TEMPLATE // PATCH)**2
        self.lengths = {'query': 1, 'first': tokens, 'second': tokens,
                        'search': (SEARCH // PATCH)**2}
        self.patch_embed = PatchEmbed(embed_dims, PATCH)
        self.query = nn.Parameter(torch.randn(1, 1, embed_dims) * 0.1)
        self.place = nn.Parameter(torch.randn(1, sum(self.lengths.values()), embed_dims) * 0.1)
        self.layers = nn.ModuleList(
            MODELS.build({'type': 'TransformerBlock', 'embed_dims': embed_dims, 'num_heads': 2})
            for _ in range(depth))
        self.last = nn.LayerNorm(embed_dims)

    def embed(self, templates, search):
        crops = [*templates.unbind(1), search]
        x = [self.query.expand(len(search), -1, -1), *map(self.patch_embed, crops)]
        return Tokens(torch.cat(x, dim=1) + self.place, lengths=self.lengths)

    def finalize(self, tokens):
        return tokens.with_x(self.last(tokens.x))


@MODELS.register_module()
class StageDividedToyViT(StageDivision, ToyViT):

    def __init__(self, division, teacher_depth, embed_dims=WIDTH):
        super().__init__(embed_dims, self.set_division(teacher_depth, division))


class QueryAnswer(NamedTuple):
    boxes: torch.Tensor
    score: None = None


@MODELS.register_module()
class QueryHead(BaseModule):

    def __init__(self, in_channels=WIDTH):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(in_channels, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, query):
        return QueryAnswer(self.mlp(query).sigmoid())

    def decode(self, out):
        return out.boxes

    def loss(self, out, gt_boxes):
        return {'loss_track_l1': (out.boxes - gt_boxes).abs().mean()}


@MODELS.register_module()
class ToyTracker(BaseSingleObjectTracker):

    def __init__(self, backbone, head, data_preprocessor=None):
        super().__init__(MODELS.build({'type': 'PairDataPreprocessor'}))
        self.backbone = MODELS.build(backbone)
        self.head = MODELS.build(head)

    def unpack(self, inputs, data_samples, view=''):
        boxes = torch.cat([sample.search_gt_instances.bboxes for sample in data_samples])
        return ToyBatch(inputs[f'{view}img'], inputs[f'{view}search_img'][:, 0],
                        bbox_xyxy_to_cxcywh(boxes) / SEARCH)

    def embed(self, batch):
        return self.backbone.embed(batch.templates, batch.search)

    def read_out(self, tokens):
        return self.head(self.backbone.finalize(tokens).group('query')[:, 0])

    def loss(self, inputs, data_samples, **kwargs):
        raise NotImplementedError

    predict = _forward = init = track = loss


def toy_teacher(width=WIDTH):
    return {'type': 'ToyTracker', 'backbone': {'type': 'ToyViT', 'embed_dims': width, 'depth': 4},
            'head': {'type': 'QueryHead', 'in_channels': width}}


def toy_student(width=WIDTH):
    return {'type': 'ToyTracker', 'head': {'type': 'QueryHead', 'in_channels': width},
            'backbone': {'type': 'StageDividedToyViT', 'division': 2, 'teacher_depth': 4,
                         'embed_dims': width}}


def toy_batch(size=4, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return ToyBatch(torch.randn(size, 2, 3, TEMPLATE, TEMPLATE, generator=rng),
                    torch.randn(size, 3, SEARCH, SEARCH, generator=rng),
                    torch.rand(size, 4, generator=rng) * 0.4 + 0.3)
