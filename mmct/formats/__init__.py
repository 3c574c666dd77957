"""How data sets, annotations and results lie on disk, as their authors give them out."""
from .annotations import ATTRIBUTES, Annotation, read_annotations
from .names import sequence_name, sequence_names
from .results import read_boxes, read_results, read_seconds
from .sequences import Sequence, dataset_of, to_be_tested

__all__ = [
    'ATTRIBUTES', 'Annotation', 'Sequence', 'dataset_of', 'read_annotations', 'read_boxes',
    'read_results', 'read_seconds', 'sequence_name', 'sequence_names', 'to_be_tested'
]
