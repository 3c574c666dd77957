"""MixFormerV2 (arXiv 2305.15896)."""
from mmtrack.registry import MODELS

from ...runtime.templates import count_templates
from .base import OneStreamTracker
from .mixformerv2_names import MixFormerV2Names


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
