"""Files of Keras 2: written by tf.keras 2.15, and laid out by hand as Keras 2.0.8 to 2.4 did. The version decides what they mean."""
import json
import pathlib
import warnings
import zipfile

import h5py
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
