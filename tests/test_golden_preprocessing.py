"""ops.image and preprocessing layers against what Keras 3 wrote: the cases of golden/cases_preprocessing.py."""
import ast
import importlib.util
import pathlib

import numpy as np
import pytest

import fastdl as keras

FOLDER = pathlib.Path(__file__).with_name("golden")
_spec = importlib.util.spec_from_file_location("golden_cases_preprocessing", FOLDER / "cases_preprocessing.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)
CASES = {f"{family.__name__}/{name}": value for family in (cases.image_ops, cases.layers, cases.lookups) for name, value in family(keras).items()}


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "golden_preprocessing.npz") as stored:
        made, at, values = dict(zip(*stored["words"].tolist())), 0, stored["values"]
        for name, shape in zip(stored["names"], map(ast.literal_eval, stored["shapes"])):
            made[str(name)] = values[at:at + int(np.prod(shape))].reshape(shape)
            at += int(np.prod(shape))
        return made


def test_the_file_holds_just_these_cases(golden):
    assert set(golden) == set(CASES), "run make_golden_preprocessing.py again"


@pytest.mark.parametrize("name", CASES)
def test_case(golden, name):
    came, wanted = CASES[name](), golden[name]
    if isinstance(came, str):
        assert came == wanted
        return
    came = np.asarray(came)
    assert came.shape == wanted.shape
    if came.dtype.kind in "iub":
        np.testing.assert_array_equal(came, wanted)
    else:
        np.testing.assert_allclose(came, wanted, rtol=2e-5, atol=2e-6 * max(1.0, float(np.abs(wanted).max())))
