"""Keras's name for VGG19 alone; the network is in vgg.py."""
from fastdl.applications.vgg import VGG19, decode_predictions, preprocess_input

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]
