"""SUTrack (arXiv 2412.19138), tracking in RGB without language."""
from mmtrack.registry import MODELS

from .base import OneStreamTracker
from .sutrack_names import SUTrackNames


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
