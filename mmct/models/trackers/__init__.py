from .base import OneStreamTracker
from .mixformerv2 import MixFormerV2
from .ostrack import OSTrack
from .sutrack import SUTrack

__all__ = ['MixFormerV2', 'OSTrack', 'OneStreamTracker', 'SUTrack']
