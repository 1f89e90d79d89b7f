"""The book's programs, chapters 2 to 8, written anew: each file of book/ runs whole, and asserts that it learned.

keras3/ is in today's words, keras2/ in those of 2017.
"""
import pathlib
import runpy
import sys

import pytest

import fastdl

HERE = pathlib.Path(__file__).parent / "book"


def programs(era):
    return [pytest.param(p, id=p.stem) for p in sorted((HERE / era).glob("c*.py"))]


@pytest.fixture(autouse=True)
def book_data(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    for name in [n for n in sys.modules if n == "keras" or n.startswith("keras.")]:
        monkeypatch.delitem(sys.modules, name)
    yield
    fastdl.config.set_compat("keras3")


def run(path, era):
    fastdl.install_as_keras(era=era)
    fastdl.utils.set_random_seed(0)
    runpy.run_path(str(path))


@pytest.mark.parametrize("path", programs("keras3"))
def test_in_todays_words(path):
    run(path, "keras3")


@pytest.mark.parametrize("path", programs("keras2"))
def test_in_the_words_of_2017(path):
    run(path, "keras2")
