"""Training samples of a one-stream tracker: templates and search frames of one target."""
import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log
from mmtrack.registry import DATASETS, TRANSFORMS
from torch.utils.data import Dataset

from ..utils.checks import check_number, check_numbers
from .sampling import make_sampling
from .sources import Target, build_source

MAX_DRAWS = 100  # of one sample, before the data is considered broken


@DATASETS.register_module()
class PairDataset(Dataset):
    """Pairs, or clips of T templates and S search frames, of MMTracking's single-object data.

    A sample is a function of only its place (seed, epoch, index), see ``EpochIndexSampler``:
    one generator keyed by the place draws the data set, the sequence, the frames and everything
    random in the pipeline, whose transforms find it in ``results['rng']``. A plain integer is the
    place (0, 0, index), so the same samples come every time, as validation wants it.

    A sample that cannot be used is drawn again, data set, sequence and frames: an unreadable frame
    (reported once per file, with the number skipped so far), or a transform that gives None.

    Args:
        datasets: configs of single-object data sets, such as ``LaSOTDataset``; an image data set
            (``SOTCocoDataset``) gives the same image T + S times.
        pipeline: configs of the transforms. They get ``rng``, ``num_templates`` (T), and
            ``img_path`` and ``boxes``, lists of T templates, then S search frames; boxes x, y, w, h
            in frame pixels. Of ``trident`` they also get ``labels``, S numbers.
        weights: how often each data set is drawn; equally often if None.
        pairs_per_epoch: what an epoch consists of.
        sampling: how frames are drawn, by ``type``: 'pair' (OSTrack), the default, 'mixformer',
            'odtrack', 'sutrack', or 'trident' for MixFormerV2's score; and the settings of its
            function in :mod:`mmct.datasets.sampling`. In half of the samples of 'trident' the
            search frame does not show the target, and its label is 0, not 1: it is one of the
            video's without the target, with the box None, or any frame of another target, with
            the box of that.
    """

    metainfo = {}  # asked for by MMEngine's loops

    def __init__(self, datasets: Sequence[dict], pipeline: Sequence[dict],
                 weights: Sequence[float] | None = None, pairs_per_epoch: int = 60000,
                 sampling: dict | None = None) -> None:
        for name, value in (('datasets', datasets), ('pipeline', pipeline)):
            if not isinstance(value, (list, tuple)):
                raise ValueError(f'{name} of a PairDataset must be a list of configs, not a '
                                 f'{type(value).__name__}')
        weights = [1] * len(datasets) if weights is None else weights
        check_numbers('weights', weights, '[0, inf)', len(datasets))
        if not 0 < sum(weights) < np.inf:
            raise ValueError(f'weights={weights} of the datasets must not all be 0')
        check_number('pairs_per_epoch', pairs_per_epoch, '[1, inf)', whole=True)
        self.sampling = make_sampling(dict(type='pair') if sampling is None else sampling)
        weights = np.array(weights, float)
        self.shares = np.cumsum(weights / weights.sum())
        self.sources = [build_source(cfg, self.sampling.min_visible) for cfg in datasets]
        self.pipeline = [TRANSFORMS.build(cfg) for cfg in pipeline]
        self.pairs_per_epoch = pairs_per_epoch
        self.skipped = Counter()

    def __len__(self) -> int:
        return self.pairs_per_epoch

    def __getitem__(self, place: int | tuple[int, int, int]) -> dict:
        """The packed sample of a place."""
        place = place if isinstance(place, tuple) else (0, 0, place)
        rng = np.random.default_rng(place)
        for _ in range(MAX_DRAWS):
            name, target = self.draw_target(rng)
            results = self.draw_frames(rng, target)
            try:
                results = self.run(results)
            except OSError as error:
                self.report(error, name)
                continue
            if results is not None:
                return results
        raise ValueError(
            f'no usable pair in {MAX_DRAWS} draws at (seed, epoch, index) {place}; frames that '
            f'could not be read so far: {sum(self.skipped.values())}')

    def draw_target(self, rng: np.random.Generator) -> tuple[str, Target]:
        """Draw a data set, then one of its targets; gives what both are called, and the target."""
        source = self.sources[np.searchsorted(self.shares[:-1], rng.random(), 'right')]
        target = source.draw(rng)
        return f'{source.name} {target.sequence}', target

    def draw_frames(self, rng: np.random.Generator, target: Target) -> dict:
        """Draw the frames of a sample, as the pipeline takes them."""
        templates, searches = self.sampling.frames(rng, target.visible, len(target.boxes))
        frames = [(target.path(i), target.boxes[i], target.size) for i in templates + searches]
        results = {'rng': rng, 'num_templates': len(templates)}
        if self.sampling.negatives:
            positive = rng.random() < 0.5
            results['labels'] = [float(positive)] * len(searches)
            if not positive:
                frames[len(templates):] = [self.draw_negative(rng, target) for _ in searches]
        paths, boxes, sizes = map(list, zip(*frames))
        return {**results, 'img_path': paths, 'boxes': boxes, 'sizes': sizes}

    def draw_negative(self, rng: np.random.Generator, target: Target
                      ) -> tuple[str, np.ndarray | None, tuple[int, int] | None]:
        """Draw a frame that does not show a target: its path, the box to crop around, None for
        one in the middle, and the size of the frame as labelled."""
        absent = target.absent
        if len(absent):
            return target.path(int(rng.choice(absent))), None, target.size
        _, other = self.draw_target(rng)
        frame = int(rng.integers(len(other.boxes)))
        return other.path(frame), other.boxes[frame], other.size

    def run(self, results: dict) -> dict | None:
        """Apply the pipeline; None if one of its transforms gives up the pair."""
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
