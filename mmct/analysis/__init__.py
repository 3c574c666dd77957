"""Evaluation from box files alone, with NumPy alone."""
from .annotations import ATTRIBUTES, Annotation, read_annotations
from .metrics import CONVENTIONS, evaluate
from .results import read_boxes, read_results

__all__ = ['ATTRIBUTES', 'CONVENTIONS', 'Annotation', 'evaluate', 'read_annotations',
           'read_boxes', 'read_results']
