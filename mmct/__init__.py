"""Compression of one-stream transformer trackers, as a plugin for MMTracking 1.x.

Importing this package is all that configs need: as soon as anything of OpenMMLab is imported,
before or after, MMTracking is made to work and everything of mmct is registered with it. Whoever
imports nothing of OpenMMLab pays for nothing: ``mmct.runtime``, ``mmct.formats``,
``mmct.evaluation`` and ``mmct.visualization`` need neither PyTorch nor MMTracking.
"""
from .compat import prepare_openmmlab

__version__ = '0.2.0'

prepare_openmmlab()


def __getattr__(name: str) -> object:
    if name in ('load_tracker', 'open_tracker'):
        from . import api
        return getattr(api, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
