"""OSTrack (arXiv 2203.11991)."""
from mmtrack.registry import MODELS

from .base import OneStreamTracker
from .ostrack_names import OSTrackNames


@MODELS.register_module()
class OSTrack(OneStreamTracker):
    """One template for the whole video, and a search crop, through one ViT.

    Arguments as of :class:`OneStreamTracker`; VitTrack is one with a ``ConvStem``.
    """
    names = OSTrackNames()
