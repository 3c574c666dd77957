"""Compression of one-stream transformer trackers, as a plugin for MMTracking 1.x.

Importing this package is all that configs need: as soon as anything of OpenMMLab is imported,
before or after, MMTracking is made to work and everything of mmct is registered with it. A program
that imports nothing of OpenMMLab pays for nothing: ``mmct.runtime``, ``mmct.formats`` and
``mmct.evaluation`` need neither PyTorch nor MMTracking.
"""
import sys

from .compat import prepare_openmmlab
from .former import FormerModules
from .utils.backends import BACKENDS, Backend

__version__ = '0.2.0'

# Tracking without training knows no configs; this package does.
for _name, _opener in (('torch', 'open_eager'), ('compile', 'open_compiled')):
    BACKENDS[_name] = Backend('mmct.api', _opener, '.py', ('fp32', 'bf16', 'fp16'), 'lite')
prepare_openmmlab()
sys.meta_path.insert(0, FormerModules())


def __getattr__(name: str) -> object:
    if name == 'load_tracker':
        from .api import load_tracker
        return load_tracker
    if name == 'Tracker':
        from .runtime import Tracker
        return Tracker
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
