"""Xception: Inception taken to its end, one depthwise filter a channel, in residual blocks (Chollet 2016)."""
from fastdl import layers
from fastdl.applications.imagenet_utils import Files, application, channel_axis, preprocessing


def _norm(x, name=None):
    return layers.BatchNormalization(axis=channel_axis(), name=name)(x)


def _conv(x, filters, strides, name):
    x = _norm(layers.Conv2D(filters, 3, strides=strides, use_bias=False, name=name)(x), name + "_bn")
    return layers.Activation("relu", name=name + "_act")(x)


def _separable(x, filters, name, act="before"):
    """A separable convolution and its norm, with a relu before them, after them, or none."""
    if act == "before":
        x = layers.Activation("relu", name=name + "_act")(x)
    x = _norm(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x), name + "_bn")
    return layers.Activation("relu", name=name + "_act")(x) if act == "after" else x


def _halve(x, widths, name, first="before"):
    shortcut = _norm(layers.Conv2D(widths[1], 1, strides=2, padding="same", use_bias=False)(x))
    x = _separable(x, widths[0], name + "_sepconv1", first)
    x = _separable(x, widths[1], name + "_sepconv2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=name + "_pool")(x)
    return layers.Add()([x, shortcut])


def _body(x):
    x = _conv(_conv(x, 32, 2, "block1_conv1"), 64, 1, "block1_conv2")
    for block, filters in ((2, 128), (3, 256), (4, 728)):
        x = _halve(x, (filters, filters), f"block{block}", None if block == 2 else "before")
    for block in range(5, 13):
        shortcut = x
        for k in (1, 2, 3):
            x = _separable(x, 728, f"block{block}_sepconv{k}")
        x = layers.Add()([x, shortcut])
    x = _halve(x, (728, 1024), "block13")
    x = _separable(x, 1536, "block14_sepconv1", "after")
    return _separable(x, 2048, "block14_sepconv2", "after")


Xception = application(
    "Xception", _body, Files("xception/xception_weights_tf_dim_ordering_tf_kernels", "0a58e3b7378bc2990ea3b43d5981f1f6",
                             "b0042744bf5b25fce3cb969f33bebb97"),
    size=299, least=71, paper="Chollet 2016", pool_names=(None, None))
preprocess_input, decode_predictions = preprocessing("tf")
