"""Convolutional layers against numbers that Keras 3 wrote: the cases of golden/cases_conv.py, the results in golden_conv.npz."""
import ast
import importlib.util
import pathlib

import numpy as np
import pytest

import fastdl as keras

FOLDER = pathlib.Path(__file__).with_name("golden")
_spec = importlib.util.spec_from_file_location("golden_cases_conv", FOLDER / "cases_conv.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)
LAYERS, MOVING, NETWORKS = cases.layers(), cases.moving(), cases.networks()


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "golden_conv.npz") as stored:
        made, at, values = {}, 0, stored["values"]
        for name, shape in zip(stored["names"], map(ast.literal_eval, stored["shapes"])):
            made[str(name)] = values[at:at + int(np.prod(shape))].reshape(shape)
            at += int(np.prod(shape))
        return made


def close(came, wanted, rtol, atol):
    came = np.asarray(came)
    assert came.shape == wanted.shape
    np.testing.assert_allclose(came, wanted, rtol=rtol, atol=atol)


def test_the_file_holds_just_these_cases(golden):
    assert set(golden) == {f"layer/{k}" for k in LAYERS} | {f"moving/{k}" for k in MOVING} | {f"train/{k}" for k in NETWORKS}, \
        "run make_golden_conv.py again"


@pytest.mark.parametrize("name", LAYERS)
def test_layer(golden, name):
    wanted = golden[f"layer/{name}"]
    close(cases.run_layer(keras, *LAYERS[name]), wanted, 1e-5, 1e-6 * max(1.0, float(np.abs(wanted).max())))


@pytest.mark.parametrize("name", MOVING)
def test_moving(golden, name):
    close(MOVING[name](keras), golden[f"moving/{name}"], 1e-5, 2e-6)


@pytest.mark.parametrize("eagerly", (False, True), ids=("plan", "eager"))
@pytest.mark.parametrize("name", NETWORKS)
def test_training(golden, name, eagerly):
    close(cases.train(keras, *NETWORKS[name], run_eagerly=eagerly), golden[f"train/{name}"], 1e-4, 1e-5)
