"""What every pretrained network shares: input shapes, the way pixels are scaled, the 1000 class names, and the frame
(input, body, top, weights) that a family fills with its own body. No network lives here.
"""
import functools
import json
import os
import warnings

import numpy as np

from fastdl import config, layers
from fastdl.errors import bad_argument, did_you_mean
from fastdl.utils.file_utils import get_file

STORE = "https://storage.googleapis.com/tensorflow/keras-applications/"
CLASS_INDEX = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
BGR_MEAN = (103.939, 116.779, 123.68)
RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def channel_axis():
    """The channels' axis in a batch of images: 3, or 1 where they come first."""
    return 3 if config.image_data_format() == "channels_last" else 1


# ------------------------------------------------------------ pixels and class names
def preprocess_input(x, data_format=None, mode="caffe"):
    """y = x / 127.5 - 1 ("tf"), (x / 255 - mean) / std ("torch"), or the channels as BGR less their mean ("caffe")

    x: images of 3 or 4 dimensions, values 0 to 255. A float array is overwritten, as in Keras.

    >>> import numpy as np
    >>> preprocess_input(np.full((1, 1, 3), 255.0), mode="tf").tolist()
    [[[1.0, 1.0, 1.0]]]
    """
    if mode not in ("caffe", "tf", "torch"):
        raise bad_argument("mode", repr(mode), '"caffe", "tf" or "torch"',
                           f"each family has its own.{did_you_mean(mode, ['caffe', 'tf', 'torch'])}")
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_first", "channels_last"):
        raise bad_argument("data_format", repr(data_format), '"channels_last" or "channels_first"', "leave it out")
    axis = len(x.shape) - (1 if data_format == "channels_last" else 3)
    if isinstance(x, np.ndarray):
        if not np.issubdtype(x.dtype, np.floating):
            x = x.astype(config.floatx())
        scaled = _scale_array
    else:
        scaled = _scale_tensor
    if mode == "tf":
        return scaled(x, axis, 127.5, (1.0,), None, False)
    if mode == "torch":
        return scaled(x, axis, 255.0, RGB_MEAN, RGB_STD, False)
    return scaled(x, axis, None, BGR_MEAN, None, True)


def _along(values, axis, ndim, dtype):
    return np.reshape(np.array(values, dtype), [-1 if a == axis else 1 for a in range(ndim)])


def _scale_array(x, axis, divisor, mean, std, flip):
    if flip:
        x = np.flip(x, axis)
    if divisor:
        x /= divisor
    x -= _along(mean, axis, x.ndim, x.dtype)
    if std is not None:
        x /= _along(std, axis, x.ndim, x.dtype)
    return x


def _scale_tensor(x, axis, divisor, mean, std, flip):
    from fastdl import ops
    if not ops.is_tensor(x) and not hasattr(x, "_keras_history"):
        x = ops.convert_to_tensor(x)
    if "float" not in str(x.dtype):
        x = ops.cast(x, config.floatx())
    ndim, dtype = len(x.shape), str(x.dtype)
    if flip:
        x = ops.flip(x, axis)
    if divisor:
        x = x / divisor
    x = x - _along(mean, axis, ndim, dtype)
    return x if std is None else x / _along(std, axis, ndim, dtype)


@functools.lru_cache(1)
def _class_index(home):
    path = get_file("imagenet_class_index.json", CLASS_INDEX, cache_subdir="models", file_hash="c2c37ea517e94d9795004a39431a14cb")
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def decode_predictions(preds, top=5):
    """The `top` likeliest classes of each row, as (WordNet id, English name, score), the likeliest first

    preds: (images, 1000). The names come from Keras's imagenet_class_index.json, downloaded once and checked.
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise bad_argument("preds", f"shape {preds.shape}", "(images, 1000), an ImageNet network's predictions",
                           "a network with other classes has names of its own: use preds.argmax(1)")
    names = _class_index(config.env("KERAS_HOME"))
    return [[(*names[str(k)], row[k]) for k in np.argsort(-row, kind="stable")[:top]] for row in preds]


def preprocessing(mode):
    """(preprocess_input, decode_predictions) of a family; mode None where the network itself scales its pixels."""
    def preprocess(x, data_format=None):
        return x if mode is None else preprocess_input(x, data_format=data_format, mode=mode)

    preprocess.__doc__ = {None: "y = x: the network scales the pixels 0 to 255 itself",
                          "tf": "y = x / 127.5 - 1", "torch": "y = (x / 255 - mean) / std, ImageNet's mean and std of each channel",
                          "caffe": "y = the channels as blue, green, red, less ImageNet's mean of each"}[mode]
    preprocess.__name__ = preprocess.__qualname__ = "preprocess_input"
    return preprocess, decode_predictions


# ------------------------------------------------------------ the frame
def obtain_input_shape(input_shape, default_size, min_size, data_format, require_flatten, weights=None):
    """The input's shape without the batch: the one given, checked, or the default (None, None, 3 without a top)."""
    last = data_format == "channels_last"

    def shape(size, channels):
        return (size, size, channels) if last else (channels, size, size)

    if input_shape is None or not len(input_shape):
        return shape(default_size if require_flatten or weights == "imagenet" and require_flatten else None, 3)
    input_shape = tuple(input_shape)
    if len(input_shape) != 3:
        raise bad_argument("input_shape", input_shape, "three sizes, without the batch", f"input_shape={shape(default_size, 3)}")
    channels, sides = input_shape[-1 if last else 0], input_shape[:2] if last else input_shape[1:]
    if weights == "imagenet":
        if require_flatten and input_shape != shape(default_size, 3):
            raise bad_argument("input_shape", input_shape, f"{shape(default_size, 3)} with include_top=True and weights=\"imagenet\"",
                               "leave it out, or pass include_top=False")
        if channels != 3:
            raise bad_argument("input_shape", input_shape, "3 channels, which the ImageNet weights were trained on",
                               "repeat a grey image three times, or pass weights=None")
    elif channels not in (1, 3):
        warnings.warn(f"The network usually takes images of 1 or 3 channels; input_shape={input_shape} has {channels}.", stacklevel=4)
    if any(s is not None and s < min_size for s in sides):
        raise bad_argument("input_shape", input_shape, f"an image of at least {min_size}x{min_size}", "enlarge the images")
    if require_flatten and None in input_shape:
        raise bad_argument("input_shape", input_shape, "known sizes with include_top=True", "pass include_top=False for images of any size")
    return input_shape


def check_weights(weights, include_top, classes):
    if not (weights is None or weights == "imagenet" or os.path.exists(os.fspath(weights))):
        raise bad_argument("weights", repr(weights), 'None, "imagenet" or the path of a weights file',
                           f"check that the file is there.{did_you_mean(weights, ['imagenet'])}")
    if weights == "imagenet" and include_top and classes != 1000:
        raise bad_argument("classes", classes, '1000, ImageNet\'s, with weights="imagenet" and include_top=True',
                           "pass include_top=False and add a Dense layer of your own")


def check_activation(activation, weights):
    if weights is not None and activation is not None and getattr(activation, "__name__", activation) not in ("softmax", "linear"):
        raise bad_argument("classifier_activation", repr(activation), 'None or "softmax" with trained weights',
                           "the weights' classes were trained through a softmax")


def source_inputs(tensor):
    """The Inputs that a tensor is computed from."""
    from fastdl.models.functional import flatten
    found, seen, left = [], set(), flatten(tensor)
    while left:
        t = left.pop(0)
        if id(t) in seen:
            continue
        seen.add(id(t))
        operation, node, _ = t._keras_history
        before = operation._inbound_nodes[node].input_tensors
        if not before:
            found.append(t)
        left += before
    return found[0] if len(found) == 1 else found


class Files:
    """Where a network's trained weights are: `stem`.h5, and `stem`_notop.h5 without the top, with their hashes."""

    def __init__(self, stem, top_hash=None, notop_hash=None, store=STORE, notop="_notop", cached=None):
        self.address, self.hashes, self.notop, self.cached = store + stem, (top_hash, notop_hash), notop, cached or {}

    def path(self, include_top):
        address = self.address + ("" if include_top else self.notop) + ".h5"
        name = address.rsplit("/", 1)[1]
        return get_file(self.cached.get(name, name), address, cache_subdir="models", file_hash=self.hashes[not include_top])


def dense_top(pool="avg_pool", dense="predictions"):
    """The usual top: mean over the image, then one Dense layer."""
    def top(x, classes, activation):
        return layers.Dense(classes, activation=activation, name=dense)(layers.GlobalAveragePooling2D(name=pool)(x))
    return top


def assemble(body, top, files, *, size, least, name, include_top=True, weights="imagenet", input_tensor=None, input_shape=None,
             pooling=None, classes=1000, classifier_activation="softmax", pool_names=(None, None), flat=None, finish=None):
    """input -> body -> top or pooling, as a model with its weights

    flat: whether the top fixes the image's size (include_top unless told). finish: a last layer where there is no top.
    files: a Files or None (no trained weights).
    """
    from fastdl.models import Model
    if weights == "imagenet" and files is None:
        raise bad_argument("weights", '"imagenet"', "None or a file's path: nobody offers trained weights of this network",
                           "pass weights=None and train it")
    check_weights(weights, include_top, classes)
    shape = obtain_input_shape(input_shape, size, least, config.image_data_format(), include_top if flat is None else flat, weights)
    if input_tensor is None:
        x = inputs = layers.Input(shape=shape)
    elif hasattr(input_tensor, "_keras_history"):
        x, inputs = input_tensor, source_inputs(input_tensor)
    else:
        x = inputs = layers.Input(tensor=input_tensor, shape=shape)
    x = body(x)
    if include_top:
        check_activation(classifier_activation, weights)
        x = top(x, classes, classifier_activation)
    elif pooling == "avg":
        x = layers.GlobalAveragePooling2D(name=pool_names[0])(x)
    elif pooling == "max":
        x = layers.GlobalMaxPooling2D(name=pool_names[1])(x)
    elif pooling is not None:
        raise bad_argument("pooling", repr(pooling), 'None, "avg" or "max"', f"leave it out.{did_you_mean(pooling, ['avg', 'max'])}")
    if finish and not include_top:
        x = finish()(x)
    model = Model(inputs, x, name=name)
    if weights == "imagenet":
        weights = files.path(include_top)
    if weights is not None:
        model.load_weights(weights)
    return model


def application(label, body, files, *, size=224, least=32, top=None, paper, pool_names=("avg_pool", "max_pool"), name=None,
                by_weights=False):
    """The function with Keras's arguments that builds one network.

    by_weights: body is a function of `weights` that returns the body.
    """
    default, build_top = name or label.lower(), top or dense_top()

    def make(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000,
             classifier_activation="softmax", name=default):
        return assemble(body(weights) if by_weights else body, build_top, files, size=size, least=least, name=name,
                        include_top=include_top, weights=weights, input_tensor=input_tensor, input_shape=input_shape, pooling=pooling,
                        classes=classes, classifier_activation=classifier_activation, pool_names=pool_names)

    return describe(make, label, size, paper)


def describe(make, label, size, paper):
    make.__name__ = make.__qualname__ = label
    make.__doc__ = f"""y = {label}(x): x (images, {size}, {size}, 3) -> y (images, classes); {paper}

    weights: "imagenet" (downloaded once, checked by its hash), a file's path, or None (random). include_top=False leaves
    the classifier out: y is the last features (images, height, width, channels), or their pooling ("avg", "max").
    """
    return make
