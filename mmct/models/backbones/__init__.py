from .mixvit import MixViT
from .one_stream_vit import OneStreamViT
from .stage_divided_vit import StageDividedMixViT, StageDividedViT
from .stage_division import StageDivision, divide

__all__ = [
    'MixViT', 'OneStreamViT', 'StageDividedMixViT', 'StageDividedViT', 'StageDivision', 'divide'
]
