"""The applications: Keras's layers by name, order, shape and weights, and Keras's numbers from the same weights."""
import functools
import importlib.util
import json
import lzma
import pathlib

import numpy as np
import pytest

import fastdl as keras
from fastdl.layers.layer import Layer
from fastdl.ops import symbolic

FOLDER = pathlib.Path(__file__).with_name("golden")
_spec = importlib.util.spec_from_file_location("golden_cases_applications", FOLDER / "cases_applications.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)

# Each family's smallest; `python tests/test_applications.py` compares all of them and takes a minute.
TABLES = [("DenseNet121", {}), ("MobileNet", {}), ("MobileNetV3Large", {}), ("ResNet50", {}), ("ResNet50V2", {})] + [
    v for v in cases.VARIANTS if v[0] not in ("NASNetMobile", "InceptionResNetV2", "DenseNet121")]


@functools.lru_cache(1)
def golden():
    with lzma.open(FOLDER / "applications.json.xz", "rt") as f:
        return json.load(f)


def build(name, arguments):
    symbolic.reset_names()
    return getattr(keras.applications, name)(weights=None, **arguments)


@pytest.fixture
def zeros(monkeypatch):
    """Weights that take no time to draw."""
    add = Layer.add_weight
    monkeypatch.setattr(Layer, "add_weight", lambda self, *args, **kw: add(self, *args, **{**kw, "initializer": "zeros"}))


def check_table(name, arguments):
    model, want = build(name, arguments), golden()[cases.key(name, arguments)]
    assert cases.table(model) == want["layers"]
    assert (model.name, model.count_params()) == (want["name"], want["params"])


@pytest.mark.parametrize("name,arguments", TABLES, ids=lambda v: v if isinstance(v, str) else ",".join(v))
def test_layers_are_keras_own(name, arguments, zeros):
    check_table(name, arguments)


@pytest.mark.parametrize("name,arguments", cases.FORWARD, ids=lambda v: v if isinstance(v, str) else "")
def test_forward_equals_keras(name, arguments, zeros):
    model = build(name, dict(arguments, classes=10, classifier_activation=None))
    cases.fill(model)
    y = np.asarray(model(cases.images(arguments["input_shape"], cases.scales_itself(name, arguments)), training=False))
    want = np.array(golden()["forward " + cases.key(name, arguments)])
    assert np.abs(y - want).max() <= 1e-4 * max(1, np.abs(want).max())


if __name__ == "__main__":
    for case in [(n, {}) for n in cases.ALL] + cases.VARIANTS:
        try:
            check_table(*case)
            print("equal", cases.key(*case), flush=True)
        except AssertionError as error:
            print("DIFFERENT", cases.key(*case), str(error)[:300], flush=True)
