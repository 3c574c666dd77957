"""Imports whatever registers something, with MMEngine or for checkpoints, so that configs and files
can name it."""
from . import datasets, engine, models  # noqa: F401
from .evaluation import one_pass_metric, pair_iou  # noqa: F401
from .models.trackers import ostrack_names  # noqa: F401
