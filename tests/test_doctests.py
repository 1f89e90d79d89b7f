"""Examples of the public names: those in docstrings run as doctests, those of golden/cases_examples.py must answer as Keras did.

How many of Keras's public names have neither may only shrink.
"""
import contextlib
import doctest
import importlib
import io
import json
import lzma
import pathlib
import sys
import types
import warnings

import numpy as np
import pytest

import fastdl
from fastdl import layers

GOLDEN = pathlib.Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))
from cases_examples import EXAMPLES, value  # noqa: E402

ANSWERS = json.loads(lzma.decompress((GOLDEN / "examples.json.xz").read_bytes()))
KERAS = set((GOLDEN.parent / "names" / "keras_names.txt").read_text().split("\n")[1:-1])
AREAS = ("activations callbacks constraints initializers layers losses metrics models ops optimizers preprocessing.image preprocessing.sequence "
         "random regularizers utils tree config").split()
WITHOUT_EXAMPLE = 207


def public():
    """{area.name: class or function} of Keras's names, each object once."""
    found = {}
    for area in AREAS:
        module = importlib.import_module("fastdl." + area)
        for name in sorted(n for n in KERAS if n.startswith(area + ".") and "." not in n[len(area) + 1:]):
            thing = getattr(module, name[len(area) + 1:], None)
            if callable(thing) and not isinstance(thing, types.ModuleType):
                found[name] = thing
    return found


PUBLIC = public()


def doctests(thing):
    """The examples of a docstring."""
    found = doctest.DocTestFinder(recurse=False).find(thing, getattr(thing, "__name__", "name"), module=False)
    return [t for t in found if any(not e.options.get(doctest.SKIP) for e in t.examples)]


DOCUMENTED = {n: t for n, t in PUBLIC.items() if doctests(t)}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing = DOCUMENTED[name]
    home = vars(importlib.import_module(thing.__module__)) if (thing.__module__ or "").startswith("fastdl") else {}
    for test in doctests(thing):
        area = vars(importlib.import_module("fastdl." + name.rpartition(".")[0]))
        test.globs = {"np": np, "fastdl": fastdl, "keras": fastdl, "layers": layers, **area, **home, "__name__": "__main__"}
        out = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()):
            failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=out.write)
        assert not failed, out.getvalue()


def same(a, b):
    """Equal words and shapes, numbers equal to float32's rounding."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (str, type(None))) or isinstance(b, (str, list, type(None))):
        return a == b
    return bool(np.isclose(a, b, rtol=2e-5, atol=1e-6, equal_nan=True))


@pytest.mark.parametrize("area", sorted({n.split(".")[0] for n in ANSWERS}))
def test_answers_are_keras_own(area):
    wrong = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (n for n in ANSWERS if n.split(".")[0] == area):
            answer = value(fastdl, EXAMPLES[name])
            if not same(ANSWERS[name], answer):
                wrong[name] = (answer, ANSWERS[name])
    assert not wrong


def test_every_example_has_its_answer():
    assert set(EXAMPLES) == set(ANSWERS)


def test_names_without_an_example_get_fewer():
    without = sorted(set(PUBLIC) - set(DOCUMENTED) - {n.strip() for n in ANSWERS})
    assert len(without) <= WITHOUT_EXAMPLE, without
