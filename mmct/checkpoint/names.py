"""Names of weights: those of released checkpoints, and mmct's.

mmct: ``backbone.{patch_embed.proj,pos_embed_z,pos_embed_x,layers.{i}.*,norm}`` and
``head.{score,offset,size}.{0..3}.{conv,bn}.*``, ``head.{…}.4.*`` (corner head:
``head.predictor.{tl,br}_corner_pred.*``). Released trackers: ``backbone.blocks.{i}.*`` (students
``backbone.distill_blocks.{i}.*``) and ``box_head.conv{1..5}_{ctr,offset,size,tl,br}.*``.
"""
import math
import re
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import CheckpointError

State = dict[str, Tensor]

LAYER = [
    f'{name}.{kind}' for name in ('norm1', 'attn.qkv', 'attn.proj', 'norm2', 'mlp.fc1', 'mlp.fc2')
    for kind in ('weight', 'bias')
]
STEM = ['patch_embed.proj.weight', 'patch_embed.proj.bias', 'norm.weight', 'norm.bias']
TABLES = ['pos_embed_z', 'pos_embed_x']
BN = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
TOWERS = {
    'ctr': 'score',
    'offset': 'offset',
    'size': 'size',
    'tl': 'predictor.tl_corner_pred',
    'br': 'predictor.br_corner_pred',
}
HEADS = (('ctr', 'offset', 'size'), ('tl', 'br'))

# Left over from the image classifier, unused by trackers, but demanded by the published loader.
UNUSED = {'backbone.cls_token': (1, 1), 'backbone.pos_embed': (1, 197)}
# The teacher inside a training checkpoint: its embedding is the student's, or its BN statistics
# have drifted, so it is of no use as a teacher.
TEACHER_INSIDE = ('ori_backbone.', 'ori_box_head.')
# The rest of a masked auto-encoder, and its classifier.
MAE_UNUSED = ('cls_token', 'mask_token', 'decoder', 'head.', 'fc_norm.')


def from_released(state: State, source: str) -> State:
    """Weights of a released OSTrack or CompressTracker checkpoint, under mmct's names.

    Args:
        state: weights, plain or with a ``module.`` prefix, with the teacher inside or not.
        source: name of the file, for errors.

    Raises:
        CheckpointError: keys that are not understood or missing, listed.
    """
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    layers = 'distill_blocks' if is_released_student(state) else 'blocks'
    table = released_names(state, layers)
    dropped = TEACHER_INSIDE + (('backbone.blocks.', ) if layers == 'distill_blocks' else ())
    unknown = [
        key for key in state
        if key not in table and key not in UNUSED and not key.startswith(dropped)
    ]
    _complain(source, unknown, [key for key in table if key not in state])
    return {new: state[old] for old, new in table.items()}


def to_released(state: State, student: bool, source: str) -> State:
    """The reverse of :func:`from_released`.

    Args:
        state: weights of an OSTrack, teacher or extracted student.
        student: name the layers as released students do.
        source: name of the file, for errors.

    Raises:
        CheckpointError: keys that are not understood or missing, listed.
    """
    layers = 'distill_blocks' if student else 'blocks'
    # The same table serves both directions; it only needs to know depth and kind of head.
    num_layers = depth(state, 'backbone.layers')
    towers = HEADS[1] if any(key.startswith('head.predictor.') for key in state) else HEADS[0]
    table = {new: old for old, new in _names(num_layers, layers, towers).items()}
    _complain(source, [key for key in state if key not in table],
              [key for key in table if key not in state])
    released = {old: state[new] for new, old in table.items()}
    width = released['backbone.norm.weight'].numel()
    for key, shape in UNUSED.items():
        released[key] = torch.zeros(*shape, width)
    return released


def from_mae(state: State, template_size: int, search_size: int, source: str) -> State:
    """Backbone of a masked auto-encoder's ViT, under mmct's names (OSTrack, section 4.1).

    Args:
        state: weights of the pretrained ViT.
        template_size, search_size: sides of the tracker's crops in pixels; the position table
            is resized to their grids, class token dropped.
        source: name of the file, for errors.

    Raises:
        CheckpointError: keys that are not understood or missing, listed.
    """
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    num_layers = depth(state, 'blocks')
    table = {key: f'backbone.{key}' for key in STEM}
    for i in range(num_layers):
        table.update({f'blocks.{i}.{p}': f'backbone.layers.{i}.{p}' for p in LAYER})
    unknown = [
        key for key in state
        if key not in table and key != 'pos_embed' and not key.startswith(MAE_UNUSED)
    ]
    _complain(source, unknown, [key for key in [*table, 'pos_embed'] if key not in state])
    places, embedding = state['pos_embed'], state['patch_embed.proj.weight']
    grid = math.isqrt(max(places.size(1) - 1, 0)) if places.ndim == 3 else 0
    if not (grid and places.is_floating_point() and embedding.ndim == 4 and embedding.numel()
            and places.shape == (1, 1 + grid**2, len(embedding))):
        raise CheckpointError(f'{source} is no ViT: its pos_embed is {tuple(places.shape)} '
                              f'{places.dtype}, its patch embedding {tuple(embedding.shape)}')
    out = {new: state[old] for old, new in table.items()}
    patch = embedding.size(-1)
    for name, size in (('pos_embed_z', template_size), ('pos_embed_x', search_size)):
        if size <= 0 or size % patch:
            raise CheckpointError(f'crop size {size} is not a multiple of the patch size {patch} '
                                  f'of {source}')
        out[f'backbone.{name}'] = resize_position_table(state['pos_embed'], size // patch)
    return out


def resize_position_table(table: Tensor, grid: int) -> Tensor:
    """(1, 1 + n², C) table with class token -> (1, grid², C), bicubic."""
    old = round((table.size(1) - 1)**0.5)
    table = table[:, 1:].transpose(1, 2).unflatten(2, (old, old))
    table = F.interpolate(table, size=(grid, grid), mode='bicubic', align_corners=False)
    return table.flatten(2).transpose(1, 2)


def is_released_student(state: Iterable[str]) -> bool:
    """Whether the names are those of a published student (or its training checkpoint)."""
    return any('backbone.distill_blocks.' in key for key in state)


def released_names(state: Iterable[str], layers: str) -> dict[str, str]:
    corner = any(key.startswith('box_head.conv1_tl.') for key in state)
    return _names(depth(state, f'backbone.{layers}'), layers, HEADS[1 if corner else 0])


def _names(num_layers: int, layers: str, towers: Iterable[str]) -> dict[str, str]:
    """{released name: mmct's name} of a whole tracker."""
    table = {f'backbone.{key}': f'backbone.{key}' for key in STEM + TABLES}
    for i in range(num_layers):
        table.update(
            {f'backbone.{layers}.{i}.{p}': f'backbone.layers.{i}.{p}' for p in LAYER})
    for old in towers:
        new = f'head.{TOWERS[old]}'
        for k in range(4):
            conv, bn = f'box_head.conv{k + 1}_{old}.0', f'box_head.conv{k + 1}_{old}.1'
            table.update({f'{conv}.{p}': f'{new}.{k}.conv.{p}' for p in ('weight', 'bias')})
            table.update({f'{bn}.{p}': f'{new}.{k}.bn.{p}' for p in BN})
        table.update(
            {f'box_head.conv5_{old}.{p}': f'{new}.4.{p}' for p in ('weight', 'bias')})
    return table


def depth(state: Iterable[str], prefix: str) -> int:
    """Number of layers under ``prefix``, at least 1 so that missing layers are named."""
    found = (re.match(rf'{re.escape(prefix)}\.(\d{{1,3}})\.', key) for key in state)
    return 1 + max((int(match[1]) for match in found if match), default=0)


def _complain(source: str, unknown: list[str], missing: list[str]) -> None:
    parts = [
        f'{what} {len(keys)} keys: {", ".join(sorted(keys))}'
        for what, keys in (('does not understand', unknown), ('lacks', missing)) if keys
    ]
    if parts:
        raise CheckpointError(f'{source}: the conversion {"; it ".join(parts)}')
