"""The models that travel between fastdl and Keras, made by either: `K` is the one or the other.

Each function is one architecture; OPTIMIZERS are tried on a small network of their own. Random layers have rate 0 here:
the two draw other numbers.
"""
import numpy as np

ARCHITECTURES, CLASSES = {}, {}


def architecture(f):
    ARCHITECTURES[f.__name__] = f
    return f


def classes(K):
    """Layers and a model as a user would write and register them, on top of `K`."""
    if K in CLASSES:
        return CLASSES[K]
    L, register = K.layers, K.saving.register_keras_serializable("travel")

    @register
    class Scaled(L.Layer):
        def __init__(self, factor=1.0, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.factor, self.activation = factor, K.activations.get(activation)

        def build(self, shape):
            self.shift = self.add_weight(shape=(shape[-1],), initializer="ones", name="shift")
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
            self.built = True

        def call(self, x):
            return self.activation(self.factor * x + self.shift)

        def get_config(self):
            return {**super().get_config(), "factor": self.factor, "activation": K.activations.serialize(self.activation)}

    @register
    class Parts(L.Layer):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.blocks = [L.Dense(units, activation="tanh"), L.Dense(units)]
            self.named = {"z": L.Dense(units), "a": L.LayerNormalization()}

        def build(self, shape):
            inner = (*shape[:-1], self.units)
            self.blocks[0].build(shape)
            self.blocks[1].build(inner)
            self.named["z"].build(inner)
            self.named["a"].build(inner)
            self.built = True

        def call(self, x):
            return self.named["a"](self.named["z"](self.blocks[1](self.blocks[0](x))))

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    @register
    class Cell(L.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = self.state_size = self.output_size = units
            self.inner = L.Dense(units, activation="tanh")

        def build(self, shape):
            self.inner.build((shape[0], shape[-1] + self.units))
            self.built = True

        def call(self, x, states, training=False):
            h = self.inner(K.ops.concatenate([x, states[0]], axis=-1))
            return h, [h]

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    @register
    class Subclassed(K.Model):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units, self.first = units, L.Dense(4, activation="relu")
            self.rest = [L.Dense(units), L.Dense(units)]

        def call(self, x):
            return self.rest[1](self.rest[0](self.first(x)))

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    @register
    def bounded(x):
        return x / (1.0 + x * x)

    CLASSES[K] = dict(Scaled=Scaled, Parts=Parts, Cell=Cell, Subclassed=Subclassed, bounded=bounded)
    return CLASSES[K]


# ---------------------------------------------------------------- Sequential
@architecture
def dense(K):
    L = K.layers
    return K.Sequential([K.Input((5,)), L.Dense(6, activation="relu", kernel_regularizer="l2"), L.Dropout(0.0), L.Dense(3)], name="dense")


@architecture
def constrained(K):
    L = K.layers
    return K.Sequential([K.Input((5,)), L.Dense(6, activation="selu", kernel_constraint="max_norm", bias_regularizer=K.regularizers.L1L2(0.01, 0.02)),
                         L.Dense(4, activation="hard_sigmoid", kernel_initializer=K.initializers.HeNormal(seed=1)), L.Dense(3, use_bias=False)])


@architecture
def begins_with_a_layer(K):
    """No Input: the first layer says what comes in, as programs for Keras 2 write it."""
    L = K.layers
    return K.Sequential([L.Conv1D(4, 3, activation="relu", input_shape=(8, 3)), L.Bidirectional(L.LSTM(3)), L.Dense(3)])


@architecture
def built_on_data(K):
    L = K.layers
    model = K.Sequential([L.Dense(6, activation="gelu"), L.BatchNormalization(), L.Dense(3, activation="softmax")])
    model.build((None, 5))
    return model


@architecture
def activations(K):
    L = K.layers
    return K.Sequential([K.Input((5,)), L.Dense(6), L.LeakyReLU(0.2), L.Dense(6), L.PReLU(), L.Dense(6), L.ELU(0.7), L.Dense(6), L.ReLU(max_value=6.0),
                         L.Dense(6, activation="swish"), L.Activation("softplus"), L.Dense(3), L.Softmax()])


@architecture
def image(K):
    L = K.layers
    return K.Sequential([K.Input((9, 9, 2)), L.Conv2D(4, 3, padding="same", activation="relu"), L.MaxPooling2D(), L.Conv2D(3, 3, strides=2, dilation_rate=1),
                         L.BatchNormalization(), L.Flatten(), L.Dense(3)])


@architecture
def image_separable(K):
    L = K.layers
    return K.Sequential([K.Input((8, 8, 2)), L.ZeroPadding2D(1), L.SeparableConv2D(4, 3, depth_multiplier=2), L.DepthwiseConv2D(3, padding="same"),
                         L.AveragePooling2D(2, padding="same"), L.Conv2DTranspose(3, 3, strides=2), L.Cropping2D(1), L.UpSampling2D(2),
                         L.GlobalAveragePooling2D(), L.Dense(3)])


@architecture
def signal(K):
    L = K.layers
    return K.Sequential([K.Input((12, 3)), L.Conv1D(4, 3, padding="causal", dilation_rate=2), L.MaxPooling1D(2), L.SeparableConv1D(4, 2),
                         L.GroupNormalization(2), L.GlobalMaxPooling1D(), L.Dense(3)])


@architecture
def volume(K):
    L = K.layers
    return K.Sequential([K.Input((5, 5, 5, 1)), L.Conv3D(3, 2), L.AveragePooling3D(2), L.Flatten(), L.Dense(3)])


@architecture
def reshaped(K):
    L = K.layers
    return K.Sequential([K.Input((6,)), L.Dense(8), L.Reshape((4, 2)), L.Permute((2, 1)), L.Flatten(), L.RepeatVector(3), L.LayerNormalization(), L.Flatten(),
                         L.Dense(3)])


# ---------------------------------------------------------------- recurrent
@architecture
def words(K):
    L = K.layers
    return K.Sequential([K.Input((6,), dtype="int32"), L.Embedding(11, 4, mask_zero=True), L.LSTM(5, return_sequences=True), L.GRU(4), L.Dense(3)])


@architecture
def old_gates(K):
    L = K.layers
    return K.Sequential([K.Input((6, 3)), L.Masking(0.0), L.GRU(4, reset_after=False, return_sequences=True), L.SimpleRNN(4, activation="relu", go_backwards=True),
                         L.Dense(3)])


@architecture
def wrappers(K):
    L = K.layers
    return K.Sequential([K.Input((6, 3)), L.Bidirectional(L.LSTM(4, return_sequences=True)), L.TimeDistributed(L.Dense(4, activation="tanh")),
                         L.Bidirectional(L.GRU(3), merge_mode="sum"), L.Dense(3)])


@architecture
def cells(K):
    L = K.layers
    return K.Sequential([K.Input((5, 3)), L.RNN([L.LSTMCell(4), L.GRUCell(3)], return_sequences=True), L.RNN(L.SimpleRNNCell(4)), L.Dense(3)])


@architecture
def own_cell(K):
    return K.Sequential([K.Input((5, 3)), K.layers.RNN(classes(K)["Cell"](4)), K.layers.Dense(3)])


@architecture
def time_distributed_model(K):
    L = K.layers
    inner = K.Sequential([K.Input((3,)), L.Dense(4, activation="relu"), L.Dense(2)], name="inner")
    return K.Sequential([K.Input((5, 3)), L.TimeDistributed(inner), L.Flatten(), L.Dense(3)])


@architecture
def states(K):
    """Encoder and decoder: the states of one are the start of the other."""
    L = K.layers
    a, b = K.Input((5, 3), name="a"), K.Input((4, 2), name="b")
    _, h, c = L.LSTM(4, return_state=True)(a)
    y = L.LSTM(4, return_sequences=True)(b, initial_state=[h, c])
    return K.Model([a, b], L.Dense(3)(y))


# ---------------------------------------------------------------- functional
@architecture
def branches(K):
    """Shared layers, made in another order than they are used: the order of the weights in the file shows."""
    L = K.layers
    a, b = K.Input((4,), name="a"), K.Input((4,), name="b")
    shared, late = L.Dense(4, activation="relu"), L.Dense(4)
    x = L.Concatenate()([shared(a), late(shared(b))])
    y = L.Add()([L.Dense(4)(x), shared(a)])
    return K.Model([a, b], [L.Dense(3, name="one")(y), L.Dense(2, activation="softmax", name="two")(x)])


@architecture
def operations(K):
    L, ops = K.layers, K.ops
    i = K.Input((6,))
    x = L.Dense(6)(i)
    y = ops.concatenate([x * 2 + 1, ops.max(x, axis=-1, keepdims=True), x[:, 1:3], 1.0 - ops.tanh(x)], axis=-1)
    z = ops.reshape(y, (-1, 5, 3))
    return K.Model(i, L.Dense(3)(ops.sum(z, axis=1) / (1.0 + ops.mean(ops.square(z), axis=1))))


@architecture
def residual(K):
    L = K.layers
    i = K.Input((8, 8, 3))
    x = L.Conv2D(4, 3, padding="same", use_bias=False)(i)
    for _ in range(2):
        y = L.Conv2D(4, 3, padding="same")(L.Activation("relu")(L.BatchNormalization()(x)))
        x = L.add([x, y])
    return K.Model(i, L.Dense(3)(L.GlobalAveragePooling2D()(x)))


@architecture
def merges(K):
    L = K.layers
    a, b = K.Input((4,), name="a"), K.Input((4,), name="b")
    x, y = L.Dense(4)(a), L.Dense(4)(b)
    made = [L.Add()([x, y]), L.Subtract()([x, y]), L.Multiply()([x, y]), L.Average()([x, y]), L.Maximum()([x, y]), L.Minimum()([x, y]),
            L.Dot(axes=1, normalize=True)([x, y])]
    return K.Model({"a": a, "b": b}, L.Dense(3)(L.Concatenate(axis=-1)(made)))


@architecture
def nested(K):
    """A model in a model in a model; the innermost is used twice."""
    L = K.layers
    i = K.Input((4,))
    inner = K.Model(i, L.Dense(4, activation="elu")(i), name="inner")
    j = K.Input((4,))
    outer = K.Model(j, L.Dense(4)(inner(inner(j))), name="outer")
    k = K.Input((4,))
    return K.Model(k, L.Dense(3)(L.add([outer(k), L.Dense(4)(k)])))


@architecture
def siamese(K):
    L = K.layers
    base = K.Sequential([K.Input((5,)), L.Dense(6, activation="relu"), L.Dense(4)], name="base")
    a, b = K.Input((5,), name="a"), K.Input((5,), name="b")
    return K.Model([a, b], L.Dense(1, activation="sigmoid")(K.ops.absolute(base(a) - base(b))))


@architecture
def masked_graph(K):
    L = K.layers
    i = K.Input((6,), dtype="int32")
    x = L.Embedding(9, 4, mask_zero=True)(i)
    return K.Model(i, L.Dense(3)(L.concatenate([L.LSTM(3)(x), L.GRU(3)(x)])))


@architecture
def attention(K):
    L = K.layers
    i = K.Input((5, 4))
    x = L.LayerNormalization()(i + L.MultiHeadAttention(2, 3)(i, i))
    x = L.add([x, L.Dense(4)(L.Dense(8, activation="gelu")(x))])
    y = L.Attention()([x, L.Dense(4)(x)])
    return K.Model(i, L.Dense(3)(L.GlobalAveragePooling1D()(L.concatenate([x, y]))))


@architecture
def einsum(K):
    L = K.layers
    i = K.Input((5, 4))
    x = L.EinsumDense("abc,cd->abd", output_shape=(5, 6), bias_axes="d", activation="tanh")(i)
    return K.Model(i, L.Dense(3)(L.Flatten()(L.UnitNormalization()(L.RMSNormalization()(x)))))


# ---------------------------------------------------------------- the user's own
@architecture
def custom(K):
    own = classes(K)
    return K.Sequential([K.Input((4,)), own["Scaled"](0.5, activation="tanh"), own["Parts"](), own["Scaled"](2.0, activation=own["bounded"]), K.layers.Dense(3)])


@architecture
def subclassed(K):
    model = classes(K)["Subclassed"]()
    model.build((None, 5))
    model(np.zeros((1, 5), "float32"))
    return model


@architecture
def frozen(K):
    L = K.layers
    base = K.Sequential([K.Input((5,)), L.Dense(4, activation="relu"), L.BatchNormalization(), L.Dense(4)], name="base")
    base.trainable = False
    return K.Sequential([K.Input((5,)), L.Dense(5, trainable=False), base, L.Dense(3)])


# ---------------------------------------------------------------- every optimizer
def optimizers(K):
    O, S = K.optimizers, K.optimizers.schedules
    made = {"sgd": O.SGD(0.05), "momentum": O.SGD(0.05, momentum=0.9), "nesterov": O.SGD(0.05, momentum=0.9, nesterov=True, clipvalue=0.5),
            "rmsprop": O.RMSprop(0.01), "rmsprop_all": O.RMSprop(0.01, momentum=0.5, centered=True), "adam": O.Adam(0.01),
            "amsgrad": O.Adam(0.01, amsgrad=True, clipnorm=1.0), "adamw": O.AdamW(0.01, weight_decay=0.02), "nadam": O.Nadam(0.01), "adamax": O.Adamax(0.01),
            "adagrad": O.Adagrad(0.05), "adadelta": O.Adadelta(1.0), "ftrl": O.Ftrl(0.05), "lion": O.Lion(0.002), "lamb": O.Lamb(0.01),
            "adafactor": O.Adafactor(0.02), "muon": O.Muon(0.01),
            "averaged": O.Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3), "accumulating": O.SGD(0.05, momentum=0.9, gradient_accumulation_steps=2),
            "global_norm": O.Adam(0.01, global_clipnorm=0.5), "exponential": O.Adam(S.ExponentialDecay(0.05, 3, 0.5, staircase=True)),
            "piecewise": O.SGD(S.PiecewiseConstantDecay([2, 4], [0.1, 0.05, 0.01])), "cosine": O.RMSprop(S.CosineDecay(0.01, 20, warmup_target=0.05, warmup_steps=3)),
            "polynomial": O.Nadam(S.PolynomialDecay(0.05, 10, 0.001, power=2.0)), "inverse_time": O.Adagrad(S.InverseTimeDecay(0.1, 2, 0.5))}
    return made


def small(K):
    return K.Sequential([K.Input((4,)), K.layers.Dense(5, activation="tanh"), K.layers.Dense(3)], name="small")


def make(name, K):
    """The compiled model of one name: of an architecture, or "with_" an optimizer."""
    if name.startswith("with_"):
        model, optimizer = small(K), optimizers(K)[name[5:]]
    else:
        model = ARCHITECTURES[name](K)
        usual = [K.optimizers.Adam(0.01), K.optimizers.SGD(0.05, momentum=0.9), K.optimizers.RMSprop(0.005)]
        optimizer = usual[list(ARCHITECTURES).index(name) % 3]
    model.compile(optimizer, "mse", metrics=None if name in ("branches",) else ["mae"])
    return model


def data(name, model):
    """(x, y) for a model, the same whoever made it."""
    rng = np.random.default_rng(sum(name.encode()))
    x = [rng.integers(0, 9, (6, *t.shape[1:])).astype("int32") if "int" in str(t.dtype) else rng.normal(size=(6, *t.shape[1:])).astype("float32")
         for t in (model.inputs if getattr(model, "inputs", None) else [np.zeros((6, 5), "float32")])]
    y = [rng.normal(size=(6, *p.shape[1:])).astype("float32") for p in _list(model.predict(x if len(x) > 1 else x[0], verbose=0))]
    return (dict(zip("ab", x)) if name == "merges" else x if len(x) > 1 else x[0]), y if len(y) > 1 else y[0]


def _list(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def every():
    """All names: the architectures, then the optimizers."""
    names = ("sgd momentum nesterov rmsprop rmsprop_all adam amsgrad adamw nadam adamax adagrad adadelta ftrl lion lamb adafactor muon averaged accumulating "
             "global_norm exponential piecewise cosine polynomial inverse_time").split()
    return [*ARCHITECTURES, *(f"with_{n}" for n in names)]


def trained(name, K):
    """A model after three steps: what is saved has a state worth saving."""
    K.utils.set_random_seed(5)
    model = make(name, K)
    x, y = data(name, model)
    for _ in range(3):
        model.train_on_batch(x, y)
    return model, x, y


def answers(model, x, y):
    """What a model says now and after two more steps: {"p0": ..., "loss": ..., "after0": ..., "w0": ...}."""
    made = {f"p{k}": np.asarray(p) for k, p in enumerate(_list(model.predict(x, verbose=0)))}
    made["loss"] = np.array([np.ravel(np.asarray(model.train_on_batch(x, y), "float32"))[0] for _ in range(2)])
    made.update({f"after{k}": np.asarray(p) for k, p in enumerate(_list(model.predict(x, verbose=0)))})
    return made
