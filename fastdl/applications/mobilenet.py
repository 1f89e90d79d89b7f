"""MobileNet: every convolution split into a depthwise and a 1x1 one (Howard et al. 2017)."""
from fastdl import config, layers
from fastdl.applications.imagenet_utils import Files, assemble, channel_axis, describe, obtain_input_shape, preprocessing
from fastdl.errors import bad_argument

# strides and filters of each depthwise block
BLOCKS = ((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *[(1, 512)] * 5, (2, 1024), (1, 1024))


def _norm_relu(x, name):
    x = layers.BatchNormalization(axis=channel_axis(), name=name + "_bn")(x)
    return layers.ReLU(6.0, name=name + "_relu")(x)


def _body(alpha, depth_multiplier):
    def body(x):
        x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
        x = _norm_relu(x, "conv1")
        for k, (strides, filters) in enumerate(BLOCKS, 1):
            if strides == 2:
                x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{k}")(x)
            x = layers.DepthwiseConv2D(3, strides=strides, padding="valid" if strides == 2 else "same", depth_multiplier=depth_multiplier,
                                       use_bias=False, name=f"conv_dw_{k}")(x)
            x = _norm_relu(x, f"conv_dw_{k}")
            x = layers.Conv2D(int(filters * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{k}")(x)
            x = _norm_relu(x, f"conv_pw_{k}")
        return x
    return body


def _top(dropout):
    def top(x, classes, activation):
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        return layers.Activation(activation, name="predictions")(x)
    return top


def square_size(input_shape, sizes):
    """The side of a square image that weights were trained on, otherwise 224."""
    if input_shape is None:
        return 224
    sides = input_shape[:2] if channel_axis() == 3 else input_shape[1:]
    return sides[0] if sides[0] == sides[1] and sides[0] in sizes else 224


def known_alpha(alpha, alphas):
    if alpha not in alphas:
        raise bad_argument("alpha", alpha, f'one of {alphas} with weights="imagenet"', "pass weights=None for another width")


def rows_of(input_shape, size, include_top, weights, sizes):
    """The image's rows, which the model's name tells; with trained weights, those of the images they were trained on."""
    shape = obtain_input_shape(input_shape, size, 32, config.image_data_format(), include_top, weights)
    rows = shape[0] if channel_axis() == 3 else shape[1]
    return rows if weights != "imagenet" or rows in sizes else 224


def MobileNet(input_shape=None, alpha=1.0, depth_multiplier=1, dropout=0.001, include_top=True, weights="imagenet", input_tensor=None,
              pooling=None, classes=1000, classifier_activation="softmax", name=None):
    sizes = (128, 160, 192, 224)
    size, files, text = square_size(input_shape, sizes), None, {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}
    rows = rows_of(input_shape, size, include_top, weights, sizes)
    if weights == "imagenet":
        known_alpha(alpha, tuple(text))
        if depth_multiplier != 1:
            raise bad_argument("depth_multiplier", depth_multiplier, '1 with weights="imagenet"', "pass weights=None for another depth")
        files = Files(f"mobilenet/mobilenet_{text[alpha]}_{rows}_tf", notop="_no_top")
    return assemble(_body(alpha, depth_multiplier), _top(dropout), files, size=size, least=32, name=name or f"mobilenet_{alpha:.2f}_{rows}",
                    include_top=include_top, weights=weights, input_tensor=input_tensor, input_shape=input_shape, pooling=pooling,
                    classes=classes, classifier_activation=classifier_activation)


describe(MobileNet, "MobileNet", 224, "Howard et al. 2017; alpha widens every layer, depth_multiplier the depthwise ones")
preprocess_input, decode_predictions = preprocessing("tf")
