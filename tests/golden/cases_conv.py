"""The layers of convolutional networks, written once and run by Keras (make_golden_conv.py) and by fastdl (test_golden_conv.py).

As in cases.py: every function takes the library as `keras`, inputs and weights come from NumPy's RandomState.
"""
import itertools

import numpy as np


def numbers(seed, *shape):
    return np.random.RandomState(seed).standard_normal(shape).astype("float32")


def set_weights(owner, seed=7, scale=0.4):
    """Every weight of `owner` := scale * standard normal; a moving variance, 0.5 + its square."""
    stream, new = np.random.RandomState(seed), []
    for w in owner.weights:
        v = (scale * stream.standard_normal(tuple(w.shape))).astype("float32")
        new.append(0.5 + v * v if w.name == "moving_variance" else v)
    owner.set_weights(new)


SPATIAL = {1: (7,), 2: (5, 6), 3: (4, 3, 4)}


def image(rank, channels=4, data_format="channels_last", seed=1):
    space = SPATIAL[rank]
    return numbers(seed, 2, *((*space, channels) if data_format == "channels_last" else (channels, *space)))


def named(kind, options):
    return " ".join([kind] + [f"{k}={v}" for k, v in options.items()])


def grid(**axes):
    """Every combination, as dicts."""
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def layers():
    """name -> (make(keras) -> layer, input, or (input, mask))"""
    made = {}

    def case(kind, x, *args, **options):
        made[named(kind, options)] = (lambda keras: getattr(keras.layers, kind)(*args, **options), x)

    formats = ("channels_last", "channels_first")
    for rank in (1, 2, 3):
        x = image(rank)
        paddings = ("valid", "same") + (("causal",) if rank == 1 else ())
        for o in grid(kernel_size=(2, 3), strides=(1, 2), padding=paddings):
            case(f"Conv{rank}D", x, 3, **o)
        for o in grid(padding=paddings, data_format=formats):
            case(f"Conv{rank}D", image(rank, data_format=o["data_format"]), 3, 2, activation="tanh", **o)
        for o in grid(dilation_rate=(2,), padding=paddings, use_bias=(True, False)):
            case(f"Conv{rank}D", x, 3, 2, **o)
        for groups in (2, 4):
            case(f"Conv{rank}D", x, 4, 2, groups=groups, activation="relu")
        for o in grid(kernel_size=(2, 3), strides=(1, 2, 3), padding=("valid", "same")):
            case(f"Conv{rank}DTranspose", x, 2, **o)
        for o in grid(strides=(2, 3), padding=("valid", "same"), output_padding=(0, 1)):
            case(f"Conv{rank}DTranspose", x, 2, 3, **o)
        for o in grid(padding=("valid", "same"), data_format=formats):
            case(f"Conv{rank}DTranspose", image(rank, data_format=o["data_format"]), 2, 3, strides=2, activation="relu", **o)
        case(f"Conv{rank}DTranspose", x, 2, 3, dilation_rate=2, use_bias=False)
        for o in grid(pool_size=(2, 3), strides=(None, 1, 2), padding=("valid", "same")):
            case(f"MaxPooling{rank}D", x, **o)
            case(f"AveragePooling{rank}D", x, **o)
        for o in grid(data_format=formats, keepdims=(False, True)):
            case(f"GlobalMaxPooling{rank}D", x, **o)
            case(f"GlobalAveragePooling{rank}D", x, **o)
        for o in grid(output_size=(1, 2, 3), data_format=formats):
            y = image(rank, data_format=o["data_format"])
            case(f"AdaptiveAveragePooling{rank}D", y, **o)
            case(f"AdaptiveMaxPooling{rank}D", y, **o)
        case(f"MaxPooling{rank}D", image(rank, 4, "channels_first"), data_format="channels_first")
        case(f"AveragePooling{rank}D", image(rank, 4, "channels_first"), pool_size=2, data_format="channels_first")
        case(f"ZeroPadding{rank}D", x, padding=2)
        case(f"Cropping{rank}D", x, cropping=1)
        case(f"UpSampling{rank}D", x, size=2)
    for rank in (1, 2):
        x = image(rank)
        for o in grid(depth_multiplier=(1, 2), strides=(1, 2), padding=("valid", "same")):
            case(f"DepthwiseConv{rank}D", x, 2, **o)
            case(f"SeparableConv{rank}D", x, 3, 2, **o)
        for o in grid(dilation_rate=(2,), padding=("valid", "same"), data_format=("channels_last",) if rank == 1 else formats):
            y = image(rank, data_format=o["data_format"])
            case(f"DepthwiseConv{rank}D", y, 2, activation="relu", **o)
            case(f"SeparableConv{rank}D", y, 3, 2, activation="relu", **o)
    x = image(2)
    for o in (dict(kernel_size=(1, 3)), dict(kernel_size=(3, 1), strides=(2, 1), padding="same"), dict(kernel_size=2, dilation_rate=(1, 2))):
        case("Conv2D", x, 3, **o)
    case("Conv2DTranspose", x, 3, kernel_size=(2, 3), strides=(3, 2), output_padding=(2, 0))
    case("Conv2D", numbers(3, 2, 9, 10, 18), 20, 3, padding="same", use_bias=True)
    case("MaxPooling2D", x, pool_size=(3, 2), strides=(1, 2), padding="same")
    case("AdaptiveAveragePooling2D", x, output_size=(4, 2))
    case("ZeroPadding1D", image(1), padding=(1, 3))
    case("ZeroPadding2D", x, padding=(1, 2))
    for o in grid(padding=(((1, 0), (2, 3)),), data_format=formats):
        case("ZeroPadding2D", x, **o)
    case("ZeroPadding3D", image(3), padding=((1, 0), (2, 3), (0, 1)))
    case("Cropping1D", image(1), cropping=(0, 3))
    for o in grid(cropping=(((1, 0), (2, 1)),), data_format=formats):
        case("Cropping2D", x, **o)
    case("Cropping3D", image(3), cropping=((1, 0), (0, 1), (2, 1)))
    for o in grid(size=((2, 3),), interpolation=("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")):
        case("UpSampling2D", x, **o)
    for o in grid(interpolation=("nearest", "bilinear"), data_format=("channels_first",)):
        case("UpSampling2D", x, size=2, **o)
    case("UpSampling3D", image(3), size=(1, 2, 3))

    steps, mask = numbers(4, 3, 5, 4), np.array([[1, 1, 0, 0, 1], [1, 1, 1, 1, 1], [0, 1, 0, 0, 0]], bool)
    for keepdims in (False, True):
        case("GlobalAveragePooling1D", (steps, mask), keepdims=keepdims)
    for o in grid(axis=(-1, 1), center=(True, False), scale=(True, False)):
        case("BatchNormalization", x, **o)
        case("LayerNormalization", x, **o)
        case("GroupNormalization", image(2, 4 if o["axis"] == -1 else 6), **dict(o, groups=2 if o["axis"] == -1 else 5))
    case("LayerNormalization", x, axis=[1, -1], epsilon=1e-5)
    case("LayerNormalization", x, axis=[-2, -1])
    case("LayerNormalization", x, rms_scaling=True)
    for groups in (1, 4, -1):
        case("GroupNormalization", x, groups=groups, epsilon=1e-5)
    case("GroupNormalization", numbers(5, 3, 6), groups=3)
    for axis in (-1, [2, 3]):
        case("RMSNormalization", x, axis=axis)
    for axis in (-1, 1, [1, 2]):
        case("UnitNormalization", x, axis=axis)
    return made


def run_layer(keras, make, x):
    layer, mask = make(keras), {}
    if isinstance(x, tuple):
        x, mask = x[0], dict(mask=x[1])
    layer(x, **mask)
    if layer.get_weights():
        set_weights(layer)
    return np.asarray(layer(x, **mask))


def moving():
    """name -> value(keras): outputs and weights of layers that change their state while training"""
    def twice(make, x, mask=None):
        def value(keras):
            layer, given = make(keras), {} if mask is None else dict(mask=mask)
            layer(x, **given)
            set_weights(layer)
            made = [np.ravel(np.asarray(layer(x, training=True, **given))) for _ in range(2)]
            return np.concatenate(made + [np.ravel(w) for w in layer.get_weights()])
        return value

    x, steps, mask = image(2), numbers(4, 3, 5, 4), np.array([[1, 1, 0, 0, 1], [1, 1, 1, 1, 1], [0, 1, 0, 0, 0]], bool)
    made = {named("BatchNormalization", o): twice(lambda keras, o=o: keras.layers.BatchNormalization(**o), x)
            for o in grid(axis=(-1, 1, 2), momentum=(0.99, 0.5), center=(True, False), scale=(True, False))}
    made["BatchNormalization frozen"] = twice(lambda keras: keras.layers.BatchNormalization(trainable=False), x)
    made["BatchNormalization masked"] = twice(lambda keras: keras.layers.BatchNormalization(momentum=0.8), steps, mask)
    for n in (1, 3):
        made[f"SpectralNormalization Conv2D {n}"] = twice(
            lambda keras, n=n: keras.layers.SpectralNormalization(keras.layers.Conv2D(3, 2), power_iterations=n), x)
    made["SpectralNormalization Dense"] = twice(lambda keras: keras.layers.SpectralNormalization(keras.layers.Dense(3)), numbers(5, 3, 6))
    return made


# ---------------------------------------------------------------- training
STEPS, ROWS, CLASSES = 10, 8, 3


def networks():
    """name -> (make(keras) -> the hidden layers, the shape of a sample)"""
    def hidden(*rows):
        return lambda keras: [getattr(keras.layers, kind)(*args, **{k: v(keras) if callable(v) else v for k, v in options.items()})
                              for kind, args, options in rows]

    def row(kind, *args, **options):
        return kind, args, options

    flat, picture = row("Flatten"), (8, 8, 2)
    return {
        "Conv2D max": (hidden(row("Conv2D", 4, 3, activation="relu"), row("MaxPooling2D"), row("Conv2D", 5, 2, activation="relu"), flat), picture),
        "Conv2D same strided": (hidden(row("Conv2D", 4, 3, strides=2, padding="same", activation="tanh", kernel_regularizer="l2",
                                           kernel_constraint=lambda keras: keras.constraints.MaxNorm(1.0, axis=(0, 1, 2))), flat), picture),
        "Conv2D groups dilated": (hidden(row("Conv2D", 4, 2, groups=2, activation="relu"), row("Conv2D", 3, 3, dilation_rate=2), flat), picture),
        "Conv2D wide": (hidden(row("Conv2D", 16, 3, padding="same", activation="relu"), row("Conv2D", 17, 3, padding="same", activation="relu"),
                               row("GlobalAveragePooling2D")), picture),
        "Conv2D first": (hidden(row("Conv2D", 4, 3, data_format="channels_first", activation="relu"), flat), (2, 8, 8)),
        "Conv1D causal": (hidden(row("Conv1D", 5, 3, padding="causal", dilation_rate=2, activation="relu"), row("MaxPooling1D", 2),
                                 row("GlobalMaxPooling1D")), (9, 4)),
        "Conv3D average": (hidden(row("Conv3D", 3, 2, activation="relu"), row("AveragePooling3D", 2, padding="same"), flat), (4, 5, 4, 2)),
        "Conv2DTranspose": (hidden(row("Conv2D", 4, 3, strides=2), row("Conv2DTranspose", 3, 3, strides=2, padding="same", activation="relu"),
                                   row("GlobalMaxPooling2D")), picture),
        "DepthwiseConv2D": (hidden(row("DepthwiseConv2D", 3, depth_multiplier=2, activation="relu"), row("AveragePooling2D", 2), flat), picture),
        "SeparableConv2D": (hidden(row("SeparableConv2D", 4, 3, padding="same", activation="relu"), row("MaxPooling2D", 3, strides=2, padding="same"),
                                   flat), picture),
        "SeparableConv1D": (hidden(row("SeparableConv1D", 4, 3, activation="relu"), flat), (9, 4)),
        "BatchNormalization": (hidden(row("Conv2D", 4, 3, use_bias=False), row("BatchNormalization", momentum=0.8), row("ReLU"), flat), picture),
        "BatchNormalization dense": (hidden(row("Dense", 6), row("BatchNormalization", momentum=0.9, scale=False), row("Activation", "tanh")), (5,)),
        "BatchNormalization axis 1": (hidden(row("Conv2D", 4, 3), row("BatchNormalization", axis=1, momentum=0.5, center=False), flat), picture),
        "BatchNormalization frozen": (hidden(row("Conv2D", 4, 3), row("BatchNormalization", trainable=False), row("ReLU"), flat), picture),
        "BatchNormalization masked": (hidden(row("Masking"), row("BatchNormalization", momentum=0.7), row("GlobalAveragePooling1D")), (6, 4)),
        "LayerNormalization": (hidden(row("Dense", 6), row("LayerNormalization"), row("Activation", "tanh")), (5,)),
        "GroupNormalization": (hidden(row("Conv2D", 4, 3), row("GroupNormalization", 2), row("ReLU"), flat), picture),
        "RMSNormalization": (hidden(row("Dense", 6), row("RMSNormalization"), row("UnitNormalization")), (5,)),
        "UpSampling": (hidden(row("Conv2D", 3, 3, strides=2), row("UpSampling2D", 2, interpolation="bilinear"), row("ZeroPadding2D", ((1, 0), (0, 2))),
                              row("Conv2D", 3, 2), row("UpSampling2D", (1, 2)), row("Cropping2D", 1), row("Conv2D", 2, 2), flat), picture),
    }


def train(keras, make, shape, **compile_options):
    """All weights, in one vector, after STEPS steps, and then predictions."""
    model = keras.Sequential([keras.layers.Input(shape), *make(keras), keras.layers.Dense(CLASSES)])
    set_weights(model, scale=0.2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9), loss=loss, **compile_options)
    for k in range(STEPS):
        x = numbers(100 + k, ROWS, *shape)
        if len(shape) == 2:
            x[::2, -2:] = 0                            # what Masking hides
        model.train_on_batch(x, np.random.RandomState(200 + k).randint(0, CLASSES, ROWS).astype("int32"))
    x = numbers(99, 4, *shape)
    return np.concatenate([np.ravel(w) for w in model.get_weights()] + [np.ravel(model.predict(x, verbose=0))])
