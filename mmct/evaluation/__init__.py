"""Metrics of trackers, from boxes with NumPy only; MMEngine's evaluators have files of their own,
which are imported when something is registered.

A metric is a function of (results, annotations, dataset) as :func:`evaluate`, and a line in
``METRICS``, by which tools/test.py, tools/evaluate.py and configs know it.
"""
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from .got10k import evaluate_got10k
from .metrics import CONVENTIONS, PUBLISHED, evaluate


class Metric(NamedTuple):
    evaluate: Callable[..., dict]
    about: str  # for --help


METRICS = {
    **{name: Metric(partial(evaluate, convention=name), about)
       for name, about in CONVENTIONS.items()},
    'got10k': Metric(evaluate_got10k, "AO and SR as GOT-10k's toolkit"),
}

__all__ = ['CONVENTIONS', 'METRICS', 'PUBLISHED', 'evaluate', 'evaluate_got10k']
