from .backbones import MixViT, OneStreamViT, StageDividedMixViT, StageDividedViT
from .data_preprocessor import PairDataPreprocessor
from .distillers import ReplacementDistiller
from .heads import CenterHead, CornerHead, EdgeHead
from .losses import PredictionGuidanceLoss, ScoreLoss, StageMimicLoss, TrackLoss
from .trackers import MixFormerV2, OneStreamTracker, OSTrack

__all__ = [
    'CenterHead', 'CornerHead', 'EdgeHead', 'MixFormerV2', 'MixViT', 'OSTrack',
    'OneStreamTracker', 'OneStreamViT', 'PairDataPreprocessor', 'PredictionGuidanceLoss',
    'ReplacementDistiller', 'ScoreLoss', 'StageDividedMixViT', 'StageDividedViT',
    'StageMimicLoss', 'TrackLoss'
]

from .. import registration  # noqa: E402, F401, isort: skip
