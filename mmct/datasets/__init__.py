from . import transforms
from .collate import collate_pairs
from .pairs import PairDataset
from .sampler import EpochIndexSampler

__all__ = ['EpochIndexSampler', 'PairDataset', 'collate_pairs', 'transforms']
