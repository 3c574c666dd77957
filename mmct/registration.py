"""Imports whatever registers something with MMEngine, so that configs can name it."""
from . import datasets, engine, models  # noqa: F401
from .evaluation import one_pass_metric, pair_iou  # noqa: F401
