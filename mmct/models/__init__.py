from .backbones import OneStreamViT, StageDividedViT
from .data_preprocessor import PairDataPreprocessor
from .distillers import ReplacementDistiller
from .heads import CenterHead, CornerHead
from .losses import PredictionGuidanceLoss, StageMimicLoss, TrackLoss
from .trackers import OneStreamTracker, OSTrack

__all__ = [
    'CenterHead', 'CornerHead', 'OSTrack', 'OneStreamTracker', 'OneStreamViT',
    'PairDataPreprocessor', 'PredictionGuidanceLoss', 'ReplacementDistiller', 'StageDividedViT',
    'StageMimicLoss', 'TrackLoss'
]

from .. import registration  # noqa: E402, F401, isort: skip
