"""Metrics of trackers, from box files with NumPy only; MMEngine's evaluators have files of their
own, which are imported when something is registered."""
from .got10k import evaluate_got10k
from .metrics import CONVENTIONS, PUBLISHED, evaluate

__all__ = ['CONVENTIONS', 'PUBLISHED', 'evaluate', 'evaluate_got10k']
