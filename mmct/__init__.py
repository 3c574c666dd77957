"""Compression of one-stream transformer trackers, as a plugin for MMTracking 1.x.

Importing this package bridges MMTracking and registers everything. Where MMTracking is not
installed it does nothing, and :mod:`mmct.runtime` can be used alone.
"""
from .compat import bridge

__version__ = '0.1.0'

if bridge():
    from . import datasets, engine, evaluation, models  # noqa: F401
    from .api import load_tracker  # noqa: F401
