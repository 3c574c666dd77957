"""SUTrack (arXiv 2412.19138), tracking in RGB without language; the names of its weights in
released files, and what is kept of their CLIP."""
import re
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from mmtrack.registry import MODELS
from torch import Tensor

from ...checkpoint.files import CheckpointError
from ...checkpoint.names import OWN_LAYERS, Layout, Names, State, count
from .base import OneStreamTracker
from .ostrack import CENTER, FIELDS, KINDS

BODY, COARSE = 'encoder.body.', 'backbone.coarse.'
FEATURE = 'backbone.text.feature'
CLIP, CLIP_EPS = 'text_encoder.clip.', 1e-5
TEXT = 'text_encoder.clip'  # stands in tables for what CLIP makes of no text
# {in released files: mmct's}
TOKENS = {
    **{f'{BODY}{name}': f'backbone.{name}' for name in ('cls_token', 'pos_embed', 'search_token')},
    **{f'{BODY}template_{name}': f'backbone.{name}'
       for name in ('foreground_token', 'background_token')}}
EMBEDDING = {
    **TOKENS,
    f'{BODY}patch_embed.proj.{{kind}}': 'backbone.patch_embed.proj.{kind}',
    f'{BODY}fc_norm.{{kind}}': 'backbone.norm.{kind}',
    'text_encoder.text_proj.{kind}': 'backbone.text.proj.{kind}', TEXT: FEATURE}
CONV_BLOCK = {'norm2': 'norm', 'mlp.fc1': 'fc1', 'mlp.ffn_ln': 'hidden_norm', 'mlp.fc2': 'fc2'}
MERGE = {name: name for name in ('norm', 'reduction')}
MLP = {'w1': 'gate', 'w2': 'value', 'ffn_ln': 'hidden_norm', 'w3': 'fc2'}
LAYER = {
    'gamma_1': 'gamma1', 'gamma_2': 'gamma2',
    **{f'attn.{part}_bias': f'attn.{part}_proj.bias' for part in 'qv'},
    **{f'attn.{part}_proj.weight': f'attn.{part}_proj.weight' for part in 'qkv'},
    **{f'{old}.{kind}': f'{new}.{kind}' for kind in KINDS for old, new in (
        ('norm1', 'norm1'), ('attn.proj', 'attn.proj'), ('norm2', 'norm2'),
        *((f'mlp.{old}', f'mlp.{new}') for old, new in MLP.items()))}}
BOX_HEAD = {
    'decoder.conv{k}_{tower}.0.{kind}': 'head.{tower}.{k}.conv.{kind}',
    'decoder.conv{k}_{tower}.1.{statistic}': 'head.{tower}.{k}.bn.{statistic}',
    'decoder.conv5_{tower}.{kind}': 'head.{tower}.4.{kind}'}
TASK_HEAD = {f'task_decoder.layers.{i}.{{kind}}': f'head.task_head.{2 * i}.{{kind}}'
             for i in range(3)}


def backbone_rules(keys: Iterable[str], ours: bool) -> dict[str, str]:
    """Rules for a backbone. Released files have convolutional blocks, merges and attention layers
    in one list, so how they are counted depends on how many of each there are."""
    blocks = f'{BODY}blocks.'
    pattern = re.compile(rf'{re.escape(COARSE if ours else blocks)}(\d{{1,3}})\.reduction\.')
    merges = {int(match[1]) for match in map(pattern.match, keys) if match}
    first = max(merges, default=1) + 1  # attention layer
    depth = count(keys, f'{OWN_LAYERS}{{i}}') if ours else count(keys, f'{blocks}{{i}}') - first
    return EMBEDDING | {
        f'{blocks}{i}.{old}.{{kind}}': f'{COARSE}{i}.{new}.{{kind}}' for i in range(first)
        for old, new in (MERGE if i in merges else CONV_BLOCK).items()
    } | {f'{blocks}{first + i}.{old}': f'{OWN_LAYERS}{i}.{new}' for i in range(max(depth, 1))
         for old, new in LAYER.items()}


def text_feature(state: State, source: str) -> Tensor:
    """CLIP's feature (F,) of the text that SUTrack gives it in place of none: zeros.

    CLIP reads it off at the position of the largest token, which is then the first, and there
    attention sees itself only. So it is a constant, of a chain of MLPs.
    """
    clip = {key.removeprefix(CLIP): value for key, value in state.items() if key.startswith(CLIP)}

    def linear(name: str, x: Tensor) -> Tensor:
        return F.linear(x, clip[f'{name}.weight'], clip[f'{name}.bias'])

    def norm(name: str, x: Tensor) -> Tensor:
        weight = clip[f'{name}.weight']
        return F.layer_norm(x, weight.shape, weight, clip[f'{name}.bias'], CLIP_EPS)

    try:
        x = clip['token_embedding.weight'][0] + clip['positional_embedding'][0]
        for i in range(count(clip, 'transformer.resblocks.{i}')):
            block = f'transformer.resblocks.{i}.'
            # Of queries, keys and values.
            weight, bias = (clip[f'{block}attn.in_proj_{kind}'].chunk(3)[2] for kind in KINDS)
            x = x + linear(f'{block}attn.out_proj', F.linear(norm(f'{block}ln_1', x), weight, bias))
            hidden = linear(f'{block}mlp.c_fc', norm(f'{block}ln_2', x))
            x = x + linear(f'{block}mlp.c_proj', hidden * (1.702 * hidden).sigmoid())
        return norm('ln_final', x) @ clip['text_projection']
    except KeyError as error:
        raise CheckpointError(
            f"{source} lacks {CLIP}{error.args[0]}: SUTrack's text token is computed from the CLIP "
            'that released files hold; give the file as it was given out') from None
    except (RuntimeError, IndexError):
        raise CheckpointError(f'{source}: the shapes of its CLIP ({CLIP}*) do not go together'
                              ) from None


class SUTrackNames(Names):
    """A student may do without the task head. Of CLIP, which released files hold, mmct keeps one
    feature."""
    own_sign = COARSE
    released = tuple(
        Layout(BODY, lambda keys, ours, head=head: backbone_rules(keys, ours) | head,
               {**FIELDS, 'tower': CENTER}, student=None,
               ignored={f'{CLIP}*': 'one feature of it is kept',
                        'text_encoder.norm?.*': 'never used'})
        for head in (BOX_HEAD | TASK_HEAD, BOX_HEAD))
    shapes = {
        'embed_dims': ('backbone.cls_token', 2),
        'tokens of a search crop and a template (search_size, template_size)':
            ('backbone.pos_embed', 1),
        'hidden width of MLPs (mlp_ratio)': (f'{OWN_LAYERS}0.mlp.gate.weight', 0),
        'text_dims': (FEATURE, 0)}

    def to_own(self, layout: Layout, state: State, source: str) -> State:
        return super().to_own(layout, state | {TEXT: text_feature(state, source)}, source)

    def to_released(self, layout: Layout, state: State, source: str, rest: tuple[State, str]
                    ) -> State:
        released = super().to_released(layout, state, source, rest)
        feature, (weights, name) = released.pop(TEXT), rest
        taken = {key: value for key, value in weights.items()
                 if key.startswith('text_encoder.') and key not in released}
        if not taken:
            raise CheckpointError(
                f'released files of the kind of {source} hold more than mmct keeps '
                '(text_encoder.*); name the released file that it came from, --released FILE')
        theirs = text_feature(weights, name)
        if theirs.shape != feature.shape or not torch.allclose(theirs, feature, rtol=1e-4,
                                                               atol=1e-5):
            raise CheckpointError(f'{source} did not come from {name}: its {FEATURE} is another; '
                                  'name the released file that it came from, --released FILE')
        return released | taken

    def sizes(self, state: State) -> dict[str, int]:
        coarse = {'convolutional blocks and merges (coarse_depths)':
                  count(state, f'{COARSE}{{i}}', least=0)}
        return super().sizes(state) | coarse


@MODELS.register_module()
class SUTrack(OneStreamTracker):
    """Templates with the target's box in each, and a search crop, through a ``FastITPN``.

    Arguments as of :class:`OneStreamTracker`. Boxes in crops are SUTrack's, see
    ``geometry.box_to_crop``, ``stretched``; the score that is reported, and that templates are
    updated by, is the one after the window.
    """
    names = SUTrackNames()
    template_policy = dict(type='RecentConfident', copies=2, interval=25, threshold=0.7)
    score, stretched_boxes = 'windowed', True
