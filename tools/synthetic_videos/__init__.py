"""Synthetic tracking videos: pieces of photographs that move through photographs."""
from .scene import Video
from .writer import SPLITS, write_videos
