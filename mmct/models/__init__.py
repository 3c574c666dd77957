from .backbones import (
    FastITPN,
    MixViT,
    ODTrackViT,
    OneStreamViT,
    StageDividedFastITPN,
    StageDividedMixViT,
    StageDividedODTrackViT,
    StageDividedViT,
)
from .data_preprocessor import PairDataPreprocessor
from .distillers import ReplacementDistiller
from .heads import CenterHead, CornerHead, EdgeHead, TaskCenterHead
from .losses import PredictionGuidanceLoss, ScoreLoss, StageMimicLoss, TrackLoss
from .trackers import MixFormerV2, ODTrack, OneStreamTracker, OSTrack, SUTrack

__all__ = [
    'CenterHead', 'CornerHead', 'EdgeHead', 'FastITPN', 'MixFormerV2', 'MixViT', 'ODTrack',
    'ODTrackViT', 'OSTrack', 'OneStreamTracker', 'OneStreamViT', 'PairDataPreprocessor',
    'PredictionGuidanceLoss', 'ReplacementDistiller', 'SUTrack', 'ScoreLoss',
    'StageDividedFastITPN', 'StageDividedMixViT', 'StageDividedODTrackViT', 'StageDividedViT',
    'StageMimicLoss', 'TaskCenterHead', 'TrackLoss'
]
