from .itpn import FastITPN
from .mixvit import MixViT
from .one_stream_vit import OneStreamViT
from .stage_divided_vit import StageDividedFastITPN, StageDividedMixViT, StageDividedViT
from .stage_division import StageDivision, divide

__all__ = [
    'FastITPN', 'MixViT', 'OneStreamViT', 'StageDividedFastITPN', 'StageDividedMixViT',
    'StageDividedViT', 'StageDivision', 'divide'
]
