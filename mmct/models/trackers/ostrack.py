"""OSTrack (arXiv 2203.11991), and the names of its weights: of released OSTracks and
CompressTrackers, and of the masked auto-encoder (MAE) that training starts from."""
import math

import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor

from ...checkpoint.files import CheckpointError
from ...checkpoint.names import Layout, Names, State, has
from .base import OneStreamTracker

KINDS = ('weight', 'bias')
LAYER = tuple(f'{part}.{kind}' for part in (
    'norm1', 'attn.qkv', 'attn.proj', 'norm2', 'mlp.fc1', 'mlp.fc2') for kind in KINDS)
# Towers of the head: four convolutions with batch norm, counted from 1 in released files, and one.
FIELDS = {
    'part': LAYER,
    'kind': KINDS,
    'statistic': (*KINDS, 'running_mean', 'running_var', 'num_batches_tracked'),
    'k': {'1': '0', '2': '1', '3': '2', '4': '3'},
}
CENTER = {'ctr': 'score', 'offset': 'offset', 'size': 'size'}
CORNER = {'tl': 'predictor.tl_corner_pred', 'br': 'predictor.br_corner_pred'}
STEM = {'patch_embed.proj.{kind}': 'backbone.patch_embed.proj.{kind}'}
TRUNK = {'norm.{kind}': 'backbone.norm.{kind}',
         'blocks.{i}.{part}': 'backbone.layers.{i}.{part}'}
TABLES = ('backbone.pos_embed_z', 'backbone.pos_embed_x')

CLASSIFIER = 'of the image classifier, unused by trackers'
LEFT_OUT = {
    'backbone.cls_token': CLASSIFIER,
    'backbone.pos_embed': CLASSIFIER,
    'ori_backbone.*': "the teacher inside: its embedding is the student's",
    'ori_box_head.*': 'the teacher inside: its batch norm has drifted',
}


def released(layers: str, towers: dict[str, str]) -> Layout:
    """A released tracker's layout: it calls its layers 'blocks', or 'distill_blocks' in students,
    and the towers of its head as ``towers`` say."""
    student = layers == 'distill_blocks'
    return Layout(
        sign='box_head.', student=student,
        rules={
            **{f'backbone.{old}'.replace('blocks', layers): new
               for old, new in (STEM | TRUNK).items()},
            **{name: name for name in TABLES},
            'box_head.conv{k}_{tower}.0.{kind}': 'head.{tower}.{k}.conv.{kind}',
            'box_head.conv{k}_{tower}.1.{statistic}': 'head.{tower}.{k}.bn.{statistic}',
            'box_head.conv5_{tower}.{kind}': 'head.{tower}.4.{kind}',
        },
        fields={**FIELDS, 'tower': towers},
        ignored={**LEFT_OUT, 'backbone.blocks.*': "the teacher's layers"} if student else LEFT_OUT)


class OSTrackNames(Names):
    """Of trackers and students, with either head; VitTrack's stem was never released so."""
    released = tuple(released(layers, towers) for layers in ('blocks', 'distill_blocks')
                     for towers in (CENTER, CORNER))
    pretrained = Layout(
        sign='blocks.', rules=STEM | TRUNK, fields=FIELDS, needs=('pos_embed', ),
        ignored={'cls_token': CLASSIFIER, 'mask_token': 'of the decoder',
                 'decoder*': 'for pretraining only', 'head.*': CLASSIFIER,
                 'fc_norm.*': CLASSIFIER})
    free = ('head.', 'backbone.patch_embed.')
    shapes = {
        'embed_dims': ('backbone.norm.weight', 0),
        'template tokens (template_size)': (TABLES[0], 1),
        'search tokens (search_size)': (TABLES[1], 1),
        'hidden width of MLPs (mlp_ratio)': ('backbone.layers.0.mlp.fc1.weight', 0)}

    def to_released(self, layout: Layout, state: State, source: str, rest: tuple[State, str]
                    ) -> State:
        if has(state, 'backbone.patch_embed.layers.'):
            raise CheckpointError(f'{source} has a convolutional stem; there is no released layout '
                                  'for such trackers, tools/export.py writes ONNX')
        return super().to_released(layout, state, source, rest) | self.unused(
            len(state['backbone.norm.weight']))

    def unused(self, width: int) -> State:
        """What the published loader demands, left over from the image classifier."""
        return {'backbone.cls_token': torch.zeros(1, 1, width),
                'backbone.pos_embed': torch.zeros(1, 197, width)}

    def from_pretrained(self, state: State, source: str, crops: tuple[int, int]) -> State:
        return super().from_pretrained(state, source, crops) | position_tables(
            state, source, crops)


def position_tables(state: State, source: str, crops: tuple[int, int]) -> State:
    """The two tables of a tracker from the one of a pretrained ViT (OSTrack, section 4.1), with
    ``pos_embed`` (1, 1 + n², C) and ``patch_embed.proj.weight`` (C, 3, P, P)."""
    places, embedding = state['pos_embed'], state['patch_embed.proj.weight']
    grid = math.isqrt(max(places.size(1) - 1, 0)) if places.ndim == 3 else 0
    if not (grid and places.is_floating_point() and embedding.ndim == 4 and embedding.numel()
            and places.shape == (1, 1 + grid**2, len(embedding))):
        raise CheckpointError(f'{source} is no ViT: its pos_embed is {tuple(places.shape)} '
                              f'{places.dtype}, its patch embedding {tuple(embedding.shape)}')
    patch, tables = embedding.size(-1), {}
    for name, size in zip(TABLES, crops):
        if size <= 0 or size % patch:
            raise CheckpointError(f'crop size {size} is not a multiple of the patch size {patch} '
                                  f'of {source}')
        tables[name] = resize_position_table(places, size // patch)
    return tables


def resize_position_table(table: Tensor, grid: int) -> Tensor:
    """(1, 1 + n², C) table with class token -> (1, grid², C), bicubic."""
    old = round((table.size(1) - 1)**0.5)
    table = table[:, 1:].transpose(1, 2).unflatten(2, (old, old))
    table = F.interpolate(table, size=(grid, grid), mode='bicubic', align_corners=False)
    return table.flatten(2).transpose(1, 2)


@MODELS.register_module()
class OSTrack(OneStreamTracker):
    """One template for the whole video, and a search crop, through one ViT.

    Arguments as of :class:`OneStreamTracker`; VitTrack is one with a ``ConvStem``.
    """
    names = OSTrackNames()
