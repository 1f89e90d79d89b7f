"""Examples of the public names: those in docstrings run as doctests, those of golden/cases_examples.py must answer as Keras did.

Each of Keras's public names that are here has one of the two.
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
import cases_applications  # noqa: E402
import cases_examples_more  # noqa: E402, F401, adds its examples
from cases_examples import EXAMPLES, value  # noqa: E402

ANSWERS = json.loads(lzma.decompress((GOLDEN / "examples.json.xz").read_bytes()))
KERAS = set((GOLDEN.parent / "names" / "keras_names.txt").read_text().split("\n")[1:-1])
# Shown to work in other files: the networks against Keras's tables, what needs a server, a package or a file from afar, and what the
# two answer unlike by design.
ELSEWHERE = {"test_applications.py": cases_applications.ALL + ["decode_predictions"],
             "test_datasets.py": ["load_data", "get_word_index"], "test_preprocessing_layers.py": ["FeatureSpace"], "test_monitors.py": ["TensorBoard"],
             "test_names.py": ["set_backend", "plot_model", "model_to_dot"], "test_security.py": ["enable_unsafe_deserialization"]}


def public():
    """{dotted name: class or function}: Keras's public names that are here."""
    found = {}
    for name in KERAS:
        thing = fastdl
        try:
            for part in name.split("."):
                thing = getattr(thing, part)
        except AttributeError:
            continue
        except ImportError as error:                        # wrappers, where scikit-learn is not installed
            assert "fastdl[" in str(error)
            continue
        if callable(thing) and not isinstance(thing, types.ModuleType):
            found[name] = thing
    return found


PUBLIC = public()


def doctests(thing):
    """The examples of a docstring."""
    found = doctest.DocTestFinder(recurse=False).find(thing, getattr(thing, "__name__", "name"), module=False)
    return [t for t in found if any(not e.options.get(doctest.SKIP) for e in t.examples)]


DOCUMENTED = {min(n for n in PUBLIC if PUBLIC[n] is t): t for t in {id(t): t for t in PUBLIC.values()}.values() if doctests(t)}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing = DOCUMENTED[name]
    home = vars(importlib.import_module(thing.__module__)) if (thing.__module__ or "").startswith("fastdl") else {}
    for test in doctests(thing):
        area = vars(importlib.import_module(".".join(["fastdl", *name.split(".")[:-1]])))
        test.globs = {"np": np, "fastdl": fastdl, "keras": fastdl, "layers": layers, "Tensor": fastdl.Tensor, "Input": layers.Input, "Variable": fastdl.Variable, **area, **home, "__name__": "__main__"}
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


AREA = {n: n.split(".")[0] if "." in n else "keras" for n in ANSWERS}


@pytest.mark.parametrize("area", [pytest.param(a, marks=pytest.mark.needs("sklearn")) if a == "wrappers" else a for a in sorted(set(AREA.values()))])
def test_answers_are_keras_own(area):
    wrong = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (n for n in ANSWERS if AREA[n] == area):
            answer = value(fastdl, EXAMPLES[name])
            if not same(ANSWERS[name], answer):
                wrong[name] = (answer, ANSWERS[name])
    assert not wrong


def test_every_example_has_its_answer():
    assert set(EXAMPLES) == set(ANSWERS)


def test_every_public_name_has_an_example():
    """By one of its names, if it has several: a docstring that runs, an answer of Keras's own, or a test in the file named above."""
    shown = {id(t) for n, t in PUBLIC.items() if n in {e.strip() for e in EXAMPLES} or n in DOCUMENTED or any(n.split(".")[-1] in names for names in ELSEWHERE.values())}
    assert not sorted(n for n, t in PUBLIC.items() if id(t) not in shown)
    for file, names in ELSEWHERE.items():
        text = (pathlib.Path(__file__).with_name(file).read_text() + " ".join(cases_applications.ALL if "app" in file else []))
        assert not [n for n in names if n not in text]
