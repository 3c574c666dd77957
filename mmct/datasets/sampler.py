import heapq
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sized

from mmengine.dist import get_dist_info
from mmtrack.datasets import BaseSOTDataset
from mmtrack.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class EpochIndexSampler(Sampler):
    """Tells a data set the place of each sample: (seed, epoch, index). MMEngine passes the seed.

    What is trained on then depends only on the place, not on the number of workers or on an
    interruption; and the epoch reaches workers that live longer than one. Process r of n
    gets the indices r, r + n, r + 2n, …; every process gets equally many.

    ``start`` skips that many samples of the process in the next epoch, without reading them; it
    does not change the length, which is that of a whole epoch.
    """

    def __init__(self, dataset: Sized, seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.samples = math.ceil(len(dataset) / self.world_size)
        self.seed = 0 if seed is None else seed
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes, from 0; MMEngine calls it before each."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        start, self.start = self.start, 0
        for i in range(start, self.samples):
            yield self.seed, self.epoch, self.rank + i * self.world_size

    def __len__(self) -> int:
        return self.samples


@DATA_SAMPLERS.register_module()
class SequenceSampler(Sampler):
    """The frames of whole sequences, in order: (sequence, frame).

    Like MMTracking's ``VideoSampler``, but processes get about as many frames, not sequences,
    each; there may be fewer sequences than processes; and some can be left out. The seed, which
    MMEngine passes, does nothing.
    """

    def __init__(self, dataset: BaseSOTDataset, seed: int | None = None) -> None:
        self.lengths = [dataset.get_len_per_video(i) for i in range(dataset.num_videos)]
        self.leave_out(())

    def leave_out(self, done: Iterable[int]) -> None:
        """Share out the sequences that are not in ``done`` (numbers), the longest first."""
        rank, world_size = get_dist_info()
        frames, shares = [0] * world_size, [[] for _ in range(world_size)]
        left = set(range(len(self.lengths))) - set(done)
        for sequence in self.longest_first(left):
            least = frames.index(min(frames))
            frames[least] += self.lengths[sequence]
            shares[least].append(sequence)
        self.sequences = sorted(shares[rank])

    def longest_first(self, sequences: Iterable[int]) -> list[int]:
        return sorted(sequences, key=lambda i: (-self.lengths[i], i))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for sequence in self.sequences:
            for frame in range(self.lengths[sequence]):
                yield sequence, frame

    def __len__(self) -> int:
        return sum(self.lengths[sequence] for sequence in self.sequences)


@DATA_SAMPLERS.register_module()
class SequencesAtOnce(Sampler):
    """Batches of the next frames of several sequences, of which each follows another that has
    ended; a ``batch_sampler`` of a data loader, the longest sequences first.

    Args:
        sampler: the sequences.
        batch_size: how many at once.
    """

    def __init__(self, sampler: SequenceSampler, batch_size: int) -> None:
        self.sampler, self.batch_size = sampler, batch_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        waiting, frames = deque(self._waiting()), {}
        while waiting or frames:
            while waiting and len(frames) < self.batch_size:
                frames[waiting.popleft()] = 0
            yield list(frames.items())
            frames = {sequence: frame + 1 for sequence, frame in frames.items()
                      if frame + 1 < self.sampler.lengths[sequence]}

    def __len__(self) -> int:
        ends = [0] * self.batch_size
        for sequence in self._waiting():
            heapq.heapreplace(ends, ends[0] + self.sampler.lengths[sequence])
        return max(ends)

    def _waiting(self) -> list[int]:
        return self.sampler.longest_first(self.sampler.sequences)
