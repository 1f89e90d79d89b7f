"""Keras's name for ResNet50 alone; the network is in resnet.py."""
from fastdl.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
