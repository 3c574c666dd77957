"""MMTracking's one-pass evaluation, where a broken sequence does not spoil the others."""
from collections.abc import Sequence

from mmengine.logging import MMLogger
from mmtrack.evaluation import SOTMetric
from mmtrack.registry import METRICS


@METRICS.register_module()
class OnePassMetric(SOTMetric):
    """``SOTMetric`` over the sequences that could be tracked; the others are named and counted.

    Results: ``sot/success`` (AUC), ``sot/norm_precision`` and ``sot/precision`` in percent, and
    ``sot/failed_sequences``.
    """


    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        before = len(self.results)
        super().process(data_batch, data_samples)
        if len(self.results) > before:  # the last frame of a sequence
            result = self.results[-1]
            result['failure'] = data_samples[-1].get('failure')
            if not result['failure'] and not result['visible'].any():
                result['failure'] = 'the target is visible in no frame'

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        logger = MMLogger.get_current_instance()
        failed = [result for result in results if result['failure']]
        for result in failed:
            logger.error(f'sequence {result["video_name"]} failed: {result["failure"]}')
        tracked = [result for result in results if not result['failure']]
        metrics = super().compute_metrics(tracked) if tracked else {}
        # A float, because MMEngine's logs keep no whole numbers.
        return {**metrics, 'failed_sequences': float(len(failed))}
