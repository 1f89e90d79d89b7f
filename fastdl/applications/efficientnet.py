"""EfficientNetB0 to B7: inverted bottlenecks with squeeze-and-excitation, made wider, deeper and finer together
(Tan and Le 2019). The network scales its pixels itself.
"""
import math

from fastdl import layers
from fastdl.applications.imagenet_utils import Files, application, channel_axis, preprocessing
from fastdl.initializers import VarianceScaling

STORE = "https://storage.googleapis.com/keras-applications/"
# kernel, repeats, filters, expansion, strides of each stage of B0
STAGES = ((3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 3, 80, 6, 2), (5, 3, 112, 6, 1), (5, 4, 192, 6, 2), (3, 1, 320, 6, 1))


def conv_start():
    return VarianceScaling(2.0, "fan_out", "truncated_normal")


def dense_start():
    return VarianceScaling(1 / 3, "fan_out", "uniform")


def round_filters(filters, width, bounded=True):
    """filters * width to the nearest multiple of 8; bounded: never less than nine tenths of it."""
    wide = filters * width
    near = max(8, int(wide + 4) // 8 * 8)
    return near + 8 if bounded and near < 0.9 * wide else near


def halving_pad(x, kernel):
    """The zeros around x with which a "valid" convolution of stride 2 halves it: none before the first pixel of an even side."""
    sides = x.shape[1:3] if channel_axis() == 3 else x.shape[2:4]
    return tuple((kernel // 2 - (1 if s is None or s % 2 == 0 else 0), kernel // 2) for s in sides)


def conv_norm(x, filters, kernel, name, strides=1, activation="silu", parts=("conv", "bn", "activation"), momentum=0.99, padding="same"):
    """conv, norm and activation, named name + each part."""
    x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False, kernel_initializer=conv_start(),
                      name=name + parts[0])(x)
    return norm_act(x, name, activation, parts[1:], momentum)


def norm_act(x, name, activation, parts=("bn", "activation"), momentum=0.99):
    x = layers.BatchNormalization(axis=channel_axis(), momentum=momentum, name=name + parts[0])(x)
    return layers.Activation(activation, name=name + parts[1])(x) if activation else x


def squeeze_excite(x, width, filters, name):
    """x * sigmoid(W2 silu(W1 mean(x))): each channel weighed by what the whole image shows."""
    shape = (1, 1, filters) if channel_axis() == 3 else (filters, 1, 1)
    y = layers.Reshape(shape, name=name + "se_reshape")(layers.GlobalAveragePooling2D(name=name + "se_squeeze")(x))
    for part, size, activation in (("reduce", width, "silu"), ("expand", filters, "sigmoid")):
        y = layers.Conv2D(size, 1, padding="same", activation=activation, kernel_initializer=conv_start(), name=f"{name}se_{part}")(y)
    return layers.Multiply(name=name + "se_excite")([x, y])


def residual(x, shortcut, drop, name):
    """shortcut + x, the whole of x left out for some images while training (stochastic depth)."""
    if drop > 0:
        x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=name + "drop")(x)
    return layers.Add(name=name + "add")([x, shortcut])


def _block(x, kernel, filters, expansion, strides, drop, name):
    shortcut, before = x, x.shape[channel_axis()]
    if expansion != 1:
        x = conv_norm(x, before * expansion, 1, name, parts=("expand_conv", "expand_bn", "expand_activation"))
    if strides == 2:
        x = layers.ZeroPadding2D(halving_pad(x, kernel), name=name + "dwconv_pad")(x)
    x = layers.DepthwiseConv2D(kernel, strides=strides, padding="valid" if strides == 2 else "same", use_bias=False,
                               depthwise_initializer=conv_start(), name=name + "dwconv")(x)
    x = norm_act(x, name, "silu")
    x = squeeze_excite(x, max(1, before // 4), before * expansion, name)
    x = conv_norm(x, filters, 1, name, activation=None, parts=("project_conv", "project_bn"))
    return residual(x, shortcut, drop, name) if strides == 1 and filters == before else x


def _body(width, depth, weights):
    def body(x):
        x = layers.Normalization(axis=channel_axis())(layers.Rescaling(1 / 255)(x))
        if weights == "imagenet":
            # The published weights were trained on pixels divided once more, by the root of each channel's deviation.
            x = layers.Rescaling([1 / math.sqrt(s) for s in (0.229, 0.224, 0.225)])(x)
        x = layers.ZeroPadding2D(halving_pad(x, 3), name="stem_conv_pad")(x)
        x = conv_norm(x, round_filters(32, width), 3, "stem_", strides=2, padding="valid")
        total, done = sum(math.ceil(depth * stage[1]) for stage in STAGES), 0
        for s, (kernel, repeats, filters, expansion, strides) in enumerate(STAGES, 1):
            for k in range(math.ceil(depth * repeats)):
                x = _block(x, kernel, round_filters(filters, width), expansion, strides if k == 0 else 1, 0.2 * done / total,
                           f"block{s}{chr(97 + k)}_")
                done += 1
        return conv_norm(x, round_filters(1280, width), 1, "top_")
    return body


def dropout_top(rate):
    def top(x, classes, activation):
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        if rate > 0:
            x = layers.Dropout(rate, name="top_dropout")(x)
        return layers.Dense(classes, activation=activation, kernel_initializer=dense_start(), name="predictions")(x)
    return top


def _efficientnet(number, width, depth, size, rate, top_hash, notop_hash):
    name = f"EfficientNetB{number}"
    return application(name, lambda weights: _body(width, depth, weights), Files(name.lower(), top_hash, notop_hash, STORE), size=size,
                       top=dropout_top(rate), paper="Tan and Le 2019", by_weights=True)


EfficientNetB0 = _efficientnet(0, 1.0, 1.0, 224, 0.2, "902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d")
EfficientNetB1 = _efficientnet(1, 1.0, 1.1, 240, 0.2, "1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432")
EfficientNetB2 = _efficientnet(2, 1.1, 1.2, 260, 0.3, "b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39")
EfficientNetB3 = _efficientnet(3, 1.2, 1.4, 300, 0.3, "ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226")
EfficientNetB4 = _efficientnet(4, 1.4, 1.8, 380, 0.4, "18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba")
EfficientNetB5 = _efficientnet(5, 1.6, 2.2, 456, 0.4, "ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f")
EfficientNetB6 = _efficientnet(6, 1.8, 2.6, 528, 0.5, "165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743")
EfficientNetB7 = _efficientnet(7, 2.0, 3.1, 600, 0.5, "8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a")
preprocess_input, decode_predictions = preprocessing(None)
