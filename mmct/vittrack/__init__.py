"""OpenCV's VitTrack: its ONNX file as a tracker of mmct."""
from .conversion import convert_vittrack
from .reading import read_vittrack

__all__ = ['convert_vittrack', 'read_vittrack']
