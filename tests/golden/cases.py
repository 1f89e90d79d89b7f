"""Computations that are written once and run by Keras (make_golden.py) and by fastdl (tests/test_golden.py).

Every function takes the library as `keras`. Inputs and initial weights come from NumPy's RandomState, whose streams
never change, so the golden file holds results only.
"""
import numpy as np


def numbers(seed, *shape):
    return np.random.RandomState(seed).standard_normal(shape).astype("float32")


def whole(seed, high, *shape):
    return np.random.RandomState(seed).randint(0, high, shape).astype("int32")


def set_weights(owner, seed=7, scale=0.4):
    """Weights of `owner` := scale * standard normal, one stream in the order of owner.weights."""
    stream = np.random.RandomState(seed)
    owner.set_weights([(scale * stream.standard_normal(w.shape)).astype("float32") for w in owner.get_weights()])


# ---------------------------------------------------------------- (a) layers
ACTIVATIONS = ("linear relu relu6 elu celu selu gelu sigmoid hard_sigmoid log_sigmoid sparse_sigmoid silu hard_silu tanh hard_tanh tanh_shrink "
               "softplus sparse_plus squareplus softsign soft_shrink hard_shrink exponential mish softmax log_softmax leaky_relu").split()
PAIR = lambda *shape: [numbers(1, *shape), numbers(2, *shape)]  # noqa: E731
TRIPLE = lambda *shape: [*PAIR(*shape), numbers(3, *shape)]  # noqa: E731
STEPS = numbers(4, 3, 5, 4) * (np.arange(5) % 2)[None, :, None].astype("float32")      # every other step is all zero


def layers():
    """name -> (make(keras) -> layer, input: an array or a list of arrays)"""
    x, cube = numbers(1, 5, 7), numbers(2, 3, 4, 6)
    made = {}
    for name in ACTIVATIONS:
        made[f"Dense {name}"] = (lambda keras, name=name: keras.layers.Dense(6, activation=name), x)
        made[f"Activation {name}"] = (lambda keras, name=name: keras.layers.Activation(name), 3 * x)
    layer = lambda kind, *args, **kwargs: lambda keras: getattr(keras.layers, kind)(*args, **kwargs)  # noqa: E731
    made.update({
        "Dense without bias": (layer("Dense", 3, use_bias=False), x),
        "Dense on rank 3": (layer("Dense", 5, activation="relu"), cube),
        "Dense wide": (layer("Dense", 70, activation="tanh"), numbers(5, 33, 65)),
        "ReLU": (layer("ReLU"), x),
        "ReLU with options": (layer("ReLU", max_value=1.0, negative_slope=0.2, threshold=0.3), x),
        "ReLU max_value": (layer("ReLU", max_value=0.8), x),
        "LeakyReLU": (layer("LeakyReLU"), x),
        "LeakyReLU 0.05": (layer("LeakyReLU", negative_slope=0.05), x),
        "PReLU": (layer("PReLU"), cube),
        "PReLU shared": (layer("PReLU", shared_axes=[1]), cube),
        "ELU": (layer("ELU"), x),
        "ELU alpha": (layer("ELU", alpha=0.3), x),
        "Softmax": (layer("Softmax"), cube),
        "Softmax axis": (layer("Softmax", axis=1), cube),
        "Embedding": (layer("Embedding", 11, 4), whole(1, 11, 5, 3)),
        "Embedding of a vector": (layer("Embedding", 11, 4), whole(1, 11, 6)),
        "Flatten": (layer("Flatten"), cube),
        "Flatten channels first": (layer("Flatten", data_format="channels_first"), cube),
        "Flatten of a vector": (layer("Flatten"), numbers(1, 4)),
        "Reshape": (layer("Reshape", (6, 4)), cube),
        "Reshape -1": (layer("Reshape", (2, -1)), cube),
        "Permute": (layer("Permute", (2, 1)), cube),
        "RepeatVector": (layer("RepeatVector", 3), x),
        "Add": (layer("Add"), TRIPLE(5, 7)),
        "Add broadcast": (layer("Add"), [numbers(1, 5, 7), numbers(2, 5, 1)]),
        "Subtract": (layer("Subtract"), PAIR(5, 7)),
        "Multiply": (layer("Multiply"), TRIPLE(5, 7)),
        "Average": (layer("Average"), TRIPLE(5, 7)),
        "Maximum": (layer("Maximum"), TRIPLE(5, 7)),
        "Minimum": (layer("Minimum"), TRIPLE(5, 7)),
        "Concatenate": (layer("Concatenate"), [numbers(1, 5, 7), numbers(2, 5, 3)]),
        "Concatenate axis 1": (layer("Concatenate", axis=1), [numbers(1, 3, 2, 6), numbers(2, 3, 5, 6)]),
        "Dot": (layer("Dot", axes=1), PAIR(5, 7)),
        "Dot of rank 3": (layer("Dot", axes=(1, 2)), [numbers(1, 3, 4, 5), numbers(2, 3, 2, 4)]),
        "Dot normalized": (layer("Dot", axes=-1, normalize=True), PAIR(5, 7)),
        "Masking": (layer("Masking"), STEPS),
        "Dropout, not training": (layer("Dropout", 0.5), x),
    })
    return made


def run_layer(keras, make, x):
    layer = make(keras)
    layer(x)
    if layer.get_weights():
        set_weights(layer)
    return np.asarray(layer(x))


# ---------------------------------------------------------------- (b) optimizers and losses
def optimizers():
    """name -> make(keras)"""
    def of(kind, *args, **kwargs):
        return lambda keras: getattr(keras.optimizers, kind)(*args, **kwargs)

    def scheduled(kind, *args, **kwargs):
        return lambda keras: keras.optimizers.SGD(getattr(keras.optimizers.schedules, kind)(*args, **kwargs))

    kinds = "SGD RMSprop Adam AdamW Adagrad Adadelta Adamax Nadam Ftrl Lion Lamb Adafactor Muon".split()
    made = {kind: of(kind) for kind in kinds}
    made.update({f"{kind} fast": of(kind, 0.05) for kind in kinds})
    made.update({
        "SGD momentum": of("SGD", 0.05, momentum=0.9),
        "SGD nesterov": of("SGD", 0.05, momentum=0.9, nesterov=True),
        "SGD momentum decay": of("SGD", 0.05, momentum=0.9, weight_decay=0.01),
        "SGD decay": of("SGD", 0.05, weight_decay=0.01),
        "SGD clipnorm": of("SGD", 0.5, clipnorm=0.1),
        "SGD clipvalue": of("SGD", 0.5, clipvalue=0.02),
        "SGD global_clipnorm": of("SGD", 0.5, global_clipnorm=0.1),
        "SGD ema": of("SGD", 0.1, use_ema=True, ema_momentum=0.8),
        "SGD ema overwriting": of("SGD", 0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3),
        "SGD accumulation": of("SGD", 0.1, gradient_accumulation_steps=4),
        "Adam accumulation": of("Adam", 0.01, gradient_accumulation_steps=3, weight_decay=0.01, clipnorm=0.5),
        "RMSprop momentum": of("RMSprop", 0.01, momentum=0.8),
        "RMSprop centered": of("RMSprop", 0.01, centered=True),
        "RMSprop centered momentum": of("RMSprop", 0.01, rho=0.8, momentum=0.5, centered=True),
        "RMSprop decay": of("RMSprop", 0.01, weight_decay=0.02),
        "Adam amsgrad": of("Adam", 0.02, amsgrad=True),
        "Adam betas": of("Adam", 0.02, beta_1=0.7, beta_2=0.9, epsilon=1e-3),
        "Adam decay": of("Adam", 0.02, weight_decay=0.02),
        "Adam clipnorm": of("Adam", 0.02, clipnorm=0.1),
        "Adam global_clipnorm": of("Adam", 0.02, global_clipnorm=0.1),
        "Adam ema": of("Adam", 0.02, use_ema=True, ema_overwrite_frequency=4),
        "AdamW decay": of("AdamW", 0.02, weight_decay=0.1),
        "Adagrad start": of("Adagrad", 0.1, initial_accumulator_value=0.01, epsilon=1e-5),
        "Adadelta one": of("Adadelta", 1.0, rho=0.8),
        "Ftrl regularized": of("Ftrl", 0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.02,
                               l2_shrinkage_regularization_strength=0.03, beta=0.1),
        "Ftrl power": of("Ftrl", 0.1, learning_rate_power=-0.3),
        "Lion decay": of("Lion", 0.01, weight_decay=0.1),
        "Lamb decay": of("Lamb", 0.01, weight_decay=0.1),
        "Adafactor decay": of("Adafactor", 0.1, weight_decay=0.02, clip_threshold=0.5),
        "Muon plain": of("Muon", 0.02, nesterov=False, rms_rate=None, weight_decay=None, adam_weight_decay=None, adam_lr_ratio=0.5),
        "ExponentialDecay": scheduled("ExponentialDecay", 0.2, 5, 0.7),
        "ExponentialDecay staircase": scheduled("ExponentialDecay", 0.2, 5, 0.7, staircase=True),
        "PiecewiseConstantDecay": scheduled("PiecewiseConstantDecay", [4, 9], [0.2, 0.1, 0.05]),
        "PolynomialDecay": scheduled("PolynomialDecay", 0.2, 12, 0.01, power=2.0),
        "PolynomialDecay cycle": scheduled("PolynomialDecay", 0.2, 6, 0.01, cycle=True),
        "InverseTimeDecay": scheduled("InverseTimeDecay", 0.2, 4, 0.5),
        "CosineDecay": scheduled("CosineDecay", 0.2, 15, alpha=0.1),
        "CosineDecay warmup": scheduled("CosineDecay", 0.01, 12, warmup_target=0.2, warmup_steps=5),
        "CosineDecayRestarts": scheduled("CosineDecayRestarts", 0.2, 4, t_mul=1.5, m_mul=0.8, alpha=0.1),
        "CosineDecayRestarts equal": scheduled("CosineDecayRestarts", 0.2, 4, t_mul=1.0),
        "Adam CosineDecay": lambda keras: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.05, 15), weight_decay=0.01),
    })
    return made


LOSSES = dict(mse=None, binary_crossentropy="sigmoid", categorical_crossentropy="softmax", sparse_categorical_crossentropy="softmax")
BATCHES, ROWS, FEATURES, CLASSES = 20, 16, 6, 3


def targets(loss, seed, rows):
    labels = whole(seed, CLASSES, rows)
    if loss == "mse":
        return numbers(seed, rows, CLASSES)
    if loss == "binary_crossentropy":
        return (numbers(seed, rows, CLASSES) > 0).astype("float32")
    return np.eye(CLASSES, dtype="float32")[labels] if loss == "categorical_crossentropy" else labels


def network(keras, loss, **hidden):
    model = keras.Sequential([keras.layers.Input((FEATURES,)), keras.layers.Dense(8, activation="tanh", **hidden),
                              keras.layers.Dense(CLASSES, activation=LOSSES[loss])])
    set_weights(model)
    return model


def train(keras, optimizer, loss, **compile_options):
    """All weights, in one vector, after 20 steps."""
    model = network(keras, loss)
    model.compile(optimizer=optimizer(keras), loss=loss, **compile_options)
    for k in range(BATCHES):
        model.train_on_batch(numbers(100 + k, ROWS, FEATURES), targets(loss, 200 + k, ROWS))
    return np.concatenate([np.ravel(w) for w in model.get_weights()])


def schedule_values(keras):
    """Every schedule of the table at the steps 0 .. 24."""
    made = {}
    for name, make in optimizers().items():
        schedule = make(keras)._learning_rate
        if hasattr(schedule, "get_config"):
            made[name] = np.array([float(schedule(k)) for k in range(25)])
    return made


def history(keras, **compile_options):
    """fit's history: metrics, a validation set, L2, a last batch that is smaller; and what evaluate and predict say after it."""
    model = network(keras, "categorical_crossentropy", kernel_regularizer=keras.regularizers.L2(0.01),
                    bias_constraint=keras.constraints.MaxNorm(0.3))
    model.compile(optimizer=keras.optimizers.RMSprop(0.01), loss="categorical_crossentropy", metrics=["acc", "mae"], **compile_options)
    x, y = numbers(300, 70, FEATURES), targets("categorical_crossentropy", 301, 70)
    seen = model.fit(x[:50], y[:50], batch_size=16, epochs=4, shuffle=False, validation_data=(x[50:], y[50:]), verbose=0).history
    made = {key: np.array(values) for key, values in seen.items()}
    made["evaluate"] = np.array(model.evaluate(x[50:], y[50:], verbose=0))
    made["predict"] = model.predict(x[50:], verbose=0)
    made["weighted"] = np.array(model.evaluate(x[50:], y[50:], sample_weight=np.arange(20) / 10, verbose=0))
    return made


# ---------------------------------------------------------------- (c) losses
def losses():
    """name -> value(keras)"""
    real, predicted = numbers(1, 6, 4), numbers(2, 6, 4)
    positive, chances = np.abs(real), np.clip(np.random.RandomState(3).rand(6, 4).astype("float32"), 0.05, 0.95)
    binary = (numbers(4, 6, 4) > 0).astype("float32")
    shares = (chances / chances.sum(-1, keepdims=True)).astype("float32")
    hot, labels = np.eye(4, dtype="float32")[whole(5, 4, 6)], whole(5, 4, 6)
    weights = np.array([1, 2, 0, 0.5, 1, 3], "float32")
    directions = (predicted / np.linalg.norm(predicted, axis=-1, keepdims=True)).astype("float32")
    functions = {
        "mean_squared_error": (real, predicted), "mean_absolute_error": (real, predicted), "mean_absolute_percentage_error": (real, predicted),
        "mean_squared_logarithmic_error": (positive, np.abs(predicted)), "cosine_similarity": (real, predicted), "huber": (real, predicted),
        "log_cosh": (real, predicted), "poisson": (positive, np.abs(predicted)), "hinge": (binary, predicted), "squared_hinge": (binary, predicted),
        "categorical_hinge": (hot, predicted), "kl_divergence": (shares, chances), "binary_crossentropy": (binary, chances),
        "binary_focal_crossentropy": (binary, chances), "categorical_crossentropy": (hot, shares),
        "categorical_focal_crossentropy": (hot, shares), "sparse_categorical_crossentropy": (labels, shares), "dice": (binary, chances),
        "tversky": (binary, chances),
    }
    made = {}
    for name, (y, p) in functions.items():
        made[name] = lambda keras, name=name, y=y, p=p: getattr(keras.losses, name)(y, p)

    def of(kind, y, p, w=None, **options):
        return lambda keras: getattr(keras.losses, kind)(**options)(y, p, **({} if w is None else {"sample_weight": w}))

    classes = {
        "MeanSquaredError": (real, predicted), "MeanAbsoluteError": (real, predicted), "MeanAbsolutePercentageError": (real, predicted),
        "MeanSquaredLogarithmicError": (positive, np.abs(predicted)), "CosineSimilarity": (real, predicted), "Huber": (real, predicted),
        "LogCosh": (real, predicted), "Poisson": (positive, np.abs(predicted)), "Hinge": (binary, predicted), "SquaredHinge": (binary, predicted),
        "CategoricalHinge": (hot, predicted), "KLDivergence": (shares, chances), "BinaryCrossentropy": (binary, chances),
        "BinaryFocalCrossentropy": (binary, chances), "CategoricalCrossentropy": (hot, shares), "CategoricalFocalCrossentropy": (hot, shares),
        "SparseCategoricalCrossentropy": (labels, shares), "Dice": (binary, chances), "Tversky": (binary, chances),
        "CategoricalGeneralizedCrossEntropy": (labels, shares), "Circle": (labels, directions),
    }
    for kind, (y, p) in classes.items():
        made[kind] = of(kind, y, p)
    for kind in ("MeanSquaredError", "BinaryCrossentropy", "SparseCategoricalCrossentropy"):
        y, p = classes[kind]
        for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"):
            made[f"{kind} {reduction}"] = of(kind, y, p, reduction=reduction)
            made[f"{kind} {reduction} weighted"] = of(kind, y, p, weights, reduction=reduction)
    made.update({
        "BinaryCrossentropy logits": of("BinaryCrossentropy", binary, 5 * predicted, from_logits=True),
        "BinaryCrossentropy smoothed": of("BinaryCrossentropy", binary, chances, label_smoothing=0.2),
        "BinaryCrossentropy at the ends": of("BinaryCrossentropy", binary, np.round(chances)),
        "BinaryFocalCrossentropy balanced": of("BinaryFocalCrossentropy", binary, chances, apply_class_balancing=True, gamma=1.5),
        "BinaryFocalCrossentropy logits": of("BinaryFocalCrossentropy", binary, predicted, from_logits=True),
        "CategoricalCrossentropy logits": of("CategoricalCrossentropy", hot, 5 * predicted, from_logits=True),
        "CategoricalCrossentropy smoothed": of("CategoricalCrossentropy", hot, shares, label_smoothing=0.2),
        "CategoricalCrossentropy unnormalized": of("CategoricalCrossentropy", hot, chances),
        "CategoricalCrossentropy at the ends": of("CategoricalCrossentropy", hot, np.roll(hot, 1, 0)),
        "CategoricalFocalCrossentropy logits": of("CategoricalFocalCrossentropy", hot, predicted, from_logits=True, alpha=0.5),
        "SparseCategoricalCrossentropy logits": of("SparseCategoricalCrossentropy", labels, 5 * predicted, from_logits=True),
        "SparseCategoricalCrossentropy ignoring": of("SparseCategoricalCrossentropy", labels, shares, ignore_class=1),
        "SparseCategoricalCrossentropy column": of("SparseCategoricalCrossentropy", labels[:, None], shares),
        "Huber delta": of("Huber", real, predicted, delta=0.3),
        "CosineSimilarity axis": of("CosineSimilarity", real, predicted, axis=0),
    })
    return made
