"""Writes the model files and answers beside it with the real Keras 3: `python make_saving.py`, Keras installed."""
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import numpy as np
from keras import layers as L

HERE = pathlib.Path(__file__).parent


@keras.saving.register_keras_serializable("golden")
class Scaled(L.Layer):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.blocks = [L.Dense(3, name="first"), L.Dense(3, activation="tanh", name="second")]

    def build(self, shape):
        self.shift = self.add_weight(shape=(3,), initializer="ones", name="shift")
        for block in self.blocks:
            block.build(shape)
            shape = (*shape[:-1], 3)

    def call(self, x):
        return self.factor * self.blocks[1](self.blocks[0](x)) + self.shift

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def sequential(optimizer, loss="mse"):
    model = keras.Sequential([keras.Input((4,)), L.Dense(5, activation="relu"), L.Dense(3, kernel_regularizer="l2")], name="seq")
    model.compile(optimizer, loss, metrics=["mae"])
    return model


def branches():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = L.Dense(5, activation="relu", name="shared")
    after = L.Dense(5, name="made_last")
    x = L.Concatenate()([shared(a), after(shared(b))])
    y = keras.ops.concatenate([x * 2 + 1, keras.ops.max(x, axis=-1, keepdims=True), x[:, :2]], axis=-1)
    out = [L.Dense(2, activation="softmax", name="class")(y), keras.ops.sum(keras.ops.tanh(y), axis=1)]
    return keras.Model([a, b], out, name="branches")


def nested():
    i = keras.Input((4,))
    inner = keras.Model(i, L.Dense(4, activation="gelu")(i), name="inner")
    j = keras.Input((4,))
    block = keras.Sequential([L.Dense(4), L.LeakyReLU(0.1), inner], name="block")
    return keras.Sequential([keras.Input((4,)), block, L.Dropout(0.5), inner, L.Dense(2, use_bias=False)], name="nested")


def words():
    i = keras.Input((6,), dtype="int32")
    return keras.Model(i, L.Dense(3, activation="softmax")(L.Flatten()(L.Embedding(11, 3)(i))), name="words")


def main():
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(8, 4)).astype("float32"), rng.normal(size=(8, 3)).astype("float32")
    answers = {"x": x, "y": y, "tokens": rng.integers(0, 11, (5, 6)).astype("int32")}
    optimizers = {"adam": keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9), clipnorm=1.0),
                  "sgd": keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True), "rmsprop": keras.optimizers.RMSprop(0.01, centered=True)}
    for name, optimizer in optimizers.items():
        model = sequential(optimizer)
        model.fit(x, y, epochs=3, batch_size=4, verbose=0)
        model.save(HERE / f"{name}.keras")
        answers[f"{name}_predicts"] = model.predict(x, verbose=0)
        for _ in range(2):
            model.train_on_batch(x, y)
        answers[f"{name}_two_steps_on"] = model.predict(x, verbose=0)
    for model, data in ((branches(), [x, x[::-1]]), (nested(), x), (words(), answers["tokens"])):
        model.save(HERE / f"{model.name}.keras")
        predicted = model.predict(data, verbose=0)
        for k, p in enumerate(predicted if isinstance(predicted, list) else [predicted]):
            answers[f"{model.name}_predicts_{k}"] = p
        if model.name == "nested":
            model.save(HERE / "nested.h5")
        if model.name == "branches":
            model.save_weights(HERE / "branches.weights.h5")
            (HERE / "branches.json").write_text(model.to_json())
            model.save_weights(HERE / "shards.weights.json", max_shard_size=2e-7)       # GB: several files of 214 bytes
    model = keras.Sequential([keras.Input((4,)), Scaled(0.5), L.Dense(2)], name="custom")
    model.save(HERE / "custom.keras")
    answers["custom_predicts"] = model.predict(x, verbose=0)
    np.savez_compressed(HERE / "answers.npz", **answers)


if __name__ == "__main__":
    main()
