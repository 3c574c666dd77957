from .base import OneStreamTracker
from .mixformerv2 import MixFormerV2
from .odtrack import ODTrack
from .ostrack import OSTrack
from .sutrack import SUTrack
