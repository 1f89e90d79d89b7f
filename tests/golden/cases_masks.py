"""Masks, written once for Keras and fastdl: CASES {name: function of k}, each answers numbers, masks (or None) and what carries them."""
import numpy as np

RNG = np.random.default_rng(7)
IDS = np.array([[3, 1, 0, 0], [2, 0, 4, 0], [1, 2, 3, 4], [0, 0, 0, 0]], "int32")          # holes, full and empty rows
X = RNG.normal(size=(4, 4, 3)).astype("float32") * (IDS > 0)[..., None]
Z = RNG.normal(size=(4, 2, 3)).astype("float32") * np.array([[1, 1], [1, 0], [0, 1], [1, 1]], "float32")[..., None]
IMAGES = (RNG.normal(size=(2, 3, 4, 4, 1)) * np.array([[1, 1, 0], [1, 0, 1]])[:, :, None, None, None]).astype("float32")
CASES = {}


def case(name):
    def keep(function):
        assert name not in CASES, name
        CASES[name] = function
        return function
    return keep


def fill(thing):
    """Weights that do not depend on who makes them; call it again after training."""
    weights = thing.weights
    thing.set_weights([(np.abs(w) + 0.5 if "variance" in v.path else w).astype("float32") for v, w in (
        (v, np.sin(1.7 * np.arange(int(np.prod(v.shape))) + i).reshape(v.shape) * 0.5) for i, v in enumerate(weights))])
    return thing


def seen(k, y):
    """[numbers, mask] of a tensor; the same of each in a list."""
    if isinstance(y, (list, tuple)):
        return [seen(k, one) for one in y]
    mask = getattr(y, "_keras_mask", None)
    return [k.ops.convert_to_numpy(y), None if mask is None else k.ops.convert_to_numpy(mask)]


def one_layer(k, layer, x=X, **kwargs):
    """Masking, then the layer: called on numbers, with mask= by hand, and inside a model that predicts; does it say that it supports masks?"""
    masked = k.layers.Masking()(x)
    layer(masked, **kwargs)
    if layer.weights:
        fill(layer)
    start = k.Input(x.shape[1:])
    inner = layer(k.layers.Masking()(start), **kwargs)
    model = k.Model(start, inner)
    predicted = model.predict(x, verbose=0)
    return [seen(k, layer(masked, **kwargs)), predicted, bool(layer.supports_masking)]


LAYERS = """Activation('tanh') ActivityRegularization(0.1) AlphaDropout(0.5) AveragePooling1D(2) MaxPooling1D(2) BatchNormalization() Conv1D(2,2)
Conv1D(2,2,padding='causal') Conv1DTranspose(2,2) Cropping1D(1) Dense(2) DepthwiseConv1D(2) Dropout(0.5) ELU() EinsumDense('abc,cd->abd',output_shape=(None,2))
Flatten() GaussianDropout(0.5) GaussianNoise(0.5) GlobalAveragePooling1D() GlobalAveragePooling1D(keepdims=True) GlobalMaxPooling1D() GroupNormalization(3)
Identity() LayerNormalization() LayerNormalization(axis=[1,2]) LeakyReLU() PReLU() Permute((2,1)) RMSNormalization() ReLU() Rescaling(2.0) Reshape((12,)) Reshape((4,3,1))
SeparableConv1D(2,2) SpatialDropout1D(0.5) UnitNormalization() UpSampling1D(2) ZeroPadding1D(1) Masking(0.5)
SimpleRNN(2) SimpleRNN(2,return_sequences=True) SimpleRNN(2,return_sequences=True,zero_output_for_mask=True) SimpleRNN(2,go_backwards=True,return_sequences=True)
LSTM(2) LSTM(2,return_sequences=True) LSTM(2,return_state=True) LSTM(2,return_sequences=True,return_state=True,go_backwards=True)
LSTM(2,unroll=True,return_sequences=True) LSTM(2,return_sequences=True,zero_output_for_mask=True)
GRU(2) GRU(2,return_sequences=True) GRU(2,reset_after=False) GRU(2,return_sequences=True,go_backwards=True) GRU(2,unroll=True)""".split()
for made in LAYERS:
    CASES["layer " + made] = lambda k, made=made: one_layer(k, eval("k.layers." + made, {"k": k}))
for made in ("RNN(L.SimpleRNNCell(2))", "RNN(L.LSTMCell(2), return_sequences=True, return_state=True)", "RNN(L.StackedRNNCells([L.GRUCell(2), L.LSTMCell(3)]))",
             "RNN([L.SimpleRNNCell(2), L.SimpleRNNCell(2)], return_sequences=True)", "RNN(L.GRUCell(2), zero_output_for_mask=True, return_sequences=True)",
             "Bidirectional(L.LSTM(2))", "Bidirectional(L.LSTM(2, return_sequences=True))", "Bidirectional(L.GRU(2, return_sequences=True), merge_mode='sum')",
             "Bidirectional(L.SimpleRNN(2, return_sequences=True), merge_mode='ave')", "Bidirectional(L.GRU(2, return_sequences=True), merge_mode=None)",
             "Bidirectional(L.LSTM(2, return_state=True))", "Bidirectional(L.SimpleRNN(2), backward_layer=L.GRU(2, go_backwards=True), merge_mode='mul')",
             "TimeDistributed(L.Dense(2))", "TimeDistributed(L.Activation('tanh'))", "SpectralNormalization(L.Dense(2))", "Lambda(lambda x: 2 * x)",
             "Lambda(lambda x: 2 * x, mask=lambda x, mask: mask)", "Lambda(lambda x, mask=None: x if mask is None else 3 * x)"):
    CASES["layer " + made] = lambda k, made=made: one_layer(k, eval("L." + made, {"L": k.layers}))


@case("layer ConvLSTM2D of masked frames")
def frames(k):
    mask = np.array([[True, True, False], [True, False, True]])
    layers = [k.layers.ConvLSTM2D(2, 2, return_sequences=sequences, padding="same") for sequences in (False, True)]
    for layer in layers:
        layer(IMAGES)
        fill(layer)
    return [seen(k, layer(IMAGES, mask=mask)) for layer in layers]


@case("Embedding makes a mask of zeros")
def embedding(k):
    with_mask, without = k.layers.Embedding(5, 2, mask_zero=True), k.layers.Embedding(5, 2)
    made = [seen(k, fill_after(layer, IDS)) for layer in (with_mask, without)]
    return made + [with_mask.compute_mask(IDS), without.compute_mask(IDS), with_mask.supports_masking, without.supports_masking]


def fill_after(layer, *args, **kwargs):
    layer(*args, **kwargs)
    fill(layer)
    return layer(*args, **kwargs)


@case("mask= by hand, and who takes it")
def by_hand(k):
    mask, out = IDS > 0, []
    for layer in (k.layers.LSTM(2, return_sequences=True), k.layers.GlobalAveragePooling1D(), k.layers.Bidirectional(k.layers.GRU(2)), k.layers.Softmax(axis=1),
                  k.layers.BatchNormalization(), k.layers.TimeDistributed(k.layers.Dense(2))):
        given = np.repeat(mask[..., None], 3, -1) if type(layer).__name__ == "Softmax" else mask
        out.append(seen(k, fill_after(layer, X, mask=given)))
    return out


@case("BatchNormalization learns from what is not hidden")
def batch_norm(k):
    layer = k.layers.BatchNormalization(momentum=0.5)
    y = layer(k.layers.Masking()(X), training=True)
    return [seen(k, y), layer.moving_mean, layer.moving_variance]


@case("attention")
def attention(k):
    q, v = k.layers.Masking()(X), k.layers.Masking()(Z)
    out = []
    for layer in (k.layers.Attention(use_scale=True), k.layers.AdditiveAttention(), k.layers.Attention(score_mode="concat")):
        out.append(seen(k, fill_after(layer, [q, v])))
        out.append(seen(k, layer([q, v], return_attention_scores=True, use_causal_mask=True)))
        out.append(seen(k, layer([X, Z], mask=[np.any(X != 0, -1), np.any(Z != 0, -1)])))
        out.append(seen(k, layer([X, Z])))
    return out


@case("MultiHeadAttention")
def heads(k):
    q, v = k.layers.Masking()(X), k.layers.Masking()(Z)
    out = []
    for layer in (k.layers.MultiHeadAttention(2, 2), k.layers.GroupQueryAttention(2, 4, 2)):
        out.append(seen(k, fill_after(layer, q, v)))
        out.append(seen(k, layer(q, q, use_causal_mask=True)))
        out.append(seen(k, layer(X, Z, query_mask=np.any(X != 0, -1), value_mask=np.any(Z != 0, -1))))
        out.append(seen(k, layer(X, Z, key_mask=np.any(Z != 0, -1))))
        out.append(seen(k, layer(X, Z, attention_mask=np.array([[[1, 0], [1, 1], [0, 1], [1, 1]]], bool))))
    return out


for name in "Add Subtract Multiply Average Maximum Minimum Concatenate Dot".split():
    @case("merge " + name)
    def merging(k, name=name):
        other = X[::-1].copy()
        masked = k.layers.Masking()
        layer = {"Dot": lambda: k.layers.Dot(axes=(2, 2)), "Concatenate": lambda: k.layers.Concatenate(axis=1)}.get(name, getattr(k.layers, name))()
        last = k.layers.Concatenate() if name == "Concatenate" else layer
        a, b = k.Input((4, 3)), k.Input((4, 3))
        model = k.Model([a, b], k.layers.LSTM(2)(layer([masked(a), masked(b)])))
        fill(model)
        return [seen(k, layer([masked(X), masked(other)])), seen(k, layer([masked(X), other])), seen(k, layer([X, other])), seen(k, last([masked(X), masked(other)])),
                seen(k, last([X, masked(other)])), model.predict([X, other], verbose=0), bool(layer.supports_masking)]


# ---------------------------------------------------------------- models
ENDS = {"LSTM": "[L.LSTM(3)]", "GRU of a GRU": "[L.GRU(3, return_sequences=True), L.GRU(2)]", "Bidirectional": "[L.Bidirectional(L.LSTM(2))]",
        "mean": "[L.GlobalAveragePooling1D()]", "maximum": "[L.GlobalMaxPooling1D()]", "Dense then LSTM": "[L.Dense(3, activation='relu'), L.Dropout(0.3), L.LSTM(2)]",
        "Conv1D then LSTM": "[L.Conv1D(3, 2, padding='same'), L.LSTM(2)]", "norms": "[L.LayerNormalization(), L.BatchNormalization(), L.SimpleRNN(2)]",
        "per step": "[L.SimpleRNN(3, return_sequences=True), L.TimeDistributed(L.Dense(2, activation='tanh')), L.GRU(2)]", "Flatten": "[L.Flatten()]",
        "a Sequential inside": "[k.Sequential([L.Dense(3, activation='tanh'), L.LSTM(3, return_sequences=True)]), L.GRU(2)]",
        "a Functional inside": "[functional(k), L.LSTM(2)]", "a model of one's own inside": "[own(k), L.LSTM(2)]", "Lambda": "[L.Lambda(lambda x: 2 * x), L.LSTM(2)]",
        "a layer of one's own that carries": "[layer(k, True), L.LSTM(2)]", "a layer of one's own that does not": "[layer(k, False), L.LSTM(2)]"}


def functional(k):
    i = k.Input((None, 3))
    return k.Model(i, k.layers.Dense(3, activation="tanh")(i))


def own(k):
    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.d = k.layers.Dense(3)

        def call(self, x):
            return self.d(x)
    return Own()


def layer(k, carries):
    class Own(k.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.supports_masking = carries

        def call(self, x, mask=None):
            return x * 2.0 if mask is None else x * k.ops.cast(mask, "float32")[..., None]
    return Own()


for name, body in ENDS.items():
    @case("Embedding, then " + name)
    def after_embedding(k, body=body):
        i = k.Input((4,), dtype="int32")
        x = k.layers.Embedding(5, 3, mask_zero=True)(i)
        for one in eval(body, {"k": k, "L": k.layers, "functional": functional, "own": own, "layer": layer}):
            x = one(x)
        model = k.Model(i, k.layers.Dense(1)(x))
        fill(model)
        model.compile(k.optimizers.SGD(0.0), "mse")
        return [model.predict(IDS, verbose=0), k.ops.convert_to_numpy(model(IDS)), model.evaluate(IDS, np.ones((4, 1), "float32"), verbose=0)]


@case("the mask leaves a nested model, and a Sequential")
def leaves(k):
    inner = k.Sequential([k.layers.Embedding(5, 3, mask_zero=True), k.layers.Dense(2)])
    i = k.Input((4,), dtype="int32")
    graph = k.Model(i, k.layers.Embedding(5, 3, mask_zero=True)(i))
    return [fill_after(inner, IDS) is not None, seen(k, inner(IDS))[1], seen(k, graph(IDS))[1]]


@case("TimeDistributed of layers that take masks")
def distributed(k):
    words = np.stack([IDS, IDS[::-1], np.roll(IDS, 1, 0)], 1)                    # (4, 3 sentences, 4 words)
    out = []
    for inside in (k.layers.LSTM(2), k.Sequential([k.layers.LSTM(2)]), k.layers.GlobalAveragePooling1D()):
        i = k.Input((3, 4), dtype="int32")
        x = k.layers.TimeDistributed(k.layers.Embedding(5, 3, mask_zero=True))(i)
        model = k.Model(i, k.layers.TimeDistributed(inside)(x))
        fill(model)
        out.append(model.predict(words, verbose=0))
    return out


@case("stateful, in two parts")
def stateful(k):
    model = k.Sequential([k.Input(batch_shape=(4, 2), dtype="int32"), k.layers.Embedding(5, 3, mask_zero=True), k.layers.LSTM(2, stateful=True)])
    fill(model)
    return [model.predict(IDS[:, :2], batch_size=4, verbose=0), model.predict(IDS[:, 2:], batch_size=4, verbose=0)]


# ---------------------------------------------------------------- losses and metrics
def tagger(k, loss, classes=3, **kwargs):
    i = k.Input((4,), dtype="int32")
    x = k.layers.LSTM(3, return_sequences=True)(k.layers.Embedding(5, 3, mask_zero=True)(i))
    model = k.Model(i, k.layers.Dense(classes, activation="softmax" if classes > 1 else "sigmoid")(x))
    fill(model)
    model.compile(k.optimizers.SGD(0.1), loss, **kwargs)
    return model


LABELS = RNG.integers(0, 3, (4, 4)).astype("int32")
ONE_HOT, YES = np.eye(3, dtype="float32")[LABELS], (LABELS[..., None] > 0).astype("float32")
PER_ROW, PER_STEP = np.array([[1.0], [2.0], [0.5], [1.0]], "float32"), RNG.random((4, 4)).astype("float32")
for weights, weight in (("", None), (", weights a row", PER_ROW), (", weights a step", PER_STEP)):
    for loss in "categorical_crossentropy mean_squared_error mean_absolute_error kl_divergence huber cosine_similarity".split():
        @case(f"loss {loss}{weights}")
        def a_loss(k, loss=loss, weight=weight):
            model = tagger(k, loss, metrics=["accuracy", "mae"], weighted_metrics=[k.metrics.MeanSquaredError(name="squared")])
            before = model.evaluate(IDS, ONE_HOT, sample_weight=weight, batch_size=3, verbose=0, return_dict=True)
            model.train_on_batch(IDS, ONE_HOT, sample_weight=weight)
            return [sorted(before.items()), model.get_weights()[-1]]

    @case(f"loss sparse{weights}")
    def sparse(k, weight=weight):
        model = tagger(k, "sparse_categorical_crossentropy", metrics=["accuracy", "sparse_top_k_categorical_accuracy"], weighted_metrics=[k.metrics.SparseCategoricalAccuracy(name="w")])
        before = model.evaluate(IDS, LABELS, sample_weight=weight, batch_size=4, verbose=0)
        history = model.fit(IDS, LABELS, sample_weight=weight, batch_size=4, epochs=2, shuffle=False, verbose=0).history
        return [before, history["loss"], model.get_weights()[-1]]

    @case(f"loss binary{weights}")
    def binary(k, weight=weight):
        model = tagger(k, "binary_crossentropy", 1, metrics=["accuracy"], weighted_metrics=["mse", k.metrics.Precision(), k.metrics.AUC(), k.metrics.BinaryAccuracy(name="b")])
        return model.evaluate(IDS, YES, sample_weight=weight, batch_size=4, verbose=0)


@case("losses and metrics called by hand")
def called(k):
    p = k.ops.convert_to_tensor(np.abs(np.sin(np.arange(48.0, dtype="float32"))).reshape(4, 4, 3) * 0.3 + 0.1)
    p._keras_mask = k.ops.convert_to_tensor(IDS > 0)
    out = []
    for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None):
        for weight in (None, PER_ROW, PER_STEP):
            out += [made(ONE_HOT, p, sample_weight=weight) for made in (k.losses.MeanSquaredError(reduction=reduction), k.losses.CategoricalCrossentropy(reduction=reduction))]
    for weight in (None, PER_ROW, PER_STEP):
        for made in (k.metrics.MeanSquaredError(), k.metrics.CategoricalAccuracy(), k.metrics.CategoricalCrossentropy()):
            made.update_state(ONE_HOT, p, sample_weight=weight)
            made.update_state(ONE_HOT, p)
            out.append(made.result())
    values = k.ops.convert_to_tensor(PER_STEP)
    values._keras_mask = p._keras_mask
    for made in (k.metrics.Mean(), k.metrics.Sum()):
        made.update_state(values)
        out.append(made.result())
    return out


@case("class weights with a mask")
def classes(k):
    model = tagger(k, "sparse_categorical_crossentropy")
    return model.fit(IDS, LABELS, class_weight={0: 1.0, 1: 3.0, 2: 0.5}, batch_size=4, epochs=2, shuffle=False, verbose=0).history["loss"]


def answer(k, name):
    def plain(a):
        if isinstance(a, (list, tuple)):
            return [plain(v) for v in a]
        if a is None or isinstance(a, (str, bool)):
            return a
        a = np.asarray(k.ops.convert_to_numpy(a))
        return a.tolist() if a.dtype == bool else [float(f"{v:.6g}") for v in a.ravel().astype(float)] + [list(a.shape)]
    return plain(CASES[name](k))
