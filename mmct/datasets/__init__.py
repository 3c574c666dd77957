from . import transforms
from .listed import FolderDataset, GOT10kValDataset, ListedSOTDataset
from .pairs import PairDataset
from .sampler import EpochIndexSampler, SequenceSampler
from .transforms import collate_pairs
