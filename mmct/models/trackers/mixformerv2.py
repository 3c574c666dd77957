"""MixFormerV2 (arXiv 2305.15896), and the names of its weights in released files of any depth."""
from mmtrack.registry import MODELS

from ...checkpoint.names import OWN_LAYERS, Layout, Names
from ...runtime.templates import count_templates
from .base import OneStreamTracker
from .ostrack import FIELDS

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


@MODELS.register_module()
class MixFormerV2(OneStreamTracker):
    """The first template, an online one and a search crop through a ``MixViT``.

    Arguments as of :class:`OneStreamTracker`. The online template is the one of the best score in
    each interval; without a score head it stays the first.
    """
    names = MixFormerV2Names()

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        policy = self.test_cfg['templates']
        if count_templates(policy, first=True) < 2:
            raise ValueError(f'test_cfg.templates={policy} gives one template, a MixFormerV2 takes '
                             'two or more; set copies=2')
        if policy.get('type') != 'Fixed' and self.head.score_head is None:
            raise ValueError(f'test_cfg.templates={policy} goes by the score, but the head has '
                             "none; set head.with_score=True, or dict(type='Fixed', copies=2)")

    @property
    def template_policy(self) -> dict:
        """By whether there is a score to choose by."""
        if self.head.score_head is None:
            return dict(type='Fixed', copies=2)
        return dict(type='BestOfInterval', interval=200)
