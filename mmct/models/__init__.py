from .backbones import (
    FastITPN,
    MixViT,
    OneStreamViT,
    StageDividedFastITPN,
    StageDividedMixViT,
    StageDividedViT,
)
from .data_preprocessor import PairDataPreprocessor
from .distillers import ReplacementDistiller
from .heads import CenterHead, CornerHead, EdgeHead, TaskCenterHead
from .losses import PredictionGuidanceLoss, ScoreLoss, StageMimicLoss, TrackLoss
from .trackers import MixFormerV2, OneStreamTracker, OSTrack, SUTrack

__all__ = [
    'CenterHead', 'CornerHead', 'EdgeHead', 'FastITPN', 'MixFormerV2', 'MixViT', 'OSTrack',
    'OneStreamTracker', 'OneStreamViT', 'PairDataPreprocessor', 'PredictionGuidanceLoss',
    'ReplacementDistiller', 'SUTrack', 'ScoreLoss', 'StageDividedFastITPN', 'StageDividedMixViT',
    'StageDividedViT', 'StageMimicLoss', 'TaskCenterHead', 'TrackLoss'
]

from .. import registration  # noqa: E402, F401, isort: skip
