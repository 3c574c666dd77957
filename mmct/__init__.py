"""Compression of one-stream transformer trackers, as a plugin for MMTracking 1.x.

Importing this package bridges MMTracking and registers everything. Where MMTracking is not
installed, or MMCT_BRIDGE=0 is in the environment, it does nothing: :mod:`mmct.runtime` and
:mod:`mmct.analysis` can be used alone, and are there at once.
"""
import os

from .compat import bridge

__version__ = '0.1.0'

if os.environ.get('MMCT_BRIDGE') != '0' and bridge():
    from . import datasets, engine, evaluation, models  # noqa: F401
    from .api import load_tracker  # noqa: F401
