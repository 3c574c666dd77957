"""How data sets lie on disk, as their authors give them out; NumPy and OpenCV alone."""
from .check import check_sequence
from .infos import write_infos
from .names import sequence_name, sequence_names
from .sequences import LAYOUTS, Layout, Sequence, Split, layout_of, to_be_tested

__all__ = ['LAYOUTS', 'Layout', 'Sequence', 'Split', 'check_sequence', 'layout_of',
           'sequence_name', 'sequence_names', 'to_be_tested', 'write_infos']
