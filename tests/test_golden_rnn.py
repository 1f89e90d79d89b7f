"""The layers of sequence models against numbers that Keras 3 wrote: the cases of golden/cases_rnn.py, the results in golden_rnn.npz."""
import importlib.util
import pathlib

import numpy as np
import pytest

import fastdl as keras

FOLDER = pathlib.Path(__file__).with_name("golden")
_spec = importlib.util.spec_from_file_location("golden_cases_rnn", FOLDER / "cases_rnn.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)
CALLS = {f"{group}/{name}": value for group in ("recurrent", "wrappers", "attention", "conv_lstm") for name, value in getattr(cases, group)().items()}
NETWORKS = cases.networks()


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "golden_rnn.npz") as stored:
        ends = np.cumsum(stored["sizes"])
        return dict(zip(map(str, stored["names"]), np.split(stored["values"], ends[:-1])))


def close(came, wanted, rtol, atol):
    came = np.asarray(came)
    assert came.shape == wanted.shape
    np.testing.assert_allclose(came, wanted, rtol=rtol, atol=atol)


def test_the_file_holds_just_these_cases(golden):
    assert set(golden) == set(CALLS) | {f"train/{k}" for k in NETWORKS}, "run make_golden_rnn.py again"


@pytest.mark.parametrize("name", CALLS)
def test_call(golden, name):
    wanted = golden[name]
    close(CALLS[name](keras), wanted, 1e-5, 1e-6 * max(1.0, float(np.abs(wanted).max())))


@pytest.mark.parametrize("eagerly", (False, True), ids=("plan", "eager"))
@pytest.mark.parametrize("name", NETWORKS)
def test_training(golden, name, eagerly):
    close(cases.train(keras, NETWORKS[name], run_eagerly=eagerly), golden[f"train/{name}"], 1e-4, 1e-5)
