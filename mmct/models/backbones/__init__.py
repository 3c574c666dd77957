from .itpn import FastITPN
from .mixvit import MixViT
from .odtrack_vit import ODTrackViT
from .one_stream_vit import OneStreamViT
from .stage_division import (
    StageDividedFastITPN,
    StageDividedMixViT,
    StageDividedODTrackViT,
    StageDividedViT,
    StageDivision,
    divide,
)
