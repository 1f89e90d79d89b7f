"""The convolutional networks of the benchmarks, each written once, and what writes them in Keras's words, PyTorch or ONNX.

A network is a function of a writer `b` and its input. Sizes are channels last; PyTorch and ONNX hold the same channels first.
"""


def mnist_convnet(b, x):
    x = b.pool(b.conv(x, 32, 3, act="relu"))
    x = b.pool(b.conv(x, 64, 3, act="relu"))
    return b.dense(b.flatten(b.conv(x, 64, 3, act="relu")), 64, "relu")


def cats_and_dogs(b, x):
    for filters in (32, 64, 128, 128):
        x = b.pool(b.conv(x, filters, 3, act="relu"))
    return b.dense(b.flatten(x), 512, "relu")


def vgg16(b, x, frozen=0):
    for block, (repeats, filters) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))):
        for _ in range(repeats):
            x = b.conv(x, filters, 3, pad="same", act="relu")
        x = b.pool(x)
        if block + 1 == frozen:
            b.freeze()
    return x


def vgg16_tuning(b, x):
    return b.dense(b.flatten(vgg16(b, x, frozen=4)), 256, "relu")


def resnet20(b, x):
    unit = lambda x, filters, stride, kernel=3: b.norm(b.conv(x, filters, kernel, stride, pad="same", bias=False))
    x = b.act(unit(x, 16, 1), "relu")
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage and not block else 1
            y = unit(b.act(unit(x, filters, stride), "relu"), filters, 1)
            x = b.act(b.add(unit(x, filters, stride, 1) if stride > 1 else x, y), "relu")
    return b.whole(x, "mean")


def separable(b, x):
    for filters in (32, 64, None, 64, 128, None, 64, 128):
        x = b.separable(x, filters, 3, act="relu") if filters else b.pool(x)
    return b.dense(b.whole(x, "mean"), 32, "relu")


def imdb_conv1d(b, x):
    x = b.pool(b.conv(b.embed(x, 10000, 128), 32, 7, act="relu"), 5)
    return b.whole(b.conv(x, 32, 7, act="relu"), "max")


def mobilenet_v2(b, x):
    act = lambda x: b.act(b.norm(x), "relu6")
    x = act(b.conv(x, 32, 3, 2, pad="same", bias=False))
    for expand, filters, repeats, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for k in range(repeats):
            y = x if expand == 1 else act(b.conv(x, expand * x.shape[-1], 1, bias=False))
            y = act(b.depthwise(y, 3, stride if k == 0 else 1))
            y = b.norm(b.conv(y, filters, 1, bias=False))
            x = b.add(x, y) if k else y
    return b.whole(act(b.conv(x, 1280, 1, bias=False)), "mean")


def resnet50(b, x):
    x = b.act(b.norm(b.conv(x, 64, 7, 2, pad=3)), "relu")
    x = b.pool(x, 3, 2, pad=1)
    for stage, (filters, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = b.act(b.norm(b.conv(x, filters, 1, stride)), "relu")
            y = b.act(b.norm(b.conv(y, filters, 3, pad="same")), "relu")
            y = b.norm(b.conv(y, 4 * filters, 1))
            x = b.act(b.add(b.norm(b.conv(x, 4 * filters, 1, stride)) if not block else x, y), "relu")
    return b.whole(x, "mean")


_train = dict(rate=1e-3, optimizer="rmsprop", epochs=1, least=4)
_ten = dict(units=10, head="softmax", loss="sparse_categorical_crossentropy")
_one = dict(units=1, head="sigmoid", loss="binary_crossentropy")
NETWORKS = {
    "mnist_convnet": dict(net=mnist_convnet, inputs=(28, 28, 1), batch=64, steps=60, **_train, **_ten),
    "cats_and_dogs": dict(net=cats_and_dogs, inputs=(150, 150, 3), batch=20, steps=4, **dict(_train, rate=1e-4), **_one),
    "vgg16_features": dict(net=vgg16, inputs=(150, 150, 3), batch=20, steps=2, predict_only=True, **_train, units=0, head=None, loss="mse"),
    "vgg16_tuning": dict(net=vgg16_tuning, inputs=(150, 150, 3), batch=20, steps=2, **dict(_train, rate=1e-5), **_one),
    "resnet20": dict(net=resnet20, inputs=(32, 32, 3), batch=64, steps=10, **dict(_train, optimizer="adam"), **_ten),
    "separable": dict(net=separable, inputs=(64, 64, 3), batch=64, steps=4, **_train, **_ten),
    "imdb_conv1d": dict(net=imdb_conv1d, inputs=(500,), below=10000, batch=128, steps=6, **_train, **_one),
    "mobilenet_v2": dict(net=mobilenet_v2, inputs=(96, 96, 3), batch=32, steps=4, **dict(_train, optimizer="adam"), **_ten),
    "resnet50": dict(net=resnet50, inputs=(224, 224, 3), batch=8, steps=2, predict_only=True, **_train, units=1000, head="softmax", loss="mse"),
}


def whole_network(b, work):
    """From input to the last layer; the head's activation is told apart, since some frameworks fuse it into the loss."""
    x = work["net"](b, b.input(work))
    return b.dense(x, work["units"], None) if work["units"] else x


def keras_model(keras, work):
    b = KerasWriter(keras)
    out = whole_network(b, work)
    if work["head"]:
        out = keras.layers.Activation(work["head"])(out)
    return keras.Model(b.given, out)


class KerasWriter:
    def __init__(self, keras):
        self.keras, self.L, self.made = keras, keras.layers, []

    def input(self, work):
        self.given = self.keras.Input(work["inputs"], **(dict(dtype="int32") if "below" in work else {}))
        return self.given

    def _add(self, name, x, *args, **how):
        flat = len((x[0] if isinstance(x, list) else x).shape) == 3
        layer = getattr(self.L, name.replace("#", "1D" if flat else "2D"))(*args, **how)
        self.made.append(layer)
        return layer(x)

    def freeze(self):
        for layer in self.made:
            layer.trainable = False

    def _padded(self, x, pad):
        return (self._add("ZeroPadding#", x, pad), "valid") if isinstance(pad, int) else (x, pad)

    def conv(self, x, filters, kernel, stride=1, pad="valid", bias=True, act=None):
        x, pad = self._padded(x, pad)
        return self._add("Conv#", x, filters, kernel, strides=stride, padding=pad, use_bias=bias, activation=act)

    def depthwise(self, x, kernel, stride=1):
        return self._add("DepthwiseConv#", x, kernel, strides=stride, padding="same", use_bias=False)

    def separable(self, x, filters, kernel, act=None):
        return self._add("SeparableConv#", x, filters, kernel, activation=act)

    def pool(self, x, size=2, stride=None, pad="valid"):
        x, pad = self._padded(x, pad)
        return self._add("MaxPooling#", x, size, strides=stride, padding=pad)

    def whole(self, x, kind):
        return self._add("Global" + dict(mean="Average", max="Max")[kind] + "Pooling#", x)

    def norm(self, x):
        return self._add("BatchNormalization", x)

    def act(self, x, name):
        return self._add("ReLU", x, max_value=6.0) if name == "relu6" else self._add("Activation", x, name)

    def add(self, x, y):
        return self._add("Add", [x, y])

    def flatten(self, x):
        return self._add("Flatten", x)

    def dense(self, x, units, act):
        return self._add("Dense", x, units, activation=act)

    def embed(self, x, words, width):
        return self._add("Embedding", x, words, width)


class _Sized:
    """A value of a network that is being written down: its number and its shape, channels last, without the batch."""

    def __init__(self, at, shape):
        self.at, self.shape = at, (None, *shape)


class _Writer:
    """Shapes for the frameworks whose layers do not know them."""

    def input(self, work):
        return _Sized(self.start(work), work["inputs"])

    def freeze(self):
        pass

    def _window(self, x, kernel, stride, pad):
        """(sizes that come out, padding before, padding after) along the spatial axes."""
        sizes, before, after = [], [], []
        for n in x.shape[1:-1]:
            total = 2 * pad if isinstance(pad, int) else 0 if pad == "valid" else max(0, (-(-n // stride) - 1) * stride + kernel - n)
            before.append(total // 2)
            after.append(total - total // 2)
            sizes.append((n + total - kernel) // stride + 1)
        return sizes, before, after

    def separable(self, x, filters, kernel, act=None):
        return self.conv(self.depthwise(x, kernel, pad="valid"), filters, 1, act=act)


def torch_model(work):
    """(nn.Module, its frozen parameters are marked); the input is channels first."""
    import torch
    nn, F = torch.nn, torch.nn.functional

    class Net(nn.Module, _Writer):
        def __init__(self):
            super().__init__()
            self.parts, self.steps = nn.ModuleList(), []
            self.last = whole_network(self, work)

        def start(self, work):
            return 0

        def freeze(self):
            for p in self.parameters():
                p.requires_grad_(False)

        def _add(self, shape, step, *xs, part=None):
            if part is not None:
                step, at = (lambda i: lambda *v: self.parts[i](*v))(len(self.parts)), part
                self.parts.append(at)
            self.steps.append((step, [x.at for x in xs]))
            return _Sized(len(self.steps), shape)

        def conv(self, x, filters, kernel, stride=1, pad="valid", bias=True, act=None, groups=1):
            sizes, before, after = self._window(x, kernel, stride, pad)
            if before != after:
                around = [v for pair in zip(before[::-1], after[::-1]) for v in pair]
                x, before = self._add(x.shape[1:], lambda v: F.pad(v, around), x), [0] * len(before)
            kind = nn.Conv1d if len(sizes) == 1 else nn.Conv2d
            x = self._add((*sizes, filters), None, x, part=kind(x.shape[-1], filters, kernel, stride, tuple(before), groups=groups, bias=bias))
            return self.act(x, act)

        def depthwise(self, x, kernel, stride=1, pad="same"):
            return self.conv(x, x.shape[-1], kernel, stride, pad, bias=False, groups=x.shape[-1])

        def pool(self, x, size=2, stride=None, pad=0):
            pad = 0 if pad == "valid" else pad
            sizes, _, _ = self._window(x, size, stride or size, pad)
            kind = nn.MaxPool1d if len(sizes) == 1 else nn.MaxPool2d
            return self._add((*sizes, x.shape[-1]), None, x, part=kind(size, stride, pad))

        def whole(self, x, kind):
            dims = tuple(range(2, len(x.shape)))
            return self._add(x.shape[-1:], (lambda v: v.mean(dims)) if kind == "mean" else (lambda v: v.amax(dims)), x)

        def norm(self, x):
            return self._add(x.shape[1:], None, x, part=nn.BatchNorm2d(x.shape[-1], eps=1e-3, momentum=0.01))

        def act(self, x, name):
            if name is None:
                return x
            return self._add(x.shape[1:], None, x, part=nn.ReLU6(inplace=True) if name == "relu6" else nn.ReLU(inplace=True))

        def add(self, x, y):
            return self._add(x.shape[1:], torch.add, x, y)

        def flatten(self, x):
            size = 1
            for n in x.shape[1:]:
                size *= n
            return self._add((size,), lambda v: v.flatten(1), x)

        def dense(self, x, units, act):
            return self.act(self._add((units,), None, x, part=nn.Linear(x.shape[-1], units)), act)

        def embed(self, x, words, width):
            x = self._add((*x.shape[1:], width), None, x, part=nn.Embedding(words, width))
            return self._add(x.shape[1:], lambda v: v.transpose(1, 2), x)

        def forward(self, x):
            values = [x]
            for step, at in self.steps:
                values.append(step(*[values[k] for k in at]))
            return values[-1]

    return Net()


def onnx_model(work):
    """The bytes of a model with random weights; the input is channels first."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper
    nodes, weights, rng = [], [], np.random.default_rng(0)

    def weight(*shape, fan=1):
        weights.append(numpy_helper.from_array((rng.standard_normal(shape) * (2 / fan) ** .5).astype("float32"), f"w{len(weights)}"))
        return weights[-1].name

    class Onnx(_Writer):
        def start(self, work):
            return "x"

        def _add(self, kind, shape, *names, **how):
            nodes.append(helper.make_node(kind, list(names), [f"v{len(nodes)}"], **how))
            return _Sized(nodes[-1].output[0], shape)

        def conv(self, x, filters, kernel, stride=1, pad="valid", bias=True, act=None, groups=1):
            sizes, before, after = self._window(x, kernel, stride, pad)
            n, inner = len(sizes), x.shape[-1] // groups
            given = [weight(filters, inner, *[kernel] * n, fan=inner * kernel ** n)] + ([weight(filters)] if bias else [])
            return self.act(self._add("Conv", (*sizes, filters), x.at, *given, strides=[stride] * n, pads=before + after, group=groups), act)

        def depthwise(self, x, kernel, stride=1, pad="same"):
            return self.conv(x, x.shape[-1], kernel, stride, pad, bias=False, groups=x.shape[-1])

        def pool(self, x, size=2, stride=None, pad="valid"):
            sizes, before, after = self._window(x, size, stride or size, pad)
            n = len(sizes)
            return self._add("MaxPool", (*sizes, x.shape[-1]), x.at, kernel_shape=[size] * n, strides=[stride or size] * n, pads=before + after)

        def whole(self, x, kind):
            x = self._add("GlobalAveragePool" if kind == "mean" else "GlobalMaxPool", x.shape[1:], x.at)
            return self._add("Flatten", x.shape[-1:], x.at)

        def norm(self, x):
            n = x.shape[-1]
            names = []
            for k in range(4):
                weights.append(numpy_helper.from_array(rng.uniform(.5, 1.5, n).astype("float32"), f"w{len(weights)}"))
                names.append(weights[-1].name)
            return self._add("BatchNormalization", x.shape[1:], x.at, *names, epsilon=1e-3)

        def act(self, x, name):
            if name == "relu6":
                for bound in (0, 6):
                    weights.append(numpy_helper.from_array(np.float32(bound), f"w{len(weights)}"))
                return self._add("Clip", x.shape[1:], x.at, weights[-2].name, weights[-1].name)
            return x if name is None else self._add(name.capitalize(), x.shape[1:], x.at)

        def add(self, x, y):
            return self._add("Add", x.shape[1:], x.at, y.at)

        def flatten(self, x):
            return self._add("Flatten", (int(np.prod(x.shape[1:])),), x.at)

        def dense(self, x, units, act):
            return self.act(self._add("Gemm", (units,), x.at, weight(x.shape[-1], units, fan=x.shape[-1]), weight(units)), act)

        def embed(self, x, words, width):
            x = self._add("Gather", (*x.shape[1:], width), weight(words, width), x.at)
            return self._add("Transpose", x.shape[1:], x.at, perm=[0, 2, 1])

    out = whole_network(Onnx(), work)
    if work["head"]:
        nodes.append(helper.make_node(work["head"].capitalize(), [out.at], ["head"]))
        out.at = "head"
    first = lambda shape: [*shape[-1:], *shape[:-1]] if len(shape) > 1 else [*shape]
    info, kind = helper.make_tensor_value_info, TensorProto.INT32 if "below" in work else TensorProto.FLOAT
    graph = helper.make_graph(nodes, "net", [info("x", kind, ["n", *first(work["inputs"])])],
                              [info(out.at, TensorProto.FLOAT, ["n", *first(out.shape[1:])])], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
