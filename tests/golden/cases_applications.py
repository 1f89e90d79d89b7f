"""The networks that tests/test_applications.py compares with Keras's, and the weights both sides compute with.

Keras (make_golden_applications.py) and fastdl both read this file, so that no weights need to be stored.
"""
import numpy as np

ALL = """ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge DenseNet121 DenseNet169 DenseNet201
EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6 EfficientNetB7
EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2S EfficientNetV2M EfficientNetV2L
InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Small MobileNetV3Large NASNetMobile NASNetLarge
ResNet50 ResNet101 ResNet152 ResNet50V2 ResNet101V2 ResNet152V2 VGG16 VGG19 Xception""".split()

# name, arguments: one small network of each family whose numbers are compared
FORWARD = [
    ("MobileNet", dict(alpha=0.25, depth_multiplier=2, input_shape=(33, 40, 3))),
    ("MobileNetV2", dict(alpha=0.35, input_shape=(47, 40, 3))),
    ("MobileNetV3Small", dict(alpha=0.75, input_shape=(40, 41, 3))),
    ("MobileNetV3Large", dict(minimalistic=True, include_preprocessing=False, input_shape=(40, 41, 3))),
    ("DenseNet121", dict(input_shape=(33, 40, 3))),
    ("EfficientNetB0", dict(input_shape=(33, 40, 3))),
    ("EfficientNetV2B0", dict(input_shape=(33, 40, 3))),
    ("EfficientNetV2S", dict(input_shape=(32, 32, 3))),
    ("ConvNeXtTiny", dict(input_shape=(32, 35, 3))),
    ("NASNetMobile", dict(input_shape=(47, 32, 3))),
    ("InceptionV3", dict(input_shape=(75, 80, 3))),
    ("InceptionResNetV2", dict(input_shape=(75, 80, 3))),
    ("Xception", dict(input_shape=(71, 72, 3))),
    ("ResNet50", dict(input_shape=(33, 40, 3))),
    ("ResNet50V2", dict(input_shape=(33, 40, 3))),
]

# arguments that change the layers
VARIANTS = [
    ("VGG16", dict(include_top=False)), ("VGG16", dict(include_top=False, pooling="avg")),
    ("VGG19", dict(include_top=False, pooling="max", input_shape=(64, 64, 3))),
    ("ResNet50", dict(include_top=False, pooling="avg")), ("ResNet50V2", dict(include_top=False, pooling="max", input_shape=(64, 64, 1))),
    ("DenseNet121", dict(include_top=False, pooling="avg", input_shape=(33, 33, 3))),
    ("InceptionV3", dict(include_top=False, pooling="max", input_shape=(75, 75, 3))),
    ("InceptionResNetV2", dict(include_top=False, pooling="max", input_shape=(75, 75, 3))),
    ("Xception", dict(include_top=False, pooling="avg", input_shape=(71, 71, 3))),
    ("MobileNet", dict(include_top=False, pooling="avg")), ("MobileNet", dict(alpha=0.25, input_shape=(128, 128, 3), dropout=0.1)),
    ("MobileNetV2", dict(include_top=False, pooling="avg")), ("MobileNetV2", dict(alpha=1.4, input_shape=(100, 100, 3))),
    ("MobileNetV2", dict(alpha=0.5, input_shape=(96, 96, 3))), ("MobileNetV3Small", dict(minimalistic=True)),
    ("MobileNetV3Small", dict(alpha=0.75, include_top=False, pooling="avg", include_preprocessing=False)),
    ("MobileNetV3Small", dict(include_top=False, pooling="max", input_shape=(64, 64, 3))),
    ("MobileNetV3Large", dict(alpha=1.25, input_shape=(97, 97, 3), dropout_rate=0, classes=10, classifier_activation=None)),
    ("NASNetMobile", dict(include_top=False, pooling="avg", input_shape=(64, 64, 3))), ("NASNetMobile", dict(include_top=False)),
    ("EfficientNetB0", dict(include_top=False, pooling="avg")),
    ("EfficientNetB0", dict(include_top=False, pooling="max", input_shape=(45, 61, 3))),
    ("EfficientNetV2B0", dict(include_preprocessing=False, classes=3)),
    ("ConvNeXtTiny", dict(include_preprocessing=False, include_top=False, pooling="avg")), ("ConvNeXtTiny", dict(include_top=False)),
    ("ConvNeXtTiny", dict(include_top=False, pooling="max", input_shape=(64, 64, 3), name="mine")),
]


def key(name, arguments):
    return f"{name}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"


def table(model):
    """One line a layer: name, class, output shape without the batch, number of weights, the names of what it reads."""
    lines = []
    for layer in model.layers:
        out = layer.output[0] if isinstance(layer.output, list) else layer.output
        count = sum(int(np.prod(w.shape)) for w in layer.weights)
        reads = [t._keras_history[0].name for t in layer._inbound_nodes[-1].input_tensors]
        lines.append(f"{layer.name} {type(layer).__name__} {tuple(out.shape[1:])} {count} {' '.join(reads)}".rstrip())
    return lines


def noise(shape, seed):
    """Numbers in -1/2 .. 1/2 from a formula, the same on every machine."""
    k = np.arange(int(np.prod(shape)), dtype=np.uint64)
    k = (k + np.uint64(7919 * seed + 1)) * np.uint64(0x9E3779B97F4A7C15)
    k = (k ^ (k >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((k >> np.uint64(40)).astype(np.float64) / 2 ** 24 - 0.5).reshape(shape)


def weight(name, shape, seed):
    """Kernels that keep the size of what passes through them; norms near the identity."""
    u = noise(shape, seed)
    if len(shape) >= 2:
        inputs = np.prod(shape[:2]) if name.startswith("depthwise") or len(shape) == 4 and shape[-1] == 1 else np.prod(shape[:-1])
        return (u * np.sqrt(18 / inputs)).astype(np.float32)
    return (1 + 0.4 * u if "gamma" in name or "variance" in name else 0.2 * u).astype(np.float32)


def fill(model):
    """Every weight of the model by the formula, counted in the model's order; scalars (a counter) stay."""
    for seed, w in enumerate(model.weights):
        if len(w.shape):
            w.assign(weight(w.name, tuple(w.shape), seed))


def images(shape, scaled):
    x = noise((2, *shape), 5)
    return (255 * (x + 0.5) if scaled else 2 * x).astype(np.float32)


def scales_itself(name, arguments):
    return name.startswith(("Efficient", "ConvNeXt", "MobileNetV3")) and arguments.get("include_preprocessing", True)
