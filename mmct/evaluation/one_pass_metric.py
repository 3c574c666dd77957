"""MMTracking's one-pass evaluation, where a broken sequence does not spoil the others."""
from collections.abc import Sequence

import numpy as np
from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process
from mmengine.logging import MMLogger
from mmtrack.evaluation import SOTMetric
from mmtrack.registry import METRICS

from ..formats.result_files import DIGITS


@METRICS.register_module()
class OnePassMetric(SOTMetric):
    """``SOTMetric`` over the sequences that could be tracked; the others are named and counted.

    Boxes count as they are written to files, rounded, so that both give the same metrics. A
    sequence of which the first box alone is known is tracked and not scored.

    Results: ``sot/success`` (AUC), ``sot/norm_precision`` and ``sot/precision`` in percent, and
    ``sot/failed_sequences``.
    """

    names = ('success', 'norm_precision', 'precision', 'failed_sequences')

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        # SOTMetric wants to know beforehand whether there is ground truth in all frames.
        self.format_only = True
        before = len(self.results)
        super().process(data_batch, data_samples)
        if len(self.results) == before:
            return
        result = self.results[-1]  # the last frame of a sequence
        names = (self.dataset_meta or {}).get('sequences')
        if names:
            result['video_name'] = names[result['video_id']]
        result['pred_bboxes'] = list(rounded(np.array(result['pred_bboxes'])))
        result['scored'] = len(result['gt_bboxes']) == len(result['pred_bboxes'])
        result['failure'] = data_samples[-1].get('failure')
        if result['scored'] and not result['failure'] and not result['visible'].any():
            result['failure'] = 'the target is visible in no frame'

    def evaluate(self, size: int) -> dict[str, float]:
        """The metrics of all processes' sequences, in every process."""
        parts, self.results = all_gather_object(self.results), []
        metrics = [None]
        if is_main_process():
            # In one order, whoever tracked them, so that means come out the same to the last bit.
            results = sorted((result for part in parts for result in part),
                             key=lambda result: result['video_id'])
            metrics = [{f'{self.prefix}/{key}': value
                        for key, value in self.compute_metrics(results).items()}]
        broadcast_object_list(metrics)
        return metrics[0]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        self.format_only = False
        logger = MMLogger.get_current_instance()
        failed = [result for result in results if result['failure']]
        for result in failed:
            logger.error(f'sequence {result["video_name"]} failed: {result["failure"]}')
        tracked = [result for result in results if not result['failure']]
        scored = [result for result in tracked if result['scored']]
        if len(scored) < len(tracked):
            logger.info(f'{len(tracked) - len(scored)} of {len(results)} sequences are tracked and '
                        'not scored: nothing but their first box is known')
        metrics = super().compute_metrics(scored) if scored else {}
        # A float, because MMEngine's logs keep no whole numbers.
        return {**metrics, 'failed_sequences': float(len(failed))}


def rounded(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) x1, y1, x2, y2 of boxes whose x, y, w, h are rounded."""
    corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    corner, size = np.round(corner, DIGITS), np.round(size, DIGITS)
    return np.concatenate([corner, corner + size], axis=1)
