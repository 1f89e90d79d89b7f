"""Every layer by its Keras name. A family's file lists its public classes by defining them."""
import importlib

from fastdl.layers.layer import InputSpec, Layer

for _family in ("core", "activation", "regularization", "reshaping", "merging", "convolution", "pooling", "normalization",
                "recurrent_cells", "recurrent", "conv_lstm", "wrappers", "attention", "preprocessing.numbers", "preprocessing.categories",
                "preprocessing.lookup", "preprocessing.text", "preprocessing.geometry", "preprocessing.color", "preprocessing.mixing",
                "preprocessing.sound", "preprocessing.features"):
    _module = importlib.import_module(f"fastdl.layers.{_family}")
    for _key, _value in list(vars(_module).items()):
        if not _key.startswith("_") and callable(_value) and getattr(_value, "__module__", None) == _module.__name__:
            globals()[_key] = _value

__all__ = [k for k, v in globals().items() if callable(v) and not k.startswith("_")]


def serialize(layer):
    from fastdl.saving import serialization
    return serialization.serialize_keras_object(layer)


def deserialize(config, custom_objects=None):
    from fastdl.saving import serialization
    return serialization.deserialize_keras_object(config, custom_objects=custom_objects)


def CuDNNLSTM(units, **kwargs):
    """LSTM with the gates' true sigmoid, by its Keras 2 name."""
    return LSTM(units, recurrent_activation="sigmoid", **kwargs)  # noqa: F821


def CuDNNGRU(units, **kwargs):
    """GRU(reset_after=True), by its Keras 2 name."""
    return GRU(units, recurrent_activation="sigmoid", reset_after=True, **kwargs)  # noqa: F821


def _keras2_name(name):
    """Convolution2D -> Conv2D, Deconvolution2D -> Conv2DTranspose, ..."""
    for old, new in (("SeparableConvolution", "SeparableConv"), ("Deconvolution", "Conv"), ("Deconv", "Conv"), ("Convolution", "Conv")):
        if name.startswith(old):
            return new + name[len(old):] + ("Transpose" if old.startswith("Dec") else "")
    return None


def __getattr__(name):
    today = _keras2_name(name)
    if today in globals():
        return globals()[today]
    if name in ("merge", "convolutional", "advanced_activations", "embeddings", "local", "noise", "convolutional_recurrent",
                "cudnn_recurrent", "experimental"):
        return importlib.import_module("fastdl.layers." + name)
    from fastdl.errors import did_you_mean
    raise AttributeError(f"fastdl.layers has no {name!r}.{did_you_mean(name, __all__)}")
