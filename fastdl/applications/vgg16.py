"""Keras's name for VGG16 alone; the network is in vgg.py."""
from fastdl.applications.vgg import VGG16, decode_predictions, preprocess_input

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]
