"""Tracking without training: numpy, OpenCV and one of ONNX Runtime, OpenVINO or PyTorch."""
from .backends import open_network
from .tracker import Tracker, update_many
