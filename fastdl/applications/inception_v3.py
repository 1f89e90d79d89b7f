"""InceptionV3: several sizes of filter side by side, large ones factored into 1x7 and 7x1 (Szegedy et al. 2015)."""
from fastdl import layers
from fastdl.applications.imagenet_utils import Files, application, channel_axis, preprocessing


def conv(x, filters, kernel, strides=1, padding="same", name=None):
    """conv, norm without gamma (the relu's scale is the next layer's), relu"""
    x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False, name=name)(x)
    x = layers.BatchNormalization(axis=channel_axis(), scale=False, name=name and name + "_bn")(x)
    return layers.Activation("relu", name=name and name + "_ac")(x)


def chain(x, *steps):
    """Convolutions one after another, each (filters, kernel) or (filters, kernel, strides), whose padding is then "valid"."""
    for filters, kernel, *strides in steps:
        x = conv(x, filters, kernel, strides[0], "valid") if strides else conv(x, filters, kernel)
    return x


def stem(x):
    """299x299x3 -> 35x35x192, the beginning of both Inception networks"""
    x = chain(x, (32, 3, 2), (32, 3, 1), (64, 3))
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = chain(x, (80, 1, 1), (192, 3, 1))
    return layers.MaxPooling2D(3, strides=2)(x)


def join(branches, name=None):
    return layers.Concatenate(axis=channel_axis(), name=name)(branches)


def smooth(x):
    return layers.AveragePooling2D(3, strides=1, padding="same")(x)


def _halve(x, branches, name):
    return join([chain(x, *steps) for steps in branches] + [layers.MaxPooling2D(3, strides=2)(x)], name)


def _wide(x, number):
    """The last blocks: branches that end in a 1x3 and a 3x1 side by side."""
    first = chain(x, (320, 1))
    y = chain(x, (384, 1))
    second = join([chain(y, (384, (1, 3))), chain(y, (384, (3, 1)))], f"mixed9_{number}")
    y = chain(x, (448, 1), (384, 3))
    third = join([chain(y, (384, (1, 3))), chain(y, (384, (3, 1)))])
    return join([first, second, third, chain(smooth(x), (192, 1))], f"mixed{9 + number}")


def _body(x):
    x = stem(x)
    for number, pooled in enumerate((32, 64, 64)):
        x = join([chain(x, (64, 1)), chain(x, (48, 1), (64, 5)), chain(x, (64, 1), (96, 3), (96, 3)), chain(smooth(x), (pooled, 1))],
                 f"mixed{number}")
    x = _halve(x, (((384, 3, 2),), ((64, 1), (96, 3), (96, 3, 2))), "mixed3")
    for number, n in enumerate((128, 160, 160, 192), 4):
        x = join([chain(x, (192, 1)), chain(x, (n, 1), (n, (1, 7)), (192, (7, 1))),
                  chain(x, (n, 1), (n, (7, 1)), (n, (1, 7)), (n, (7, 1)), (192, (1, 7))), chain(smooth(x), (192, 1))], f"mixed{number}")
    x = _halve(x, (((192, 1), (320, 3, 2)), ((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2))), "mixed8")
    return _wide(_wide(x, 0), 1)


InceptionV3 = application(
    "InceptionV3", _body, Files("inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels", "9a0d58056eeedaa3f26cb7ebd46da564",
                                "bcbd6486424b2319ff4ef7d526e38f63"),
    size=299, least=75, paper="Szegedy et al. 2015", pool_names=(None, None), name="inception_v3")
preprocess_input, decode_predictions = preprocessing("tf")
