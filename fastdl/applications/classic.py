"""Three networks to learn from, built as their papers say: LeNet5, AlexNet and the small ResNets for 32x32 images.
Nobody offers trained weights of them: weights is None or a file's path.
"""
from fastdl import layers, ops
from fastdl.applications.imagenet_utils import assemble, channel_axis, describe
from fastdl.errors import bad_argument


def _network(label, body, top, size, channels, classes, paper):
    def make(include_top=True, weights=None, input_tensor=None, input_shape=None, pooling=None, classes=classes,
             classifier_activation="softmax", name=label.lower()):
        shape = input_shape or ((size, size, channels) if channel_axis() == 3 else (channels, size, size))
        return assemble(body, top, None, size=size, least=28 if size == 32 else 63, name=name, include_top=include_top, weights=weights,
                        input_tensor=input_tensor, input_shape=shape, pooling=pooling, classes=classes,
                        classifier_activation=classifier_activation)

    return describe(make, label, size, paper)


def _lenet(x):
    # Written digits of 28x28 get the two rows of zeros on each side that the paper's 32x32 images have.
    x = layers.Conv2D(6, 5, padding="same" if x.shape[2] == 28 else "valid", activation="tanh", name="c1")(x)
    x = layers.AveragePooling2D(2, name="s2")(x)
    x = layers.Conv2D(16, 5, activation="tanh", name="c3")(x)
    x = layers.AveragePooling2D(2, name="s4")(x)
    return layers.Conv2D(120, 5, activation="tanh", name="c5")(x)


def _lenet_top(x, classes, activation):
    x = layers.Dense(84, activation="tanh", name="f6")(layers.Flatten(name="flatten")(x))
    return layers.Dense(classes, activation=activation, name="output")(x)


def _alexnet(x):
    x = layers.Conv2D(96, 11, strides=4, activation="relu", name="conv1")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    x = layers.Conv2D(256, 5, padding="same", groups=2, activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool2")(x)
    x = layers.Conv2D(384, 3, padding="same", activation="relu", name="conv3")(x)
    x = layers.Conv2D(384, 3, padding="same", groups=2, activation="relu", name="conv4")(x)
    x = layers.Conv2D(256, 3, padding="same", groups=2, activation="relu", name="conv5")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool5")(x)


def _alexnet_top(x, classes, activation):
    x = layers.Flatten(name="flatten")(x)
    for k in (6, 7):
        x = layers.Dropout(0.5, name=f"drop{k}")(layers.Dense(4096, activation="relu", name=f"fc{k}")(x))
    return layers.Dense(classes, activation=activation, name="fc8")(x)


LeNet5 = _network("LeNet5", _lenet, _lenet_top, 32, 1, 10, "LeCun et al. 1998, every map of c3 reading all of s2; x has one channel")
AlexNet = _network("AlexNet", _alexnet, _alexnet_top, 227, 3, 1000, "Krizhevsky et al. 2012, without its normalisation across channels")


def _norm(x, name):
    return layers.BatchNormalization(axis=channel_axis(), name=name)(x)


def _shortcut(x, strides, filters):
    """x, every other pixel of it, with channels of zeros: the paper's option A, which needs no weights."""
    more = filters - x.shape[channel_axis()]
    if strides == 1 and not more:
        return x
    x = layers.MaxPooling2D(1, strides=strides)(x)
    return ops.pad(x, [[0, 0]] + [[0, more] if a == channel_axis() else [0, 0] for a in (1, 2, 3)])


def _basic(x, filters, strides, name):
    y = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False, name=name + "_conv1")(x)
    y = layers.Activation("relu", name=name + "_relu1")(_norm(y, name + "_bn1"))
    y = _norm(layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name + "_conv2")(y), name + "_bn2")
    return layers.Activation("relu", name=name + "_out")(layers.Add(name=name + "_add")([_shortcut(x, strides, filters), y]))


def CIFARResNet(depth=20, include_top=True, weights=None, input_tensor=None, input_shape=None, pooling=None, classes=10,
                classifier_activation="softmax", name=None):
    """y = ResNet of `depth` = 6 n + 2 layers: three stages of n blocks relu(x + f(x)), of 16, 32 and 64 channels

    x (images, 32, 32, 3) -> y (images, classes); He, Zhang, Ren and Sun 2015, section 4.2: 0.27 million weights at depth 20.

    >>> import fastdl as keras
    >>> keras.applications.CIFARResNet(20, weights=None).output_shape
    (None, 10)
    """
    blocks, left = divmod(depth - 2, 6)
    if left or blocks < 1:
        raise bad_argument("depth", depth, "6 n + 2 layers: 8, 14, 20, 32, 44, 56, 110", "depth=20 is the paper's smallest")

    def body(x):
        x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv1")(x)
        x = layers.Activation("relu", name="relu1")(_norm(x, "bn1"))
        for stage in range(3):
            for k in range(blocks):
                x = _basic(x, 16 << stage, 2 if stage and k == 0 else 1, f"stage{stage + 1}_block{k + 1}")
        return x

    def top(x, classes, activation):
        return layers.Dense(classes, activation=activation, name="predictions")(layers.GlobalAveragePooling2D(name="avg_pool")(x))

    make = _network(name or f"cifar_resnet{depth}", body, top, 32, 3, 10, "")
    return make(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name or f"cifar_resnet{depth}")
