"""MobileNetV3: V2's blocks with squeeze-and-excitation and x relu6(x + 3) / 6, their sizes found by search
(Howard et al. 2019). minimalistic=True leaves both out, for processors that run them slowly.
"""
from fastdl import layers
from fastdl.applications.efficientnet import halving_pad, round_filters
from fastdl.applications.imagenet_utils import Files, assemble, channel_axis, describe, preprocessing
from fastdl.applications.mobilenet import known_alpha
from fastdl.errors import bad_argument

# expansion, filters, kernel, strides, squeeze-and-excitation, activation of each block
SMALL = ((1, 16, 3, 2, True, "relu"), (72 / 16, 24, 3, 2, False, "relu"), (88 / 24, 24, 3, 1, False, "relu"),
         (4, 40, 5, 2, True, "hard_silu"), (6, 40, 5, 1, True, "hard_silu"), (6, 40, 5, 1, True, "hard_silu"),
         (3, 48, 5, 1, True, "hard_silu"), (3, 48, 5, 1, True, "hard_silu"), (6, 96, 5, 2, True, "hard_silu"),
         (6, 96, 5, 1, True, "hard_silu"), (6, 96, 5, 1, True, "hard_silu"))
LARGE = ((1, 16, 3, 1, False, "relu"), (4, 24, 3, 2, False, "relu"), (3, 24, 3, 1, False, "relu"), (3, 40, 5, 2, True, "relu"),
         (3, 40, 5, 1, True, "relu"), (3, 40, 5, 1, True, "relu"), (6, 80, 3, 2, False, "hard_silu"), (2.5, 80, 3, 1, False, "hard_silu"),
         (2.3, 80, 3, 1, False, "hard_silu"), (2.3, 80, 3, 1, False, "hard_silu"), (6, 112, 3, 1, True, "hard_silu"),
         (6, 112, 3, 1, True, "hard_silu"), (6, 160, 5, 2, True, "hard_silu"), (6, 160, 5, 1, True, "hard_silu"),
         (6, 160, 5, 1, True, "hard_silu"))
HASHES = {
    "large_224_0.75_float": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0_float": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0_float": ("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"),
    "small_224_0.75_float": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0_float": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0_float": ("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4")}


def _activate(x, activation):
    return layers.ReLU()(x) if activation == "relu" else layers.Activation(activation)(x)


def _norm(x, name):
    return layers.BatchNormalization(axis=channel_axis(), epsilon=1e-3, momentum=0.999, name=name)(x)


def _excite(x, filters, name):
    """x * relu6(W2 relu(W1 mean(x)) + 3) / 6"""
    y = layers.GlobalAveragePooling2D(keepdims=True, name=name + "avg_pool")(x)
    y = layers.Conv2D(round_filters(filters, 0.25), 1, padding="same", name=name + "conv")(y)
    y = layers.ReLU(name=name + "relu")(y)
    y = layers.Conv2D(filters, 1, padding="same", name=name + "conv_1")(y)
    return layers.Multiply(name=name + "mul")([x, layers.ReLU(6.0)(y + 3.0) * (1 / 6)])


def _block(x, number, expansion, filters, kernel, strides, excite, activation):
    shortcut, before = x, x.shape[channel_axis()]
    name, wide = f"expanded_conv_{number}_" if number else "expanded_conv_", before
    if number:
        wide = round_filters(before * expansion, 1)
        x = layers.Conv2D(wide, 1, padding="same", use_bias=False, name=name + "expand")(x)
        x = _activate(_norm(x, name + "expand_bn"), activation)
    if strides == 2:
        x = layers.ZeroPadding2D(halving_pad(x, kernel), name=name + "depthwise_pad")(x)
    x = layers.DepthwiseConv2D(kernel, strides=strides, padding="same" if strides == 1 else "valid", use_bias=False,
                               name=name + "depthwise")(x)
    x = _activate(_norm(x, name + "depthwise_bn"), activation)
    if excite:
        x = _excite(x, wide, name + "squeeze_excite_")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=name + "project")(x)
    x = _norm(x, name + "project_bn")
    return layers.Add(name=name + "add")([shortcut, x]) if strides == 1 and before == filters else x


def _network(kind, blocks, last):
    default = "MobileNetV3" + kind

    def make(input_shape=None, alpha=1.0, minimalistic=False, include_top=True, weights="imagenet", input_tensor=None, classes=1000,
             pooling=None, dropout_rate=0.2, classifier_activation="softmax", include_preprocessing=True, name=default):
        late = "relu" if minimalistic else "hard_silu"
        files = None
        if weights == "imagenet":
            known_alpha(alpha, (1.0,) if minimalistic else (0.75, 1.0))
            model = f"{kind.lower()}{'_minimalistic' if minimalistic else ''}_224_{float(alpha)}_float"
            files = Files(f"mobilenet_v3/weights_mobilenet_v3_{model}", *HASHES[model], notop="_no_top_v2")

        def body(x):
            if include_preprocessing:
                x = layers.Rescaling(1 / 127.5, offset=-1.0)(x)
            x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
            x = _activate(_norm(x, "conv_bn"), late)
            for number, (expansion, filters, kernel, strides, excite, activation) in enumerate(blocks):
                if minimalistic:
                    kernel, excite, activation = 3, False, "relu"
                x = _block(x, number, expansion, round_filters(filters, alpha), kernel, strides, excite, activation)
            x = layers.Conv2D(round_filters(x.shape[channel_axis()] * 6, 1), 1, padding="same", use_bias=False, name="conv_1")(x)
            return _activate(_norm(x, "conv_1_bn"), late)

        def top(x, classes, activation):
            x = layers.GlobalAveragePooling2D(keepdims=True)(x)
            x = layers.Conv2D(round_filters(last, max(alpha, 1.0)), 1, padding="same", use_bias=True, name="conv_2")(x)
            x = _activate(x, late)
            if dropout_rate > 0:
                x = layers.Dropout(dropout_rate)(x)
            x = layers.Flatten()(layers.Conv2D(classes, 1, padding="same", name="logits")(x))
            return layers.Activation(activation, name="predictions")(x)

        shape = _shape(input_shape, input_tensor)
        return assemble(body, top, files, size=224, least=32, name=name, include_top=include_top, weights=weights,
                        input_tensor=input_tensor, input_shape=shape, pooling=pooling, classes=classes,
                        classifier_activation=classifier_activation, pool_names=("avg_pool", "max_pool"), flat=False)

    return describe(make, default, 224, "Howard et al. 2019; alpha widens every layer")


def _shape(input_shape, input_tensor):
    """The input's shape where both an image shape and a tensor may be given; they must agree."""
    if not hasattr(input_tensor, "_keras_history"):
        return input_shape
    shape = tuple(input_tensor.shape[1:])
    sides = slice(0, 2) if channel_axis() == 3 else slice(1, 3)
    if input_shape is not None and tuple(input_shape)[sides] != shape[sides]:
        raise bad_argument("input_shape", tuple(input_shape), f"{shape}, input_tensor's", "leave input_shape out")
    return shape


MobileNetV3Small = _network("Small", SMALL, 1024)
MobileNetV3Large = _network("Large", LARGE, 1280)
preprocess_input, decode_predictions = preprocessing(None)
