"""Files of Keras 2: written by tf.keras 2.15, and laid out by hand as Keras 2.0.8 to 2.4 did. The version decides what they mean."""
import importlib.util
import pathlib
import warnings
import zipfile

import numpy as np
import pytest

import fastdl as keras
from fastdl import layers as L
from fastdl import models

GOLDEN = pathlib.Path(__file__).parent / "golden" / "saving"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras2")
    with zipfile.ZipFile(GOLDEN / "keras_2_15.zip") as z:
        z.extractall(folder)
    return folder, np.load(folder / "answers.npz")


def arrays(answers, name, what):
    found = [answers[k] for k in sorted(answers.files) if k.startswith(f"{name}.{what}")]
    return found if len(found) > 1 else found[0]


def near(got, want, tolerance):
    got, want = ([a] if isinstance(a, np.ndarray) else a for a in (got, want))
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert g.shape == w.shape and np.abs(g - w).max() <= tolerance * max(1.0, np.abs(w).max())


NETWORKS = ("branches", "dense", "frozen", "image", "legacy_decay", "legacy_optimizer", "legacy_rms", "nadam", "nested", "operations", "rms", "words", "wrappers")


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("name", NETWORKS)
def test_tf_keras_2_15_predicts_and_trains_on(name, suffix, old, tmp_path):
    folder, answers = old
    with warnings.catch_warnings():
        warnings.simplefilter("error")                      # nothing is lost on the way
        model = models.load_model(folder / f"{name}.{suffix}")
    x, y = arrays(answers, name, "x"), arrays(answers, name, "y")
    near(model.predict(x, verbose=0), arrays(answers, name, "before"), 1e-5)
    if name.startswith("legacy") and suffix == "keras":
        return                                              # such a file holds no state of these optimizers
    model.save(tmp_path / "new.keras")                      # the bridge: Keras 3 reads what is written now
    for m in (model, models.load_model(tmp_path / "new.keras")):
        for _ in range(2):
            m.train_on_batch(x, y)
        near(m.predict(x, verbose=0), arrays(answers, name, "after"), 1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_tf_keras_2_15_weights(name, old):
    folder, answers = old
    model = models.load_model(folder / f"{name}.keras", compile=False)
    expected = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in expected])
    model.load_weights(folder / f"{name}.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), expected))


# ---------------------------------------------------------------- laid out by hand
spec = importlib.util.spec_from_file_location("keras_2_by_hand", GOLDEN / "keras_2_by_hand.py")
by_hand = importlib.util.module_from_spec(spec)
spec.loader.exec_module(by_hand)
RECURRENT = [f"{kind}_{version}.h5" for kind in ("lstm", "gru") for version in ("2.0.8", "2.2.4", "2.3.1")]
TRAINED = ["rmsprop_2.0.8.h5", "rmsprop_2.3.1.h5", "adagrad_2.2.4.h5", "sgd_2.0.8.h5", "adam_2.2.4.h5", "rmsprop_2.4.0.h5"]
NESTED = [f"nested_{version}.h5" for version in ("2.0.8", "2.2.4", "2.4.0")]


@pytest.fixture(scope="module")
def hand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("by_hand")
    return folder, by_hand.write(folder)


@pytest.mark.parametrize("name", RECURRENT + TRAINED + NESTED)
def test_what_the_network_meant_then(name, hand, tmp_path):
    folder, made = hand
    x, answers = made[name]
    model = models.load_model(folder / name)
    near(model.predict(x, verbose=0), answers["predicts"], 1e-5)
    model.save(tmp_path / "new.keras")
    near(models.load_model(tmp_path / "new.keras").predict(x, verbose=0), answers["predicts"], 1e-5)


@pytest.mark.parametrize("name", TRAINED)
def test_training_goes_on_by_the_formula_of_then(name, hand):
    folder, made = hand
    x, answers = made[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = models.load_model(folder / name)
    for _ in range(2):
        model.train_on_batch(x, answers["y"])
    near(model.predict(x, verbose=0), answers["after"], 1e-5)


@pytest.mark.parametrize("version", ["2.0.8", "2.2.4", "2.4.0"])
@pytest.mark.parametrize("by_name", [False, True])
def test_weights_alone_by_order_and_by_name(version, by_name, hand):
    folder, made = hand
    x, answers = made[f"nested_{version}.h5"]
    i = keras.Input((3,))
    y = L.Dense(3, activation="relu", trainable=False)(i)
    inner = keras.Model(i, L.Dense(3)(L.BatchNormalization()(y)), name="inner" if by_name else "any")
    block = keras.Sequential([keras.Input((3,)), L.Dense(3, activation="tanh")], name="block" if by_name else "other")
    j = keras.Input((3,))
    inputs = [inner(inner(j)), block(j)]
    model = keras.Model(j, L.Dense(2, name="top" if by_name else "end")(L.Concatenate()(inputs)))
    model.load_weights(folder / f"weights_{version}.h5", by_name=by_name)
    near(model.predict(x, verbose=0), answers["predicts"], 1e-5)
