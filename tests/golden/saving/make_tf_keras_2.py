"""Writes keras_2_15.zip with the real tf.keras 2.15: small networks as .h5 and .keras, what they answer before and after a
step of training. `python make_tf_keras_2.py` with tensorflow 2.15.
"""
import os
import pathlib
import tempfile
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
from tensorflow import keras

L = keras.layers
HERE = pathlib.Path(__file__).parent
NETWORKS = {}


def network(f):
    NETWORKS[f.__name__] = f
    return f


@network
def dense():
    return keras.Sequential([L.Dense(6, activation="hard_sigmoid", use_bias=False, input_shape=(5,)), L.BatchNormalization(momentum=0.8), L.Dropout(0.0), L.Dense(3)]), \
        keras.optimizers.Adam(0.01)


@network
def legacy_optimizer():
    return keras.Sequential([L.Dense(6, activation="relu", input_shape=(5,), kernel_regularizer="l2"), L.Dense(3)]), keras.optimizers.legacy.Adam(0.01)


@network
def rms():
    return keras.Sequential([L.Dense(6, activation="tanh", input_shape=(5,)), L.Dense(3)]), keras.optimizers.RMSprop(0.01, centered=True, momentum=0.3)


@network
def legacy_rms():
    return keras.Sequential([L.Dense(6, activation="tanh", input_shape=(5,)), L.Dense(3)]), keras.optimizers.legacy.RMSprop(0.01, momentum=0.3)


@network
def legacy_decay():
    return keras.Sequential([L.Dense(6, activation="tanh", input_shape=(5,)), L.Dense(3)]), keras.optimizers.legacy.SGD(0.05, momentum=0.9, nesterov=True, decay=0.1)


@network
def image():
    return keras.Sequential([L.Conv2D(4, 3, padding="same", activation="relu", input_shape=(8, 8, 2)), L.MaxPooling2D(), L.SeparableConv2D(3, 3), L.LeakyReLU(0.1),
                             L.Flatten(), L.Dense(3)]), keras.optimizers.SGD(0.05, momentum=0.9)


@network
def words():
    return keras.Sequential([L.Embedding(9, 4, mask_zero=True, input_length=6), L.LSTM(5, return_sequences=True, recurrent_activation="hard_sigmoid"),
                             L.GRU(4), L.Dense(3)]), keras.optimizers.RMSprop(0.01)


@network
def wrappers():
    return keras.Sequential([L.Bidirectional(L.LSTM(3, return_sequences=True), input_shape=(5, 3)), L.TimeDistributed(L.Dense(4, activation="relu")),
                             L.GRU(4, reset_after=False), L.Dense(3)]), keras.optimizers.Adam(0.01, amsgrad=True)


@network
def branches():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared, late = L.Dense(4, activation="relu", name="shared"), L.Dense(4, name="late")
    x = L.Concatenate()([shared(a), late(shared(b))])
    y = L.Add()([L.Dense(4, name="made_last")(x), shared(a)])
    return keras.Model([a, b], [L.Dense(3, name="one")(y), L.Dense(2, activation="softmax", name="two")(x)]), keras.optimizers.AdamW(0.01, weight_decay=0.02)


@network
def nadam():
    return keras.Sequential([L.Dense(6, activation="tanh", input_shape=(5,)), L.Dense(3)]), keras.optimizers.Nadam(0.01)


@network
def nested():
    i = keras.Input((4,))
    inner = keras.Model(i, L.Dense(4, activation="elu", name="d")(i), name="inner")
    j = keras.Input((4,))
    outer = keras.Model(j, L.Dense(4, name="e")(inner(inner(j))), name="outer")
    k = keras.Input((4,))
    return keras.Model(k, L.Dense(3)(L.add([outer(k), k]))), keras.optimizers.Adagrad(0.05)


@network
def operations():
    i = keras.Input((4,))
    x = L.Dense(4)(i)
    return keras.Model(i, L.Dense(3)(x * 2.0 + 1.0 - x / 3.0)), keras.optimizers.Adamax(0.01)


@network
def frozen():
    base = keras.Sequential([L.Dense(4, activation="relu", input_shape=(5,)), L.BatchNormalization()], name="base")
    base.trainable = False
    return keras.Sequential([L.Dense(5, input_shape=(5,)), base, L.Dense(3)]), keras.optimizers.Adadelta(1.0)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder, answers = pathlib.Path(folder), {}
        for name, make in NETWORKS.items():
            keras.utils.set_random_seed(7)
            model, optimizer = make()
            # In a graph, this Nadam multiplies a count once too often: it counts in Python.
            model.compile(optimizer, "mse", metrics=None if name == "branches" else ["mae"], run_eagerly=name == "nadam")
            rng = np.random.default_rng(3)
            x = [rng.integers(0, 9, (6, *t.shape[1:])).astype("float32") if name == "words" else rng.normal(size=(6, *t.shape[1:])).astype("float32")
                 for t in model.inputs]
            y = [rng.normal(size=(6, *t.shape[1:])).astype("float32") for t in model.outputs]
            unwrap = lambda v: v if len(v) > 1 else v[0]
            for _ in range(3):
                model.train_on_batch(unwrap(x), unwrap(y))
            for suffix in ("h5", "keras"):
                model.save(folder / f"{name}.{suffix}")
            model.save_weights(folder / f"{name}.weights.h5")
            answers.update({f"{name}.x{k}": a for k, a in enumerate(x)} | {f"{name}.y{k}": a for k, a in enumerate(y)})
            for when in ("before", "after"):
                predicted = model.predict(unwrap(x), verbose=0)
                answers.update({f"{name}.{when}{k}": a for k, a in enumerate(predicted if isinstance(predicted, list) else [predicted])})
                if when == "before":
                    for _ in range(2):
                        model.train_on_batch(unwrap(x), unwrap(y))
        np.savez(folder / "answers.npz", **answers)
        with zipfile.ZipFile(HERE / "keras_2_15.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
            for path in sorted(folder.iterdir()):
                z.write(path, path.name)


if __name__ == "__main__":
    main()
