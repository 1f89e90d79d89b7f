"""Tests that need data outside the repository, or a package that is not required, are left out by name and count without it."""
import importlib.util
import os
import pathlib

import pytest

DATA, KERAS = "FASTDL_SHARED_DATA", "FASTDL_KERAS_PYTHON"
if os.environ.get(DATA):
    os.environ[DATA] = os.path.abspath(os.environ[DATA])
# Children that tests start must find the installed package, not the sources in the folder where pytest was called.
os.chdir(pathlib.Path(__file__).parent)


def pytest_configure(config):
    config.addinivalue_line("markers", f"shared_data: needs real models and data in the folder that the variable {DATA} names")
    config.addinivalue_line("markers", f"needs_keras: runs Keras 3, installed here or in the Python that the variable {KERAS} names")
    config.addinivalue_line("markers", "needs(package, ...): needs packages that the tests do not require")


def reason_to_leave_out(item):
    if item.get_closest_marker("shared_data") and not os.environ.get(DATA):
        return f"{DATA} is not set"
    if item.get_closest_marker("needs_keras") and not os.environ.get(KERAS) and importlib.util.find_spec("keras") is None:
        return f"Keras 3 is not installed, and {KERAS} is not set"
    wanted = [p for m in item.iter_markers("needs") for p in m.args]
    missing = [p for p in wanted if importlib.util.find_spec(p) is None]
    return f"without {' and '.join(missing)}" if missing else None


def pytest_collection_modifyitems(config, items):
    left_out = {i: reason_to_leave_out(i) for i in items}
    left_out = {i: reason for i, reason in left_out.items() if reason}
    if left_out:
        config.left_out = [(reason, i.nodeid) for i, reason in left_out.items()]
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [i for i in items if i not in left_out]


def pytest_terminal_summary(terminalreporter, config):
    left_out = getattr(config, "left_out", [])
    for reason in sorted({r for r, _ in left_out}):
        names = [n.split("[")[0] for r, n in left_out if r == reason]
        terminalreporter.section(f"{len(names)} tests left out: {reason}")
        for name in dict.fromkeys(names):
            terminalreporter.line(name + (f" ({names.count(name)} cases)" if names.count(name) > 1 else ""))


@pytest.fixture
def shared_data():
    import pathlib
    return pathlib.Path(os.environ[DATA])
