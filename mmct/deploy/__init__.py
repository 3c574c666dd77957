"""Trackers as files that run without PyTorch."""
from .export import export_tracker

__all__ = ['export_tracker']

from .. import registration  # noqa: E402, F401, isort: skip
