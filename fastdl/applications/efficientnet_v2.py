"""EfficientNetV2: the first stages with plain 3x3 convolutions ("fused"), which run faster than depthwise ones early on
(Tan and Le 2021). The network scales its pixels itself.
"""
import math

from fastdl import layers
from fastdl.applications.efficientnet import conv_norm, conv_start, dropout_top, norm_act, residual, round_filters, squeeze_excite
from fastdl.applications.imagenet_utils import Files, assemble, channel_axis, describe, preprocessing

# repeats, filters, expansion, strides of each stage, and whether it is fused; every kernel is 3x3
BASE = ((1, 16, 1, 1, True), (2, 32, 4, 2, True), (2, 48, 4, 2, True), (3, 96, 4, 2, False), (5, 112, 6, 1, False), (8, 192, 6, 2, False))
S = ((2, 24, 1, 1, True), (4, 48, 4, 2, True), (4, 64, 4, 2, True), (6, 128, 4, 2, False), (9, 160, 6, 1, False), (15, 256, 6, 2, False))
M = ((3, 24, 1, 1, True), (5, 48, 4, 2, True), (5, 80, 4, 2, True), (7, 160, 4, 2, False), (14, 176, 6, 1, False), (18, 304, 6, 2, False),
     (5, 512, 6, 1, False))
L = ((4, 32, 1, 1, True), (7, 64, 4, 2, True), (7, 96, 4, 2, True), (10, 192, 4, 2, False), (19, 224, 6, 1, False), (25, 384, 6, 2, False),
     (7, 640, 6, 1, False))
PROJECT, EXPAND = ("project_conv", "project_bn", "project_activation"), ("expand_conv", "expand_bn", "expand_activation")


def _conv(x, filters, kernel, name, parts, strides=1, activation="silu"):
    return conv_norm(x, filters, kernel, name, strides, activation, parts, momentum=0.9)


def _fused(x, filters, expansion, strides, name):
    if expansion == 1:
        return _conv(x, filters, 3, name, PROJECT, strides)
    x = _conv(x, x.shape[channel_axis()] * expansion, 3, name, EXPAND, strides)
    return _conv(x, filters, 1, name, PROJECT, activation=None)


def _depthwise(x, filters, expansion, strides, name):
    before = x.shape[channel_axis()]
    x = _conv(x, before * expansion, 1, name, EXPAND)
    x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, depthwise_initializer=conv_start(),
                               name=name + "dwconv2")(x)
    x = squeeze_excite(norm_act(x, name, "silu", momentum=0.9), max(1, before // 4), before * expansion, name)
    return _conv(x, filters, 1, name, PROJECT, activation=None)


def _scaled(x, base):
    """Pixels 0 to 255 as each variant was trained: B0 to B3 by ImageNet's mean and deviation, the others in -1 .. 1."""
    if not base:
        return layers.Rescaling(1 / 128, offset=-1)(x)
    x = layers.Rescaling(1 / 255)(x)
    std = (0.229, 0.224, 0.225)
    return layers.Normalization(mean=[0.485, 0.456, 0.406], variance=[s ** 2 for s in std], axis=channel_axis())(x)


def _body(stages, stem, width, depth, base, preprocess):
    def body(x):
        if preprocess:
            x = _scaled(x, base)
        x = _conv(x, round_filters(stem, width, bounded=False), 3, "stem_", ("conv", "bn", "activation"), strides=2)
        total, done = sum(stage[0] for stage in stages), 0
        for s, (repeats, filters, expansion, strides, fused) in enumerate(stages, 1):
            filters = round_filters(filters, width, bounded=False)
            for k in range(math.ceil(depth * repeats)):
                name, step = f"block{s}{chr(97 + k)}_", strides if k == 0 else 1
                y = (_fused if fused else _depthwise)(x, filters, expansion, step, name)
                same = step == 1 and x.shape[channel_axis()] == filters
                x = residual(y, x, 0.2 * done / total, name) if same else y
                done += 1
        return _conv(x, round_filters(1280, width, bounded=False), 1, "top_", ("conv", "bn", "activation"))
    return body


def _network(kind, stages, stem, size, top_hash, notop_hash, width=1.0, depth=1.0):
    default = "efficientnetv2-" + kind.lower()
    files = Files(f"efficientnet_v2/{default}", top_hash, notop_hash)

    def make(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000,
             classifier_activation="softmax", include_preprocessing=True, name=default):
        return assemble(_body(stages, stem, width, depth, stages is BASE, include_preprocessing), dropout_top(0.2), files, size=size,
                        least=32, name=name, include_top=include_top, weights=weights, input_tensor=input_tensor,
                        input_shape=input_shape, pooling=pooling, classes=classes, classifier_activation=classifier_activation,
                        pool_names=("avg_pool", "max_pool"))

    return describe(make, f"EfficientNetV2{kind}", size, "Tan and Le 2021")


EfficientNetV2B0 = _network("B0", BASE, 32, 224, "21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff")
EfficientNetV2B1 = _network("B1", BASE, 32, 240, "069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37", 1.0, 1.1)
EfficientNetV2B2 = _network("B2", BASE, 32, 260, "424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb", 1.1, 1.2)
EfficientNetV2B3 = _network("B3", BASE, 32, 300, "1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856", 1.2, 1.4)
EfficientNetV2S = _network("S", S, 24, 384, "e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070")
EfficientNetV2M = _network("M", M, 24, 480, "a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342")
EfficientNetV2L = _network("L", L, 32, 480, "27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615")
preprocess_input, decode_predictions = preprocessing(None)
