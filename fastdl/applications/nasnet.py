"""NASNet-A: two cells found by search, repeated; each reads the last two cells' outputs (Zoph et al. 2017)."""
from fastdl import layers
from fastdl.applications.efficientnet import halving_pad
from fastdl.applications.imagenet_utils import Files, assemble, channel_axis, describe, preprocessing
from fastdl.errors import bad_argument


def _relu(x, name=None):
    return layers.Activation("relu", name=name)(x)


def _norm(x, name):
    return layers.BatchNormalization(axis=channel_axis(), momentum=0.9997, epsilon=1e-3, name=name)(x)


def _conv(x, filters, name):
    return layers.Conv2D(filters, 1, padding="same", use_bias=False, name=name)(x)


def _join(parts, name=None):
    return layers.Concatenate(axis=channel_axis(), name=name)(parts)


def _separable(x, filters, kernel, strides, name):
    """Twice relu, separable convolution, norm; the first may halve the image."""
    for k in (1, 2):
        x, padding = _relu(x), "same"
        if k == 1 and strides == 2:
            x, padding = layers.ZeroPadding2D(halving_pad(x, kernel), name=f"separable_conv_1_pad_{name}")(x), "valid"
        x = layers.SeparableConv2D(filters, kernel, strides=strides if k == 1 else 1, padding=padding, use_bias=False,
                                   name=f"separable_conv_{k}_{name}")(x)
        x = _norm(x, f"separable_conv_{k}_bn_{name}")
    return x


def _adjust(before, x, filters, cell):
    """The cell before last in this cell's size and number of channels."""
    if before is None:
        return x
    side = channel_axis() % 3 + 1
    if before.shape[side] != x.shape[side]:
        before = _relu(before, f"adjust_relu_1_{cell}")
        halves = []
        for k in (1, 2):
            # The second half is moved by one pixel, so that together they see all pixels.
            y = before if k == 1 else layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(before))
            y = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{k}_{cell}")(y)
            halves.append(_conv(y, filters // 2, f"adjust_conv_{k}_{cell}"))
        return _norm(_join(halves), f"adjust_bn_{cell}")
    if before.shape[channel_axis()] != filters:
        before = _conv(_relu(before), filters, f"adjust_conv_projection_{cell}")
        return _norm(before, f"adjust_bn_{cell}")
    return before


def _normal(x, before, filters, cell):
    def smooth(y, name):
        return layers.AveragePooling2D(3, strides=1, padding="same", name=f"normal_{name}_{cell}")(y)

    def separable(y, kernel, name):
        return _separable(y, filters, kernel, 1, f"normal_{name}_{cell}")

    p = _adjust(before, x, filters, cell)
    h = _norm(_conv(_relu(x), filters, f"normal_conv_1_{cell}"), f"normal_bn_1_{cell}")
    pairs = ((lambda: separable(h, 5, "left1"), lambda: separable(p, 3, "right1")),
             (lambda: separable(p, 5, "left2"), lambda: separable(p, 3, "right2")),
             (lambda: smooth(h, "left3"), lambda: p),
             (lambda: smooth(p, "left4"), lambda: smooth(p, "right4")),
             (lambda: separable(h, 3, "left5"), lambda: h))
    sums = [layers.Add(name=f"normal_add_{k}_{cell}")([left(), right()]) for k, (left, right) in enumerate(pairs, 1)]
    return _join([p, *sums], f"normal_concat_{cell}"), x


def _reduction(x, before, filters, cell):
    def separable(y, kernel, strides, name):
        return _separable(y, filters, kernel, strides, f"reduction_{name}_{cell}")

    def pool(kind, name):
        return kind(3, strides=2, name=f"reduction_{name}_{cell}")(padded)

    def add(name, *parts):
        return layers.Add(name=name and f"reduction_{name}_{cell}")(list(parts))

    p = _adjust(before, x, filters, cell)
    h = _norm(_conv(_relu(x), filters, f"reduction_conv_1_{cell}"), f"reduction_bn_1_{cell}")
    padded = layers.ZeroPadding2D(halving_pad(h, 3), name=f"reduction_pad_1_{cell}")(h)
    first = add("add_1", separable(h, 5, 2, "left1"), separable(p, 7, 2, "right1"))
    second = add("add_2", pool(layers.MaxPooling2D, "left2"), separable(p, 7, 2, "right2"))
    third = add("add3", pool(layers.AveragePooling2D, "left3"), separable(p, 5, 2, "right3"))
    smooth = layers.AveragePooling2D(3, strides=1, padding="same", name=f"reduction_left4_{cell}")(first)
    fourth = add(None, second, smooth)
    fifth = add("add4", separable(first, 3, 1, "left4"), pool(layers.MaxPooling2D, "right5"))
    return _join([second, third, fourth, fifth], f"reduction_concat_{cell}"), x


def _body(penultimate, repeats, stem, skip_reduction):
    filters = penultimate // 24

    def body(x):
        x = layers.Conv2D(stem, 3, strides=2, use_bias=False, name="stem_conv1")(x)
        x, p = _reduction(_norm(x, "stem_bn1"), None, filters // 4, "stem_1")
        x, p = _reduction(x, p, filters // 2, "stem_2")
        for stage in range(3):
            if stage:
                x, last = _reduction(x, p, filters << stage, f"reduce_{stage * repeats}")
                p = p if skip_reduction else last
            for k in range(repeats):
                x, p = _normal(x, p, filters << stage, stage * repeats + k + (stage > 0))
        return _relu(x)
    return body


def _top(x, classes, activation):
    return layers.Dense(classes, activation=activation, name="predictions")(layers.GlobalAveragePooling2D()(x))


def _nasnet(kind, size, body, top_hash, notop_hash):
    stem, default = f"NASNet-{kind.lower()}", f"nasnet_{kind.lower()}"
    files = Files(f"nasnet/{stem}", top_hash, notop_hash, notop="-no-top",
                  cached={stem + ".h5": default + ".h5", stem + "-no-top.h5": default + "_no_top.h5"})

    def make(input_shape=None, include_top=True, weights="imagenet", input_tensor=None, pooling=None, classes=1000,
             classifier_activation="softmax", name=default):
        if channel_axis() == 1:
            raise bad_argument("image_data_format", "'channels_first'", "'channels_last' for NASNet",
                               'config.set_image_data_format("channels_last")')
        # The cells' sizes must be known to join them: the weights' own size even without a top.
        return assemble(body, _top, files, size=size, least=32, name=name, include_top=include_top, weights=weights,
                        input_tensor=input_tensor, input_shape=input_shape, pooling=pooling, classes=classes,
                        classifier_activation=classifier_activation, flat=True)

    return describe(make, f"NASNet{kind}", size, "Zoph, Vasudevan, Shlens and Le 2017")


NASNetMobile = _nasnet("Mobile", 224, _body(1056, 4, 32, False), "020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63")
NASNetLarge = _nasnet("Large", 331, _body(4032, 6, 96, True), "11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5")
preprocess_input, decode_predictions = preprocessing("tf")
