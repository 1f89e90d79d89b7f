"""Texts, series, class folders and tables, drawn at random, against what Keras made of them (golden/make_golden_data.py)."""
import importlib.util
import json
import lzma
import pathlib
import warnings

import pytest

FOLDER = pathlib.Path(__file__).with_name("golden")
_spec = importlib.util.spec_from_file_location("golden_data", FOLDER / "make_golden_data.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)


@pytest.fixture(scope="module")
def both():
    from fastdl import utils
    from fastdl.preprocessing import image, sequence, text

    with_tables = importlib.util.find_spec("pandas") is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        came = cases.everything(text, sequence, image, utils, with_tables)
    return came, json.loads(lzma.decompress((FOLDER / "golden_data.json.xz").read_bytes()))


@pytest.mark.parametrize("part", ["texts", "sequences", "folders", pytest.param("tables", marks=pytest.mark.needs("pandas"))])
def test_as_keras_has_it(both, part):
    came, want = both[0][part], both[1][part]
    assert type(came) is type(want) and len(came) == len(want)
    for key in want if isinstance(want, dict) else range(len(want)):
        assert came[key] == want[key], key
