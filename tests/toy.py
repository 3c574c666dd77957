"""A tracker of another kind than OSTrack: two templates, a query token at the front that is handed
on from frame to frame, a head that reads the query alone."""
import numpy as np
import torch
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import nn

from mmct.models.backbones import StageDivision
from mmct.models.layers import PatchEmbed, Tokens, run_layers
from mmct.models.structures import Clip, Prediction
from mmct.models.trackers import OneStreamTracker
from mmct.runtime.templates import POLICIES

TEMPLATE, SEARCH, PATCH, WIDTH = 16, 32, 8, 16


@MODELS.register_module()
class ToyViT(BaseModule):
    """Groups query, first, second, search."""

    def __init__(self, embed_dims=WIDTH, depth=4):
        super().__init__()
        self.embed_dims = embed_dims
        self.template_size, self.search_size = TEMPLATE, SEARCH
        self.search_grid, grid = SEARCH // PATCH, TEMPLATE // PATCH
        self.groups = {'query': (1,), 'first': (grid, grid), 'second': (grid, grid),
                       'search': (self.search_grid, self.search_grid)}
        self.patch_embed = PatchEmbed(embed_dims, PATCH)
        self.query = nn.Parameter(torch.randn(1, 1, embed_dims) * 0.1)
        length = 1 + 2 * grid**2 + self.search_grid**2
        self.place = nn.Parameter(torch.randn(1, length, embed_dims) * 0.1)
        self.layers = nn.ModuleList(
            MODELS.build({'type': 'TransformerBlock', 'embed_dims': embed_dims, 'num_heads': 2})
            for _ in range(depth))
        self.last = nn.LayerNorm(embed_dims)

    def encode(self, templates):
        return torch.cat([*map(self.patch_embed, templates.unbind(1))], dim=1)

    def join(self, encoded, search, memory):
        # What a frame learned of the target stands where the next one looks for it.
        x = torch.cat([self.query + memory, encoded, self.patch_embed(search)], dim=1)
        return Tokens(x + self.place, self.groups)

    def finalize(self, tokens):
        return tokens.with_x(self.last(tokens.x))


@MODELS.register_module()
class StageDividedToyViT(StageDivision, ToyViT):
    pass


@MODELS.register_module()
class QueryHead(BaseModule):
    kind = 'corner'

    def __init__(self, in_channels=WIDTH):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(in_channels, 32), nn.ReLU(), nn.Linear(32, 4))
        # About a quarter of the crop, as targets are.
        nn.init.constant_(self.mlp[2].bias[2:], -1.1)

    def forward(self, tokens):
        box = self.mlp(tokens.group('query')[:, 0]).sigmoid()
        return {'box': box, 'score': box[:, 0]}

    def decode(self, outputs):
        return outputs['box']

    def loss(self, prediction, gt_boxes):
        return {'loss_track_l1': (prediction.boxes - gt_boxes).abs().mean()}


class FirstAndLast:
    """The template of the first frame, and one of the last frame whose number ``interval``
    divides."""

    def __init__(self, interval):
        self.interval = interval

    def start(self, crop, box):
        self.templates = np.stack([crop, crop]), np.stack([box, box])

    def current(self, frame):
        return self.templates

    def observe(self, frame, score, cut):
        if frame % self.interval == 0:
            self.templates = tuple(np.stack([first[0], last])
                                   for first, last in zip(self.templates, cut()))


POLICIES['FirstAndLast'] = FirstAndLast


@MODELS.register_module()
class ToyTracker(OneStreamTracker):
    memory_tokens = 1
    template_policy = {'type': 'FirstAndLast', 'interval': 3}

    def embed(self, templates, template_boxes, search, memory):
        return self.backbone.join(self.backbone.encode(templates), search, memory)

    def forward_head(self, tokens):
        tokens = self.backbone.finalize(tokens)
        return Prediction(self.head(tokens), tokens.group('query').detach(), self.head.decode)

    def encode(self, templates, template_boxes):
        return {'template_tokens': self.backbone.encode(templates)}

    def step(self, encoded, search, memory):
        tokens = self.backbone.join(encoded['template_tokens'], search, memory)
        return self.forward_head(run_layers(self.backbone.layers, tokens))


@MODELS.register_module()
class CachedToyTracker(ToyTracker):
    """The same tokens, encoded as several tensors of different shapes and any names."""
    memory_tokens = 0

    def encode(self, templates, template_boxes):
        x = self.backbone.encode(templates)
        x = torch.stack([x[..., 0::2], x[..., 1::2]], dim=1)  # (B, 2, N, C / 2), as heads are
        return {'key.0': x[:, :, ::2], 'value.0': x[:, :, 1::2], 'mean': x.mean(dim=2)}

    def step(self, encoded, search, memory):
        x = torch.stack([encoded['key.0'], encoded['value.0']], dim=3).flatten(2, 3)
        x = torch.stack(x.unbind(1), dim=-1).flatten(2)
        shift = encoded['mean'].flatten(1)[:, None] - torch.cat(
            [x[..., 0::2], x[..., 1::2]], dim=2).mean(dim=1, keepdim=True)
        memory = memory.new_zeros(memory.size(0), 1, WIDTH)
        tokens = self.backbone.join(x + shift, search, memory)
        return super().forward_head(run_layers(self.backbone.layers, tokens))


def toy_teacher(width=WIDTH, depth=4):
    backbone = {'type': 'ToyViT', 'embed_dims': width, 'depth': depth}
    return {'type': 'ToyTracker', 'backbone': backbone,
            'head': {'type': 'QueryHead', 'in_channels': width}}


def toy_student(width=WIDTH):
    return {'type': 'ToyTracker', 'head': {'type': 'QueryHead', 'in_channels': width},
            'backbone': {'type': 'StageDividedToyViT', 'division': 2, 'teacher_depth': 4,
                         'embed_dims': width}}


def toy_batch(size=4, seed=0, frames=1):
    rng = torch.Generator().manual_seed(seed)
    return Clip(torch.randn(size, 2, 3, TEMPLATE, TEMPLATE, generator=rng), None,
                torch.randn(size, frames, 3, SEARCH, SEARCH, generator=rng),
                torch.rand(size, frames, 4, generator=rng) * 0.4 + 0.3)
