"""Backbones of students; arguments as of :class:`StageDivision`, and of the teacher's backbone
without ``depth``."""
from mmtrack.registry import MODELS

from .itpn import FastITPN
from .mixvit import MixViT
from .odtrack_vit import ODTrackViT
from .one_stream_vit import OneStreamViT
from .stage_division import StageDivision


@MODELS.register_module()
class StageDividedViT(StageDivision, OneStreamViT):
    """A student of a :class:`OneStreamViT`."""


@MODELS.register_module()
class StageDividedMixViT(StageDivision, MixViT):
    """A student of a :class:`MixViT`."""


@MODELS.register_module()
class StageDividedODTrackViT(StageDivision, ODTrackViT):
    """A student of an :class:`ODTrackViT`."""


@MODELS.register_module()
class StageDividedFastITPN(StageDivision, FastITPN):
    """A student of a :class:`FastITPN`, with all convolutional blocks of its teacher."""
