from .one_stream_vit import OneStreamViT
from .stage_divided_vit import StageDividedViT
from .stage_division import StageDivision, divide

__all__ = ['OneStreamViT', 'StageDividedViT', 'StageDivision', 'divide']
