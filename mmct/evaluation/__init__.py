from .one_pass_metric import OnePassMetric
from .pair_iou import PairIoU

__all__ = ['OnePassMetric', 'PairIoU']
