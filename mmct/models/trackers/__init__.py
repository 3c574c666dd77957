from .base import OneStreamTracker
from .mixformerv2 import MixFormerV2
from .ostrack import OSTrack

__all__ = ['MixFormerV2', 'OSTrack', 'OneStreamTracker']
