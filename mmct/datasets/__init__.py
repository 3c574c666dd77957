from . import transforms
from .collate import collate_pairs
from .listed import FolderDataset, GOT10kValDataset, ListedSOTDataset
from .pairs import PairDataset
from .sampler import EpochIndexSampler, SequenceSampler

__all__ = ['EpochIndexSampler', 'FolderDataset', 'GOT10kValDataset', 'ListedSOTDataset',
           'PairDataset', 'SequenceSampler', 'collate_pairs', 'transforms']
