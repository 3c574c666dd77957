"""The former place of what is in :mod:`mmct.formats` and :mod:`mmct.evaluation` now."""
import warnings

from .evaluation import CONVENTIONS, evaluate, evaluate_got10k
from .formats import (
    ATTRIBUTES,
    Annotation,
    read_annotations,
    read_boxes,
    read_results,
    read_seconds,
)

__all__ = [
    'ATTRIBUTES', 'Annotation', 'CONVENTIONS', 'evaluate', 'evaluate_got10k', 'read_annotations',
    'read_boxes', 'read_results', 'read_seconds'
]

warnings.warn('mmct.analysis is now mmct.formats (annotations, results) and mmct.evaluation '
              '(metrics)', DeprecationWarning, stacklevel=2)
