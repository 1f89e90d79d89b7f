"""MobileNetV2: blocks that widen, filter depthwise, and narrow without an activation (Sandler et al. 2018)."""
from fastdl import layers
from fastdl.applications.efficientnet import halving_pad, round_filters
from fastdl.applications.imagenet_utils import Files, assemble, channel_axis, describe, preprocessing
from fastdl.applications.mobilenet import known_alpha, rows_of, square_size

# expansion, filters, repeats, strides of each stage
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
ALPHAS, SIZES = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), (96, 128, 160, 192, 224)


def _norm(x, name, relu=None):
    x = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-3, momentum=0.999, name=name)(x)
    return layers.ReLU(6.0, name=relu)(x) if relu else x


def _block(x, expansion, filters, strides, name):
    shortcut, before = x, x.shape[channel_axis()]
    if expansion != 1:
        x = layers.Conv2D(expansion * before, 1, padding="same", use_bias=False, name=name + "_expand")(x)
        x = _norm(x, name + "_expand_BN", name + "_expand_relu")
    if strides == 2:
        x = layers.ZeroPadding2D(halving_pad(x, 3), name=name + "_pad")(x)
    x = layers.DepthwiseConv2D(3, strides=strides, use_bias=False, padding="same" if strides == 1 else "valid", name=name + "_depthwise")(x)
    x = _norm(x, name + "_depthwise_BN", name + "_depthwise_relu")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=name + "_project")(x)
    x = _norm(x, name + "_project_BN")
    return layers.Add(name=name + "_add")([shortcut, x]) if strides == 1 and before == filters else x


def _body(alpha):
    def body(x):
        x = layers.Conv2D(round_filters(32, alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")(x)
        x, number = _norm(x, "bn_Conv1", "Conv1_relu"), 0
        for expansion, filters, repeats, strides in STAGES:
            for k in range(repeats):
                x = _block(x, expansion, round_filters(int(filters * alpha), 1), strides if k == 0 else 1,
                           f"block_{number}" if number else "expanded_conv")
                number += 1
        x = layers.Conv2D(round_filters(1280, max(alpha, 1.0)), 1, use_bias=False, name="Conv_1")(x)
        return _norm(x, "Conv_1_bn", "out_relu")
    return body


def _top(x, classes, activation):
    return layers.Dense(classes, activation=activation, name="predictions")(layers.GlobalAveragePooling2D()(x))


def MobileNetV2(input_shape=None, alpha=1.0, include_top=True, weights="imagenet", input_tensor=None, pooling=None, classes=1000,
                classifier_activation="softmax", name=None):
    if input_shape is None and hasattr(input_tensor, "_keras_history"):
        input_shape = tuple(input_tensor.shape[1:])
    size, files = square_size(input_shape, SIZES), None
    rows = rows_of(input_shape, size, include_top, weights, SIZES)
    if weights == "imagenet":
        known_alpha(alpha, ALPHAS)
        files = Files(f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{rows}", notop="_no_top")
    return assemble(_body(alpha), _top, files, size=size, least=32, name=name or f"mobilenetv2_{alpha:.2f}_{rows}", include_top=include_top,
                    weights=weights, input_tensor=input_tensor, input_shape=input_shape, pooling=pooling, classes=classes,
                    classifier_activation=classifier_activation)


describe(MobileNetV2, "MobileNetV2", 224, "Sandler et al. 2018; alpha widens every layer")
preprocess_input, decode_predictions = preprocessing("tf")
