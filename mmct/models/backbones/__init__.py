from .mixvit import MixViT
from .odtrack_vit import ODTrackViT
from .one_stream_vit import OneStreamViT
from .stage_divided_vit import StageDividedMixViT, StageDividedODTrackViT, StageDividedViT
from .stage_division import StageDivision, divide

__all__ = [
    'MixViT', 'ODTrackViT', 'OneStreamViT', 'StageDividedMixViT', 'StageDividedODTrackViT',
    'StageDividedViT', 'StageDivision', 'divide'
]
