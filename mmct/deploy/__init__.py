"""Trackers as files that run without PyTorch."""
from .export import export_tracker
