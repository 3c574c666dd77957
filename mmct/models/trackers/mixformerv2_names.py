"""Names of MixFormerV2's weights: mmct's, and those of released files, of whichever depth."""
from ...checkpoint.names import OWN_LAYERS, Layout, Names
from .ostrack_names import FIELDS

TRUNK = {
    **{name: name for name in (
        'backbone.patch_embed.proj.{kind}', 'backbone.pos_embed_t', 'backbone.pos_embed_s',
        'backbone.reg_tokens', 'backbone.pos_embed_reg')},
    'backbone.blocks.{i}.{part}': f'{OWN_LAYERS}{{i}}.{{part}}'}
BOX_HEAD = {
    'box_head.layers.0.0.{kind}': 'head.box_head.0.{kind}',
    'box_head.layers.0.1.{kind}': 'head.box_head.1.{kind}',
    'box_head.layers.1.0.{kind}': 'head.box_head.3.{kind}',
    'box_head.layers.1.1.{kind}': 'head.box_head.4.{kind}',
}
# In files from the second training stage on.
SCORE_HEAD = {
    'score_head.layers.0.0.{kind}': 'head.score_head.0.{kind}',
    'score_head.layers.1.{kind}': 'head.score_head.2.{kind}',
}


class MixFormerV2Names(Names):
    """Of files with a score head, and without."""
    own_sign = 'backbone.reg_tokens'
    released = tuple(
        Layout('backbone.reg_tokens', TRUNK | head, FIELDS, student=None)
        for head in (BOX_HEAD | SCORE_HEAD, BOX_HEAD))
    shapes = {
        'embed_dims': ('backbone.reg_tokens', 2),
        'template tokens (template_size)': ('backbone.pos_embed_t', 1),
        'search tokens (search_size)': ('backbone.pos_embed_s', 1),
        'hidden width of MLPs (mlp_ratio)': (f'{OWN_LAYERS}0.mlp.fc1.weight', 0),
        'bins of the head': ('head.box_head.3.weight', 0)}
