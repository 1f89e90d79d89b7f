"""The book's programs, chapters 2 to 8, written anew: each file of book/ runs whole, and asserts that it learned.

keras3/ is in today's words, keras2/ in those of 2017.
"""
import importlib.util
import pathlib
import runpy
import sys

import pytest

import fastdl

HERE = pathlib.Path(__file__).parent / "book"
MODULES = ("utils preprocessing preprocessing.text preprocessing.sequence preprocessing.image layers models optimizers "
           "losses metrics callbacks regularizers").split()
BACKEND = importlib.util.find_spec("fastdl.backend") is not None
MODULES += ["backend"] * BACKEND
# What these use is not in fastdl yet; they join by themselves when it is.
WAITING = {"keras3": set() if hasattr(fastdl.layers, "RandomFlip") else {"c5_small_data", "c6_embedding"},
           "keras2": (set() if hasattr(fastdl, "install_as_keras") else {"c2_first_look", "c3_multiclass", "c3_regression", "c6_recurrent"})
           | (set() if BACKEND else {"c5_visualize", "c8_deep_dream", "c8_style_transfer", "c8_vae"})}


def programs(era):
    return [pytest.param(p, id=p.stem) for p in sorted((HERE / era).glob("c*.py")) if p.stem not in WAITING[era]]


@pytest.fixture(autouse=True)
def book_data(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    fastdl.utils.set_random_seed(0)


def install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", fastdl)
    for name in MODULES:
        monkeypatch.setitem(sys.modules, "keras." + name, importlib.import_module("fastdl." + name))


@pytest.mark.parametrize("path", programs("keras3"))
def test_in_todays_words(path, monkeypatch):
    install(monkeypatch)
    runpy.run_path(str(path))


@pytest.mark.parametrize("path", programs("keras2"))
def test_in_the_words_of_2017(path, monkeypatch):
    if hasattr(fastdl, "install_as_keras"):
        for name in [n for n in sys.modules if n == "keras" or n.startswith("keras.")]:
            monkeypatch.delitem(sys.modules, name)
        fastdl.install_as_keras(era="keras2")
    else:
        install(monkeypatch)
    fastdl.utils.set_random_seed(0)
    try:
        runpy.run_path(str(path))
    finally:
        if hasattr(fastdl, "install_as_keras"):
            fastdl.config.set_compat("keras3")
            for name in [n for n in sys.modules if n.split(".")[0] in ("keras", "tensorflow")]:
                sys.modules.pop(name)
