"""Training samples of a one-stream tracker: a template and a search frame of one target."""
import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log
from mmtrack.registry import DATASETS, TRANSFORMS
from torch.utils.data import Dataset

from ..utils.checks import check_number, check_numbers
from .sources import build_source

MAX_DRAWS = 100  # of one sample, before the data is considered broken


@DATASETS.register_module()
class PairDataset(Dataset):
    """Pairs drawn from MMTracking's single-object data sets.

    A sample is a function of its place (seed, epoch, index) alone, see ``EpochIndexSampler``:
    one generator keyed by the place draws the data set, the sequence, the frames and everything
    random in the pipeline, whose transforms find it in ``results['rng']``. A plain integer is the
    place (0, 0, index), so the same pairs come every time, as validation wants it.

    A pair that cannot be used is drawn again, data set, sequence and frames: an unreadable frame
    (reported once per file, with the number skipped so far), or a transform that gives None.

    Args:
        datasets: configs of single-object data sets, such as ``LaSOTDataset``; an image data set
            (``SOTCocoDataset``) gives the same image twice.
        pipeline: configs of the transforms. They get ``rng``, ``img_path`` and ``boxes`` (both
            for template, search; boxes x, y, w, h in frame pixels).
        weights: how often each data set is drawn; equally often if None.
        pairs_per_epoch: what an epoch consists of.
        max_gap: the search frame follows the template by less than this many frames.

    Raises:
        FileNotFoundError: a data folder or annotation file is missing.
        ValueError: no sequence of a data set can be used, or weights do not fit.
    """

    metainfo = {}  # asked for by MMEngine's loops

    def __init__(self, datasets: Sequence[dict], pipeline: Sequence[dict],
                 weights: Sequence[float] | None = None, pairs_per_epoch: int = 60000,
                 max_gap: int = 200) -> None:
        weights = [1] * len(datasets) if weights is None else weights
        check_numbers('weights', weights, '[0, inf)', len(datasets))
        if not 0 < sum(weights) < np.inf:
            raise ValueError(f'weights={weights} of the datasets must not all be 0')
        check_number('pairs_per_epoch', pairs_per_epoch, '[1, inf)', whole=True)
        check_number('max_gap', max_gap, '[2, inf)', whole=True)
        weights = np.array(weights, float)
        self.shares = np.cumsum(weights / weights.sum())
        self.sources = [build_source(cfg, max_gap) for cfg in datasets]
        self.pipeline = [TRANSFORMS.build(cfg) for cfg in pipeline]
        self.pairs_per_epoch = pairs_per_epoch
        self.skipped = Counter()

    def __len__(self) -> int:
        return self.pairs_per_epoch

    def __getitem__(self, place: int | tuple[int, int, int]) -> dict:
        """The packed pair of a place.

        Raises:
            ValueError: none of ``MAX_DRAWS`` draws can be used.
        """
        place = place if isinstance(place, tuple) else (0, 0, place)
        rng = np.random.default_rng(place)
        for _ in range(MAX_DRAWS):
            source = self.sources[np.searchsorted(self.shares[:-1], rng.random(), 'right')]
            results = source.draw(rng)
            sequence = results.pop('sequence')
            results['rng'] = rng
            try:
                results = self.run(results)
            except OSError as error:
                self.report(error, f'{source.name} {sequence}')
                continue
            if results is not None:
                return results
        raise ValueError(
            f'no usable pair in {MAX_DRAWS} draws at (seed, epoch, index) {place}; frames that '
            f'could not be read so far: {sum(self.skipped.values())}')

    def run(self, results: dict) -> dict | None:
        """Apply the pipeline; None where one of its transforms gives up the pair."""
        for transform in self.pipeline:
            results = transform(results)
            if results is None:
                break
        return results

    def report(self, error: OSError, sequence: str) -> None:
        """Count a frame that could not be read; log it the first time."""
        self.skipped[str(error)] += 1
        if self.skipped[str(error)] == 1:
            print_log(f'skipped ({sum(self.skipped.values())} so far): {error}, of {sequence}',
                      'current', logging.WARNING)
