from .one_stream_vit import OneStreamViT
from .stage_divided_vit import StageDividedViT, divide

__all__ = ['OneStreamViT', 'StageDividedViT', 'divide']
