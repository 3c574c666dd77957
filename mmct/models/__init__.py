from .backbones import (
    MixViT,
    ODTrackViT,
    OneStreamViT,
    StageDividedMixViT,
    StageDividedODTrackViT,
    StageDividedViT,
)
from .data_preprocessor import PairDataPreprocessor
from .distillers import ReplacementDistiller
from .heads import CenterHead, CornerHead, EdgeHead
from .losses import PredictionGuidanceLoss, ScoreLoss, StageMimicLoss, TrackLoss
from .trackers import MixFormerV2, ODTrack, OneStreamTracker, OSTrack

__all__ = [
    'CenterHead', 'CornerHead', 'EdgeHead', 'MixFormerV2', 'MixViT', 'ODTrack', 'ODTrackViT',
    'OSTrack', 'OneStreamTracker', 'OneStreamViT', 'PairDataPreprocessor',
    'PredictionGuidanceLoss', 'ReplacementDistiller', 'ScoreLoss', 'StageDividedMixViT',
    'StageDividedODTrackViT', 'StageDividedViT', 'StageMimicLoss', 'TrackLoss'
]

from .. import registration  # noqa: E402, F401, isort: skip
