"""OpenCV's VitTrack: its ONNX file as a tracker of mmct."""
import mmct  # noqa: F401  before MMTracking
