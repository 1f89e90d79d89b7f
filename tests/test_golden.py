"""fastdl against numbers that Keras 3 wrote: the cases of golden/cases.py, the results in golden/golden.npz."""
import importlib.util
import pathlib

import numpy as np
import pytest

import fastdl as keras

FOLDER = pathlib.Path(__file__).with_name("golden")
_spec = importlib.util.spec_from_file_location("golden_cases", FOLDER / "cases.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)
LAYERS, LOSSES, OPTIMIZERS = cases.layers(), cases.losses(), cases.optimizers()


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "golden.npz") as stored:
        return {key: stored[key] for key in stored.files}


def close(came, wanted, rtol, atol):
    came = np.asarray(came)
    assert came.shape == wanted.shape
    np.testing.assert_allclose(came, wanted, rtol=rtol, atol=atol)


def test_the_file_holds_just_these_cases(golden):
    held = {key for key in golden if key.split("/")[0] in ("layer", "loss", "train")}
    assert held == ({f"layer/{k}" for k in LAYERS} | {f"loss/{k}" for k in LOSSES}
                    | {f"train/{k}/{loss}" for k in OPTIMIZERS for loss in cases.LOSSES}), "run make_golden.py again"


@pytest.mark.parametrize("name", LAYERS)
def test_layer(golden, name):
    close(cases.run_layer(keras, *LAYERS[name]), golden[f"layer/{name}"], 1e-5, 1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_loss(golden, name):
    close(LOSSES[name](keras), golden[f"loss/{name}"], 1e-5, 1e-6)


def test_schedules(golden):
    for name, values in cases.schedule_values(keras).items():
        close(values, golden[f"schedule/{name}"], 1e-5, 1e-7)


def test_history(golden):
    made = cases.history(keras)
    assert {f"history/{k}" for k in made} == {k for k in golden if k.startswith("history/")}
    for name, values in made.items():
        close(values, golden[f"history/{name}"], 1e-4, 1e-6)


@pytest.mark.parametrize("loss", cases.LOSSES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training(golden, name, loss):
    close(cases.train(keras, OPTIMIZERS[name], loss), golden[f"train/{name}/{loss}"], 1e-4, 1e-5)
