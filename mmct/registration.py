"""Imports whatever registers something with MMEngine, and gathers what the trackers' files call
their weights."""
from . import datasets, engine, models  # noqa: F401
from .evaluation import one_pass_metric, pair_iou  # noqa: F401
from .models.trackers import mixformerv2_names, odtrack_names, ostrack_names, sutrack_names

LAYOUTS = (*ostrack_names.LAYOUTS, *mixformerv2_names.LAYOUTS, *odtrack_names.LAYOUTS,
           *sutrack_names.LAYOUTS)
