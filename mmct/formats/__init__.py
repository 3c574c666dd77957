"""How data sets, annotations and results lie on disk, as their authors give them out."""
from .annotations import (
    ATTRIBUTES,
    Annotation,
    read_annotation,
    read_annotations,
    read_boxes,
)
from .layouts import Sequence, sequence_name
from .results import read_results, read_seconds, sequence_names
from .sequences import dataset_of, to_be_tested
