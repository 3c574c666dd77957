from .itpn import FastITPN
from .mixvit import MixViT
from .odtrack_vit import ODTrackViT
from .one_stream_vit import OneStreamViT
from .stage_divided_vit import (
    StageDividedFastITPN,
    StageDividedMixViT,
    StageDividedODTrackViT,
    StageDividedViT,
)
from .stage_division import StageDivision, divide

__all__ = [
    'FastITPN', 'MixViT', 'ODTrackViT', 'OneStreamViT', 'StageDividedFastITPN',
    'StageDividedMixViT', 'StageDividedODTrackViT',
    'StageDividedViT', 'StageDivision', 'divide'
]
