from .base import OneStreamTracker
from .ostrack import OSTrack

__all__ = ['OSTrack', 'OneStreamTracker']
