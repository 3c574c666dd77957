"""The metrics of a test, and of a validation on clips, for MMEngine."""
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmtrack.registry import METRICS
from torch import Tensor

from ..datasets.sources import annotation_of
from ..formats.results import DIGITS
from ..models.losses import mean_iou
from . import METRICS as FIGURES

# What MMTracking's SOTMetric calls its figures.
SOT_FIGURES = dict(success='auc', norm_precision='norm_precision', precision='precision')


@METRICS.register_module()
class OnePassMetric(BaseMetric):
    """Metrics over the sequences that could be tracked; the others are named and counted.

    Boxes count as they are written to files, rounded, so that tools/evaluate.py gives the same. A
    sequence of which only the first box is known is tracked and not scored.

    Results: ``sot/failed_sequences``; of 'OPE' ``sot/success`` (AUC), ``sot/norm_precision`` and
    ``sot/precision``, of others ``METRIC/FIGURE``, in percent.

    Args:
        metric: 'OPE', as MMTracking's ``SOTMetric`` has it; a name of
            :data:`mmct.evaluation.METRICS`; or a list of such.
        metric_options: ``only_eval_visible`` of 'OPE'.
        collect_device: as MMEngine's.
    """

    default_prefix = 'sot'
    names = (*SOT_FIGURES, 'failed_sequences')

    def __init__(self, metric: str | Sequence[str] = 'OPE', metric_options: dict | None = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(collect_device)
        self.metrics = [metric] if isinstance(metric, str) else list(metric)
        if unknown := set(self.metrics) - {'OPE', *FIGURES}:
            raise ValueError(f'OnePassMetric: metric={unknown.pop()!r} is not one of OPE, '
                             f'{", ".join(FIGURES)}')
        only_visible = (metric_options or {}).get('only_eval_visible', False)
        self.of_ope = 'sot_visible' if only_visible else 'sot'
        self.boxes = defaultdict(list)  # of each sequence that is being tracked

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Take the box of a frame; of the data set, when a sequence ends, its annotation."""
        for sample in data_samples:
            number = sample['video_id']
            self.boxes[number].append(sample['pred_track_instances']['bboxes'][0].cpu().numpy())
            if sample['frame_id'] < sample['video_length'] - 1:
                continue
            corners = np.array(self.boxes.pop(number))
            boxes = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]]).round(DIGITS)
            annotation = annotation_of(self.dataset_meta['dataset'], number)
            failure, scored = sample.get('failure'), len(annotation.boxes) == len(boxes)
            if scored and not (~annotation.absent & (annotation.boxes[:, 2:] > 0).all(1)).any():
                failure = failure or 'the target is visible in no frame'
            self.results.append((number, boxes, annotation, failure, scored))

    def evaluate(self, size: int) -> dict[str, float]:
        """The metrics of all processes' sequences, in every process."""
        parts, self.results = all_gather_object(self.results), []
        metrics = [None]
        if is_main_process():
            # In one order, so that means come out the same to the last bit.
            metrics = [self.compute_metrics(sorted(sum(parts, []), key=lambda result: result[0]))]
        broadcast_object_list(metrics)
        return metrics[0]

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        logger = MMLogger.get_current_instance()
        results = [(self.dataset_meta['sequences'][number], *rest) for number, *rest in results]
        failures = {name: failure for name, _, _, failure, _ in results if failure}
        for name, failure in failures.items():
            logger.error(f'sequence {name} failed: {failure}')
        tracked = [result for result in results if result[0] not in failures]
        boxes = {name: boxes for name, boxes, _, _, scored in tracked if scored}
        annotations = {name: annotation for name, _, annotation, _, scored in tracked if scored}
        if len(boxes) < len(tracked):
            logger.info(f'{len(tracked) - len(boxes)} of {len(results)} sequences are tracked and '
                        'not scored: nothing but their first box is known')
        # Floats, because MMEngine's logs keep no whole numbers.
        found = {f'{self.prefix}/failed_sequences': float(len(failures))}
        for metric in self.metrics if boxes else ():
            name = self.of_ope if metric == 'OPE' else metric
            total = FIGURES[name](boxes, annotations)['total']
            found |= {f'{self.prefix}/{ours}': total[key] for ours, key in SOT_FIGURES.items()} \
                if metric == 'OPE' else {f'{metric}/{key}': float(value)
                                         for key, value in total.items()}
        return found


@METRICS.register_module()
class PairIoU(BaseMetric):
    """Mean IoU, in [0, 1], of predicted boxes and the target's, over all search crops."""

    default_prefix = 'pair'
    names = ('iou',)

    def process(self, data_batch: dict, data_samples: Sequence[Tensor]) -> None:
        """Take the clip of a data loader, and the boxes (S, 4) cx, cy, w, h in [0, 1] of its
        samples."""
        for found, truth in zip(data_samples, data_batch['inputs']['clip'].gt_boxes, strict=True):
            self.results.append(mean_iou(found.cpu(), truth).item())

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return dict(iou=sum(results) / len(results))
