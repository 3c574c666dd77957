import math

from mmengine.dist import get_dist_info
from mmtrack.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class EpochIndexSampler(Sampler):
    """Tells a data set the place of each sample: (seed, epoch, index).

    What is trained on then depends on the place alone, not on the number of workers or on where
    a run was interrupted; and the epoch reaches workers that live longer than one. Process r of n
    gets the indices r, r + n, r + 2n, …; every process gets equally many.

    Args:
        dataset: its length is the number of samples of an epoch.
        seed: the run's seed; MMEngine passes it. None counts as 0.
    """

    def __init__(self, dataset, seed=None):
        self.rank, self.world_size = get_dist_info()
        self.samples = math.ceil(len(dataset) / self.world_size)
        self.seed = 0 if seed is None else seed
        self.epoch = 0

    def set_epoch(self, epoch):
        """Called by MMEngine before each epoch; epochs count from 0."""
        self.epoch = epoch

    def __iter__(self):
        for i in range(self.samples):
            yield self.seed, self.epoch, self.rank + i * self.world_size

    def __len__(self):
        return self.samples
