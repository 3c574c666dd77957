from . import transforms
from .collate import collate_pairs
from .pairs import PairDataset
from .sampler import EpochIndexSampler, SequenceSampler

__all__ = ['EpochIndexSampler', 'PairDataset', 'SequenceSampler', 'collate_pairs', 'transforms']
