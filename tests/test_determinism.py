"""One seed, one result: whatever the number of threads, eager or compiled, run after run."""
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import fastdl as keras


def train(optimizer="rmsprop", run_eagerly=False, dropout=0.3, steps=6):
    """The bits of everything that training changed: weights, history."""
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((96 * steps, 400)).astype("float32"), rng.integers(0, 10, 96 * steps)
    model = keras.Sequential([keras.Input((400,)), keras.layers.Dense(300, activation="relu", kernel_regularizer="l2"),
                              keras.layers.Dropout(dropout), keras.layers.Dense(10, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=run_eagerly)
    history = model.fit(x, y, batch_size=96, epochs=2, validation_split=0.2, verbose=0).history
    digest = hashlib.sha256()
    for w in model.get_weights():
        digest.update(w.tobytes())
    return digest.hexdigest() + repr(sorted(history.items())) + repr(float(model.predict(x[:7], verbose=0).sum()))


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
def test_threads_and_eager_do_not_change_a_bit(optimizer):
    before = keras.config.threads()
    try:
        results = []
        for threads in (1, 2, 3):
            keras.config.set_threads(threads)
            results.append(train(optimizer))
        keras.config.set_threads(2)
        results.append(train(optimizer, run_eagerly=True))
    finally:
        keras.config.set_threads(before)
    assert len(set(results)) == 1
    assert train(optimizer, dropout=0.4) != results[0]


def test_another_process_gets_the_same_bits():
    code = "import sys; sys.path.insert(0, {!r}); import test_determinism as t; print(t.train())".format(str(__file__).rpartition("/")[0])
    runs = {subprocess.run([sys.executable, "-c", code], cwd=os.path.dirname(__file__), capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert runs == {train() + "\n"}
