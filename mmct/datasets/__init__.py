from . import transforms
from .collate import collate_pairs
from .listed import FolderDataset, ListedSOTDataset
from .pairs import PairDataset
from .sampler import EpochIndexSampler, SequenceSampler

__all__ = ['EpochIndexSampler', 'FolderDataset', 'ListedSOTDataset', 'PairDataset',
           'SequenceSampler', 'collate_pairs', 'transforms']
