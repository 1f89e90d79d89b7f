"""CTC: losses and gradients against numbers that Keras and PyTorch wrote, decoders against Keras's, and what must not slip through."""
import importlib.util
import pathlib

import numpy as np
import pytest

import fastdl as keras
from fastdl import ops
from fastdl.core.tape import GradientTape

FOLDER = pathlib.Path(__file__).with_name("golden")
_spec = importlib.util.spec_from_file_location("golden_cases_ctc", FOLDER / "cases_ctc.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "golden_ctc.npz") as stored:
        return {k: stored[k] for k in stored.files}


def loss_and_gradient(x, label, count, length, blank):
    x = ops.convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(x)
        loss = ops.ctc_loss(label, x, count, length, mask_index=blank)
    return loss.numpy(), tape.gradient(loss, x).numpy()


@pytest.mark.parametrize("peer,rtol,atol", [("torch", 1e-5, 5e-6), ("keras", 1e-5, 2e-5)])        # PyTorch's were made in float64
@pytest.mark.parametrize("name", cases.LOSSES)
def test_loss_and_gradient(golden, name, peer, rtol, atol):
    loss, dx = loss_and_gradient(**cases.LOSSES[name])
    np.testing.assert_allclose(loss, golden[f"{peer}/{name}/loss"], rtol=rtol, atol=atol)
    np.testing.assert_allclose(dx, golden[f"{peer}/{name}/dx"], rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", cases.DECODES)
def test_decode(golden, name):
    paths, scores = ops.ctc_decode(cases.DECODED["x"], cases.DECODED["length"], **cases.DECODES[name])
    assert paths.dtype == "int32"
    np.testing.assert_array_equal(paths.numpy(), golden[f"decode/{name}/paths"])
    np.testing.assert_allclose(scores.numpy(), golden[f"decode/{name}/scores"], rtol=1e-5, atol=1e-5)


def test_a_label_too_long_for_its_steps_costs_infinity_and_moves_nothing():
    x = np.random.default_rng(0).standard_normal((2, 4, 3)).astype("float32")
    loss, dx = loss_and_gradient(x, np.array([[1, 1, 1], [1, 2, 1]]), [3, 3], [4, 4], 0)
    assert np.isinf(loss[0]) and np.isfinite(loss[1])
    assert not dx[0].any() and dx[1].any()


def test_nan_stays_in_its_row():
    x = np.zeros((2, 4, 3), "float32")
    x[0, 1, 1] = np.nan
    loss, dx = loss_and_gradient(x, np.array([[1], [2]]), [1, 1], [4, 4], 0)
    assert np.isnan(loss[0]) and np.isnan(dx[0]).all() and np.isfinite(loss[1]) and np.isfinite(dx[1]).all()


@pytest.mark.parametrize("label,count,length,word", [([[1, 7]], [2], [5], "label 7"), ([[1, 2]], [3], [5], "label_length 3"),
                                                     ([[1, 2]], [2], [6], "length 6")])
def test_wrong_labels_and_lengths_are_refused_in_words(label, count, length, word):
    with pytest.raises(IndexError, match=word):
        ops.ctc_loss(label, np.zeros((1, 5, 4), "float32"), count, length)


def test_padding_may_hold_anything():
    x = cases.LOSSES["small"]
    other = x["label"].copy()
    other[np.arange(other.shape[1]) >= x["count"][:, None]] = -1
    np.testing.assert_array_equal(loss_and_gradient(**x)[1], loss_and_gradient(**{**x, "label": other})[1])


def test_a_network_learns_to_read(tmp_path):
    """Two symbols, each shown for some steps: trained by CTC, decoded greedily; the loss's configuration round trips."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    y = rng.integers(1, 4, (64, 3)).astype("int32")
    x = np.repeat(y, 4, axis=1)[..., None] == np.arange(4)
    model = keras.Sequential([keras.Input((12, 4)), keras.layers.GRU(16, return_sequences=True), keras.layers.Dense(4)])
    model.compile(keras.optimizers.Adam(0.02), loss=keras.losses.CTC())
    keep = model.fit(x.astype("float32"), y, batch_size=16, epochs=25, verbose=0)
    assert keep.history["loss"][-1] < 0.2 * keep.history["loss"][0]
    paths, _ = ops.ctc_decode(model.predict(x.astype("float32"), verbose=0), [12] * 64)
    right = (paths.numpy()[0, :, :3] == y).all(1)
    plain = (y[:, 1:] != y[:, :-1]).all(1)                       # two equal symbols in a row look like one long one
    assert right[plain].mean() > 0.9
    assert keras.losses.deserialize(keras.losses.serialize(keras.losses.CTC(reduction="sum"))).get_config() == dict(name="ctc", reduction="sum")
    model.save(tmp_path / "reader.keras")
    assert isinstance(keras.models.load_model(tmp_path / "reader.keras").loss, keras.losses.CTC)
