"""OpenCV's VitTrack: its ONNX file as a tracker of mmct."""
