"""Evaluation from box files alone, with NumPy alone."""
from .annotations import ATTRIBUTES, Annotation, read_annotations
from .got10k import evaluate_got10k
from .metrics import CONVENTIONS, evaluate
from .results import read_boxes, read_results, read_seconds

__all__ = ['ATTRIBUTES', 'CONVENTIONS', 'Annotation', 'evaluate', 'evaluate_got10k',
           'read_annotations', 'read_boxes', 'read_results', 'read_seconds']
