"""Metrics of trackers, from boxes, without PyTorch; MMEngine's evaluators have files of their own,
which are imported when something is registered.

A metric is a function of (results, annotations, dataset) as :func:`evaluate`, and a line in
``METRICS``, by which tools/test.py, tools/evaluate.py and configs know it.
"""
from functools import partial

from .got10k import evaluate_got10k
from .metrics import CONVENTIONS, PUBLISHED, evaluate

METRICS = {
    **{name: partial(evaluate, convention=name) for name in CONVENTIONS},
    'got10k': evaluate_got10k,
}
