"""The book's programs, chapters 2 to 8, written anew: each file of book/ runs whole, and asserts that it learned."""
import importlib
import pathlib
import runpy
import sys

import pytest

import fastdl

HERE = pathlib.Path(__file__).parent / "book"
PROGRAMS = sorted((HERE / "keras3").glob("c*.py"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_keras3(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", fastdl)
    for name in ("utils", "preprocessing", "preprocessing.text"):
        monkeypatch.setitem(sys.modules, "keras." + name, importlib.import_module("fastdl." + name))
    monkeypatch.syspath_prepend(str(HERE))
    runpy.run_path(str(path))
