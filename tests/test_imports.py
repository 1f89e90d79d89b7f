"""The house's arrows: who may import whom, what `import fastdl` loads, and where the security rules hold."""
import ast
import pathlib
import os
import subprocess
import sys

import pytest

import fastdl

ROOT = pathlib.Path(fastdl.__file__).parent
# From the ground up; a module imports its own floor and those below. Imports inside functions may reach one floor up
# (a layer looks up an initializer by name when it is made), never from core or primitives to Keras's surface.
FLOORS = [{"config", "errors", "compat"}, {"core"}, {"primitives"}, {"ops"}, {"activations", "initializers", "regularizers", "constraints", "random"},
          {"saving"}, {"layers"}, {"losses", "metrics", "optimizers", "callbacks", "utils", "backend",
          "dtype_policies", "mixed_precision", "tree"}, {"training"}, {"models"},
          {"applications", "datasets", "preprocessing", "validation", "wrappers", "__main__", "export"}]
FLOOR = {name: k for k, names in enumerate(FLOORS) for name in names}
FREE = {"__init__", "utils"}                     # the lazy name table; small helpers without imports of their own


def modules():
    return [p for p in sorted(ROOT.rglob("*.py"))]


def unit(path):
    part = path.relative_to(ROOT).parts[0]
    return part[:-3] if part.endswith(".py") else part


def imported(node, path):
    """The fastdl units that an import statement names."""
    if isinstance(node, ast.Import):
        return [n.name.split(".")[1] for n in node.names if n.name.startswith("fastdl.")]
    if isinstance(node, ast.ImportFrom):
        if node.level:
            base = path.relative_to(ROOT.parent).parts[:-node.level]
            full = ".".join(base + tuple((node.module or "").split(".") if node.module else ()))
        else:
            full = node.module or ""
        if full == "fastdl":
            return [n.name for n in node.names]
        if full.startswith("fastdl."):
            return [full.split(".")[1]]
    return []


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downwards(path):
    here = unit(path)
    if here in FREE:
        assert here in FREE
        return
    for node in ast.parse(path.read_text()).body:          # what a module needs to be loaded
        for name in imported(node, path):
            if name in FLOOR and name not in FREE:
                assert FLOOR[name] <= FLOOR[here], f"{path.name} imports {name}, which stands above it"
    if here in ("core", "primitives"):
        for node in ast.walk(ast.parse(path.read_text())):
            for name in imported(node, path):
                assert FLOOR.get(name, 0) <= FLOOR["ops"], f"{path.name} reaches up to {name}"


def test_core_can_be_read_in_one_sitting():
    lines = sum(len(p.read_text().splitlines()) for p in (ROOT / "core").iterdir() if p.suffix in (".py", ".pyx"))
    assert lines < 2000


def test_files_from_outside_run_no_code():
    for path in (ROOT / "saving").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [n.name for n in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "marshal", "importlib", "dill"} & {part for n in names for part in n.split(".")}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__")


def run(code):
    return subprocess.run([sys.executable, "-c", code], cwd=os.path.dirname(__file__), capture_output=True, text=True, check=True).stdout


def test_import_loads_numpy_and_the_native_door_alone_and_prints_nothing():
    out = run("import sys, numpy; before = set(sys.modules); import fastdl; new = set(sys.modules) - before; "
              "print(sorted(m for m in new if m.split('.')[0] not in sys.stdlib_module_names))")
    mine = {m for m in ast.literal_eval(out) if "cython" not in m}
    assert mine == {"fastdl", "fastdl.compat", "fastdl.config", "fastdl.core", "fastdl.core.native"}
    assert run("import fastdl") == ""


def test_a_misspelt_module_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match='Did you mean "layers"'):
        fastdl.layer_s
