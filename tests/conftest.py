"""Tests that need data outside the repository are left out, by name and count, when it is not there."""
import os
import pathlib

import pytest

DATA = "FASTDL_SHARED_DATA"
if os.environ.get(DATA):
    os.environ[DATA] = os.path.abspath(os.environ[DATA])
# Children that tests start must find the installed package, not the sources in the folder where pytest was called.
os.chdir(pathlib.Path(__file__).parent)


def pytest_configure(config):
    config.addinivalue_line("markers", f"shared_data: needs real models and data in the folder that the variable {DATA} names")


def pytest_collection_modifyitems(config, items):
    if os.environ.get(DATA):
        return
    left_out = [i for i in items if i.get_closest_marker("shared_data")]
    if left_out:
        config.left_out = [i.nodeid for i in left_out]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [i for i in items if not i.get_closest_marker("shared_data")]


def pytest_terminal_summary(terminalreporter, config):
    names = getattr(config, "left_out", [])
    if names:
        terminalreporter.section(f"{len(names)} tests left out: {DATA} is not set")
        for name in names:
            terminalreporter.line(name)


@pytest.fixture
def shared_data():
    import pathlib
    return pathlib.Path(os.environ[DATA])
