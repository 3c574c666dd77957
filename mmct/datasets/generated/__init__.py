"""Synthetic tracking videos: enough variety to train a small tracker that follows anything."""
from .scene import Video
from .writer import SPLITS, write_videos

__all__ = ['SPLITS', 'Video', 'write_videos']
