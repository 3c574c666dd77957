"""Trackers as files that run without PyTorch."""
from .export import export_tracker

__all__ = ['export_tracker']
