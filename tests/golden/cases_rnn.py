"""The layers of sequence models, written once and run by Keras (make_golden_rnn.py) and by fastdl (test_golden_rnn.py).

As in cases.py: every function takes the library as `keras`, inputs and weights come from NumPy's RandomState.
"""
import itertools

import numpy as np

BATCH, TIME, FEATURES, UNITS = 3, 6, 4, 5
MASKS = {
    "left": np.array([[0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]], bool),
    "right": np.array([[1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]], bool),
    "holes": np.array([[1, 0, 1, 0, 0, 1], [0, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0]], bool),
}


def numbers(seed, *shape):
    return np.random.RandomState(seed).standard_normal(shape).astype("float32")


def set_weights(owner, seed=7, scale=0.4):
    """Weights of `owner` := scale * standard normal, one stream in the order of owner.weights."""
    stream = np.random.RandomState(seed)
    owner.set_weights([(scale * stream.standard_normal(w.shape)).astype("float32") for w in owner.get_weights()])


def flat(x):
    """Nested outputs as one vector that also tells their shapes."""
    if isinstance(x, (list, tuple)):
        return np.concatenate([flat(v) for v in x])
    x = np.asarray(x)
    return np.concatenate([[x.ndim, *x.shape], x.ravel()]).astype("float32")


def grid(**axes):
    """Every combination, as dicts."""
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def named(*words, **options):
    return " ".join([*words] + [f"{k}={v}" for k, v in options.items() if v is not None])


X = numbers(1, BATCH, TIME, FEATURES)
STATE = [numbers(11, BATCH, UNITS), numbers(12, BATCH, UNITS)]
KINDS = {"SimpleRNN": ({}, 1), "LSTM": ({}, 2), "GRU": ({}, 1), "GRU before": (dict(reset_after=False), 1)}     # name -> (options, states)


def once(make, *xs, **kwargs):
    """value(keras) of one call of a layer"""
    def value(keras):
        layer = make(keras)
        layer(*xs, **kwargs)
        if layer.get_weights():
            set_weights(layer)
        return flat(layer(*xs, **kwargs))
    return value


def made_of(kind, *args, **options):
    return lambda keras: getattr(keras.layers, kind.split()[0])(*args, **options)


def custom_cell(keras):
    """A cell as users write them: two states of different sizes, an output that is neither."""
    class Cell(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.state_size, self.output_size = [UNITS, 2], 3

        def build(self, input_shape):
            self.a = self.add_weight(shape=(input_shape[-1], UNITS), initializer="zeros", name="a")
            self.b = self.add_weight(shape=(UNITS, 2), initializer="zeros", name="b")
            self.c = self.add_weight(shape=(2, 3), initializer="zeros", name="c")
            self.built = True

        def call(self, inputs, states):
            h, k = states
            h = keras.ops.tanh(keras.ops.matmul(inputs, self.a) + 0.5 * h)
            k = keras.ops.matmul(h, self.b) * 0.5 + k
            return keras.ops.matmul(k, self.c), [h, k]
    return Cell()


def recurrent():
    """name -> value(keras)"""
    made = {}
    for kind, (more, states) in KINDS.items():
        def case(words, *xs, calls=None, kind=kind, more=more, **options):
            made[named(kind, *words, **options)] = once(made_of(kind, UNITS, **more, **options), *xs, **(calls or {}))

        for mask, o in itertools.product((None, *MASKS), grid(return_sequences=(False, True), go_backwards=(False, True))):
            case([f"mask={mask}"], X, calls=dict(mask=MASKS.get(mask)), return_state=True, **o)
        for mask, o in itertools.product(MASKS, grid(return_sequences=(False, True), go_backwards=(False, True))):
            case([f"mask={mask}"], X, calls=dict(mask=MASKS[mask]), zero_output_for_mask=True, **o)
        for mask in (None, *MASKS):
            state = STATE[:states] if states > 1 else STATE[0]
            case(["initial_state", f"mask={mask}"], X, calls=dict(mask=MASKS.get(mask), initial_state=state), return_sequences=True,
                 return_state=True)
        for o in grid(use_bias=(False,), unroll=(False, True), dropout=(0.5,), recurrent_dropout=(0.5,)):
            case([], X, **o)
        for activation in ("relu", "sigmoid", "linear", "softsign", "hard_sigmoid"):
            if kind == "SimpleRNN":
                case([], X, activation=activation, return_sequences=True)
            for gate in ("sigmoid", "hard_sigmoid", "tanh") if kind != "SimpleRNN" else ():
                case([], X, activation=activation, recurrent_activation=gate, return_sequences=True)
        for length in (1, 2, 8):
            case([f"length {length}"], numbers(2, 2, length, 3), return_sequences=True)

        def stateful(keras, kind=kind, more=more):
            layer = getattr(keras.layers, kind.split()[0])(UNITS, stateful=True, return_sequences=True, **more)
            layer(X)
            set_weights(layer)
            layer.reset_state()
            seen = [layer(X), layer(X[:, :2]), layer(X, mask=MASKS["holes"])]
            layer.reset_states()
            return flat([*seen, layer(X)])

        made[f"{kind} stateful"] = stateful

        def cell(keras, kind=kind, more=more, states=states):
            cell = getattr(keras.layers, kind.split()[0] + "Cell")(UNITS, **more)
            cell(X[:, 0], STATE[:states])
            set_weights(cell)
            return flat([list(cell(X[:, 0], STATE[:states])), list(cell(X[:, 1], STATE[:states]))])

        made[f"{kind}Cell"] = cell
        for mask in (None, "holes"):
            made[f"RNN of {kind} mask={mask}"] = once(
                lambda keras, kind=kind, more=more: keras.layers.RNN(getattr(keras.layers, kind.split()[0] + "Cell")(UNITS, **more),
                                                                     return_sequences=True, return_state=True), X, mask=MASKS.get(mask))
    stacked = lambda keras, **o: keras.layers.RNN([keras.layers.LSTMCell(UNITS), keras.layers.GRUCell(3), keras.layers.SimpleRNNCell(2)], **o)
    for mask, o in itertools.product((None, *MASKS), grid(return_sequences=(False, True), go_backwards=(False, True))):
        made[named("stacked", f"mask={mask}", **o)] = once(lambda keras, o=o: stacked(keras, return_state=True, **o), X, mask=MASKS.get(mask))
        made[named("custom", f"mask={mask}", **o)] = once(
            lambda keras, o=o: keras.layers.RNN(custom_cell(keras), return_state=True, zero_output_for_mask=True, **o), X, mask=MASKS.get(mask))
    return made


def wrappers():
    """name -> value(keras)"""
    made = {}
    for kind, (more, states) in KINDS.items():
        for mode, o in itertools.product(("concat", "sum", "mul", "ave", None), grid(return_sequences=(False, True), return_state=(False, True))):
            for mask in (None, "left", "right", "holes") if mode == "concat" else (None, "holes"):
                made[named("Bidirectional", kind, f"merge_mode={mode}", f"mask={mask}", **o)] = once(
                    lambda keras, kind=kind, more=more, mode=mode, o=o: keras.layers.Bidirectional(
                        getattr(keras.layers, kind.split()[0])(3, **more, **o), merge_mode=mode), X, mask=MASKS.get(mask))
        made[f"Bidirectional {kind} initial_state"] = once(
            lambda keras, kind=kind, more=more: keras.layers.Bidirectional(
                getattr(keras.layers, kind.split()[0])(UNITS, return_sequences=True, **more)), X,
            initial_state=STATE[:states] + [2 * s for s in STATE[:states]])
    made["Bidirectional of two kinds"] = once(lambda keras: keras.layers.Bidirectional(
        keras.layers.LSTM(3, return_sequences=True), backward_layer=keras.layers.GRU(4, return_sequences=True, go_backwards=True)), X)
    made["Bidirectional of cells"] = once(lambda keras: keras.layers.Bidirectional(keras.layers.RNN(
        [keras.layers.LSTMCell(3), keras.layers.GRUCell(2)], return_sequences=True)), X, mask=MASKS["right"])
    each = lambda make: lambda keras: keras.layers.TimeDistributed(make(keras))  # noqa: E731
    made["TimeDistributed Dense"] = once(each(lambda keras: keras.layers.Dense(3, activation="tanh")), X)
    made["TimeDistributed Dense masked"] = once(each(lambda keras: keras.layers.Dense(3)), X, mask=MASKS["holes"])
    made["TimeDistributed Conv2D"] = once(each(lambda keras: keras.layers.Conv2D(2, 3)), numbers(3, 2, 3, 4, 5, 2))
    made["TimeDistributed LSTM"] = once(each(lambda keras: keras.layers.LSTM(2)), numbers(3, 2, 3, 4, 5))
    made["TimeDistributed Flatten"] = once(each(lambda keras: keras.layers.Flatten()), numbers(3, 2, 3, 4, 5))
    return made


def attention():
    """name -> value(keras)"""
    made = {}
    q, v, k = numbers(1, BATCH, TIME, 4), numbers(2, BATCH, 5, 4), numbers(3, BATCH, 5, 4)
    v_mask, q_mask = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 0, 1], [0, 1, 1, 1, 1]], bool), MASKS["right"]
    masks = {"none": None, "query": [q_mask, None], "value": [None, v_mask], "both": [q_mask, v_mask]}
    for kind, axes in (("Attention", dict(use_scale=(False, True), score_mode=("dot", "concat"))),
                       ("AdditiveAttention", dict(use_scale=(False, True)))):
        for o in grid(**axes):
            if o.get("use_scale") is False and kind == "AdditiveAttention":
                made[named(kind, **o)] = once(made_of(kind, **o), [q, v])
                continue
            for mask, causal in itertools.product(masks, (False, True)):
                given = {} if masks[mask] is None else dict(mask=masks[mask])
                made[named(kind, f"mask={mask}", f"causal={causal}", **o)] = once(
                    made_of(kind, dropout=0.3, **o), [q, v], return_attention_scores=True, use_causal_mask=causal, **given)
            made[named(kind, "three", **o)] = once(made_of(kind, **o), [q, v, k])
    given = {"none": {}, "attention": dict(attention_mask=numbers(5, BATCH, TIME, 5) > -0.5), "query": dict(query_mask=q_mask),
             "value": dict(value_mask=v_mask), "key": dict(key_mask=v_mask),
             "all": dict(query_mask=q_mask, value_mask=v_mask, attention_mask=numbers(6, BATCH, TIME, 5) > -0.5)}
    many = ("MultiHeadAttention", dict(num_heads=2, key_dim=3)), ("GroupQueryAttention", dict(head_dim=3, num_query_heads=4, num_key_value_heads=2))
    for kind, size in many:
        for mask, o in itertools.product(given, grid(use_causal_mask=(False, True), return_attention_scores=(False, True))):
            made[named(kind, f"mask={mask}", **o)] = once(made_of(kind, **size), q, v, **given[mask], **o)
        for o in ([dict(use_bias=False), dict(use_gate=True), dict(sliding_window=2), dict(dropout=0.5)]):
            made[named(kind, **o)] = once(made_of(kind, **size, **o), q, v, k)
            made[named(kind, "self", **o)] = once(made_of(kind, **size, **o), q, q)
    for o in [dict(value_dim=5), dict(output_shape=7), dict(output_shape=(2, 3)), dict(value_dim=2, output_shape=3, use_bias=False)]:
        made[named("MultiHeadAttention", **o)] = once(made_of("MultiHeadAttention", num_heads=2, key_dim=3, **o), q, v, k)
    made["GroupQueryAttention one group"] = once(made_of("GroupQueryAttention", head_dim=2, num_query_heads=3, num_key_value_heads=1), q, v)
    picture, other = numbers(7, 2, 3, 4, 5), numbers(8, 2, 3, 4, 5)
    for axes in (None, (1,), (2,), (1, 2)):
        for scores in (False, True):
            made[named("MultiHeadAttention of pictures", axes=axes, scores=scores)] = once(
                made_of("MultiHeadAttention", num_heads=2, key_dim=3, attention_axes=axes), picture, other, return_attention_scores=scores)
    for equation, shape, bias, x in (("abc,cd->abd", (None, 3), "d", X), ("abc,cde->abde", (None, 2, 3), "de", X),
                                     ("abc,cd->abd", (TIME, 3), "bd", X), ("...x,xy->...y", 3, "y", X),
                                     ("ab...,bc->ac...", (2, 4), None, X), ("abc,bcd->ad", 2, "d", X)):
        made[named("EinsumDense", equation=equation, bias=bias)] = once(
            made_of("EinsumDense", equation, output_shape=shape, bias_axes=bias, activation="tanh"), x)
    return made


VIDEO = {rank: numbers(20 + rank, 2, 4, *(5, 6, 4)[:rank], 3) for rank in (1, 2, 3)}


def conv_lstm():
    """name -> value(keras)"""
    made, keep = {}, np.array([[1, 0, 1, 1], [0, 1, 1, 0]], bool)
    for rank in (1, 2, 3):
        for o in ({}, dict(padding="same", strides=2, return_state=True), dict(dilation_rate=2, padding="same", use_bias=False, return_sequences=True),
                  dict(go_backwards=True, return_sequences=True, activation="relu", recurrent_activation="hard_sigmoid"),
                  dict(kernel_size=tuple(range(2, 2 + rank)), padding="same", unit_forget_bias=False)):
            made[named(f"ConvLSTM{rank}D", **o)] = once(made_of(f"ConvLSTM{rank}D", 2, **{"kernel_size": 3, **o}), VIDEO[rank])
        made[f"ConvLSTM{rank}D mask"] = once(made_of(f"ConvLSTM{rank}D", 2, 2, return_sequences=True), VIDEO[rank], mask=keep)

    def stateful(keras):
        layer = keras.layers.ConvLSTM2D(2, 3, stateful=True)
        layer(VIDEO[2])
        set_weights(layer)
        layer.reset_state()
        return flat([layer(VIDEO[2]), layer(VIDEO[2])])

    made["ConvLSTM2D stateful"] = stateful
    state = [numbers(30, 2, 5, 6, 2), numbers(31, 2, 5, 6, 2)]
    made["ConvLSTM2D initial_state"] = once(made_of("ConvLSTM2D", 2, 3, padding="same"), VIDEO[2], initial_state=state)
    made["Bidirectional ConvLSTM2D"] = once(lambda keras: keras.layers.Bidirectional(keras.layers.ConvLSTM2D(2, 2, return_sequences=True)), VIDEO[2])
    return made


# ---------------------------------------------------------------- training
STEPS, ROWS, CLASSES, WORDS = 10, 8, 3, 9


def networks():
    """name -> make(keras) -> a model of (batch, TIME) word numbers, 0 being padding"""
    def chain(*rows, mask_zero=True):
        def make(keras):
            layers = [keras.layers.Input((TIME,), dtype="int32"), keras.layers.Embedding(WORDS, FEATURES, mask_zero=mask_zero)]
            layers += [row(keras) for row in rows]
            return keras.Sequential([*layers, keras.layers.Dense(CLASSES)])
        return make

    def row(kind, *args, **options):
        made = lambda keras, v: v(keras) if callable(v) else v  # noqa: E731
        return lambda keras: getattr(keras.layers, kind)(*[made(keras, a) for a in args], **{k: made(keras, v) for k, v in options.items()})

    made = {}
    for kind, (more, _) in KINDS.items():
        layer = kind.split()[0]
        made[kind] = chain(row(layer, UNITS, **more))
        made[f"{kind} without mask"] = chain(row(layer, UNITS, **more), mask_zero=False)
        made[f"{kind} relu"] = chain(row(layer, UNITS, activation="relu", **more))
        made[f"{kind} deep"] = chain(row(layer, UNITS, return_sequences=True, **more), row(layer, 3, go_backwards=True, **more))
        made[f"{kind} both ways"] = chain(row("Bidirectional", row(layer, 3, return_sequences=True, **more)), row("GlobalAveragePooling1D"))
        made[f"{kind} zeros"] = chain(row(layer, UNITS, return_sequences=True, zero_output_for_mask=True, **more),
                                      row("TimeDistributed", row("Dense", 2)), row("Flatten"))
    made["LSTM constrained"] = chain(row("LSTM", UNITS, kernel_regularizer="l2", recurrent_constraint=lambda keras: keras.constraints.MaxNorm(0.7),
                                         bias_regularizer="l1", use_bias=True))
    made["ConvLSTM1D"] = chain(row("Reshape", (TIME // 2, 2, FEATURES)), row("ConvLSTM1D", 3, 2, padding="same", return_sequences=True),
                               row("ConvLSTM1D", 2, 2), row("Flatten"), mask_zero=False)
    made["cells"] = chain(lambda keras: keras.layers.RNN([keras.layers.LSTMCell(UNITS), keras.layers.GRUCell(3)]))
    made["custom cell"] = chain(lambda keras: keras.layers.RNN(custom_cell(keras)))

    def translate(keras):
        """An encoder whose states start a decoder, which attends to the encoder."""
        words = keras.layers.Input((TIME,), dtype="int32")
        x = keras.layers.Embedding(WORDS, FEATURES, mask_zero=True)(words)
        seen, h, c = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True)(x)
        y = keras.layers.LSTM(UNITS, return_sequences=True)(x, initial_state=[h, c])
        y = keras.layers.Attention(use_scale=True)([y, seen])
        return keras.Model(words, keras.layers.Dense(CLASSES)(keras.layers.GlobalAveragePooling1D()(y)))

    def transform(kind, **options):
        def make(keras):
            words = keras.layers.Input((TIME,), dtype="int32")
            x = keras.layers.Embedding(WORDS, FEATURES, mask_zero=True)(words)
            y = getattr(keras.layers, kind)(**options)(x, x, use_causal_mask=True)
            x = keras.layers.LayerNormalization()(keras.layers.Add()([x, y]))
            return keras.Model(words, keras.layers.Dense(CLASSES)(keras.layers.Flatten()(x)))
        return make

    made["encoder and decoder"] = translate
    made["MultiHeadAttention"] = transform("MultiHeadAttention", num_heads=2, key_dim=3)
    made["GroupQueryAttention"] = transform("GroupQueryAttention", head_dim=2, num_query_heads=4, num_key_value_heads=2)
    return made


def words(seed, rows):
    stream = np.random.RandomState(seed)
    x = stream.randint(1, WORDS, (rows, TIME)).astype("int32")
    x[::3, -2:], x[1::3, :2], x[2::3, 2::2] = 0, 0, 0          # padding on the right, on the left, in the middle
    return x


def train(keras, make, **compile_options):
    """All weights, in one vector, after STEPS steps, and then predictions."""
    model = make(keras)
    set_weights(model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), loss=loss, **compile_options)
    for k in range(STEPS):
        model.train_on_batch(words(100 + k, ROWS), np.random.RandomState(200 + k).randint(0, CLASSES, ROWS).astype("int32"))
    return np.concatenate([np.ravel(w) for w in model.get_weights()] + [np.ravel(model.predict(words(99, 4), verbose=0))])
