"""Backbones of students: the teacher's ViT, shallower, and anything else by config."""
from mmtrack.registry import MODELS

from .itpn import FastITPN
from .mixvit import MixViT
from .odtrack_vit import ODTrackViT
from .one_stream_vit import OneStreamViT
from .stage_division import StageDivision


@MODELS.register_module()
class StageDividedViT(StageDivision, OneStreamViT):
    """A ViT of one layer, or a few, for each stage of a deeper teacher.

    Arguments as of :class:`StageDivision`, and of :class:`OneStreamViT` without ``depth``.
    """


@MODELS.register_module()
class StageDividedMixViT(StageDivision, MixViT):
    """A student of a :class:`MixViT`; arguments as of :class:`StageDivision`, and of that without
    ``depth``."""


@MODELS.register_module()
class StageDividedODTrackViT(StageDivision, ODTrackViT):
    """A student of an :class:`ODTrackViT`; arguments as of :class:`StageDivision`, and of that
    without ``depth``."""


@MODELS.register_module()
class StageDividedFastITPN(StageDivision, FastITPN):
    """A student of a :class:`FastITPN`, with all convolutional blocks of its teacher; arguments as
    of :class:`StageDivision`, and of that without ``depth``."""
