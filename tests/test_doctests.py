"""The examples in the docstrings of the public names run; how many public classes and functions have none may only shrink."""
import contextlib
import doctest
import importlib
import inspect
import io
import os
import pathlib
import pkgutil
import types

import numpy as np
import pytest

import fastdl
from fastdl import layers

AREAS = ("activations callbacks constraints initializers layers losses metrics models ops optimizers preprocessing.image preprocessing.sequence "
         "preprocessing.text random regularizers utils tree backend config").split()
WITHOUT_EXAMPLE = 0


def public():
    """{name: object} of the public classes and functions, each object once."""
    found, seen = {}, set()
    for area in AREAS:
        module = importlib.import_module("fastdl." + area)
        for name in sorted(vars(module)):
            value = getattr(module, name)
            if name[0] == "_" or isinstance(value, types.ModuleType) or not callable(value) or id(value) in seen:
                continue
            if not (getattr(value, "__module__", None) or "").startswith("fastdl"):
                continue
            seen.add(id(value))
            found[f"{area}.{name}"] = value
    return found


PUBLIC = public()


def examples(value):
    """The docstring's own examples, and those of the methods that the class itself defines."""
    return [t for t in doctest.DocTestFinder(recurse=False).find(value, getattr(value, "__name__", "name"), module=False) if t.examples]


NAMES = [n for n, v in PUBLIC.items() if examples(v)]


@pytest.mark.parametrize("name", NAMES)
def test_example(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = PUBLIC[name]
    module = importlib.import_module(value.__module__)
    for test in examples(value):
        names = {"np": np, "fastdl": fastdl, "keras": fastdl, "layers": layers}
        test.globs = {**names, **vars(module), "__name__": "__main__"}
        out = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()):
            failed, tried = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=out.write)
        assert not failed, out.getvalue()


def test_names_without_an_example_get_fewer():
    without = sorted(set(PUBLIC) - set(NAMES))
    assert len(without) <= WITHOUT_EXAMPLE, without
