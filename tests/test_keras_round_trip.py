"""Models go to Keras 3 and back: the same predictions, and the same training afterwards.

Files written by Keras lie in golden/saving. Where Keras is installed (or FASTDL_KERAS_PYTHON names a Python that has it),
it also opens ours; elsewhere the layout of ours is compared with the layout of Keras's own.
"""
import importlib.util
import io
import json
import os
import pathlib
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

import fastdl as keras
from fastdl import models

GOLDEN = pathlib.Path(__file__).parent / "golden" / "saving"
spec = importlib.util.spec_from_file_location("architectures", GOLDEN / "architectures.py")
A = importlib.util.module_from_spec(spec)
spec.loader.exec_module(A)
A.classes(keras)
CHILD = pathlib.Path(__file__).parent / "keras_child.py"
NAMES = A.every()


def close(got, want):
    """Predictions to 1e-5; losses and what two more steps made of the predictions to 1e-4, relative."""
    assert set(got) == set(want)
    for key in want:
        assert got[key].shape == want[key].shape, key
        scale = 1e-5 if key.startswith("p") else 1e-4 * max(np.abs(want[key]).max(), 1e-3)
        assert np.abs(got[key] - want[key]).max() <= scale, (key, np.abs(got[key] - want[key]).max(), scale)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras3")
    with zipfile.ZipFile(GOLDEN / "architectures.zip") as z:
        z.extractall(folder)
    return folder, np.load(folder / "answers.npz")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_keras_predicts_and_trains_on(name, bundle):
    folder, answers = bundle
    model = models.load_model(folder / f"{name}.keras")
    want = {k[len(name) + 1:]: answers[k] for k in answers.files if k.startswith(f"{name}.")}
    close(A.answers(model, *A.data(name, model)), want)


@pytest.mark.parametrize("name", list(A.ARCHITECTURES))
def test_a_file_of_keras_saved_again_is_the_same_model(name, bundle, tmp_path):
    model = models.load_model(bundle[0] / f"{name}.keras")
    x, y = A.data(name, model)
    for path in (tmp_path / "again.keras", tmp_path / "again.h5"):
        if path.suffix == ".h5" and name == "subclassed":
            continue
        model.save(path)
        back = models.load_model(path)
        assert all(np.array_equal(a, b) for a, b in zip(A._list(back.predict(x, verbose=0)), A._list(model.predict(x, verbose=0))))
        assert len(back.optimizer.variables) == len(model.optimizer.variables)
        assert all(np.array_equal(a, b) for a, b in zip(back.optimizer.get_weights(), model.optimizer.get_weights()))


def layout(path):
    """{path in the weights file: shape} and the config of a .keras file."""
    with zipfile.ZipFile(path) as z, h5py.File(io.BytesIO(z.read("model.weights.h5"))) as f:
        found = {}
        f.visititems(lambda name, o: found.update({name: o.shape}) if isinstance(o, h5py.Dataset) else None)
        return found, json.loads(z.read("config.json"))


@pytest.mark.parametrize("name", NAMES)
def test_the_layout_is_that_of_keras(name, bundle, tmp_path):
    """The same arrays at the same places, and random counters besides; the same classes with the same settings."""
    model, _, _ = A.trained(name, keras)
    model.save(tmp_path / "m.keras")
    (ours, config), (theirs, expected) = layout(tmp_path / "m.keras"), layout(bundle[0] / f"{name}.keras")
    assert {k: v for k, v in ours.items() if "seed_generator" not in k} == theirs
    a, b = entries(config), [e for e in entries(expected) if e[1] != "NotEqual"]        # how Keras notes mask_zero; it reads ours without
    assert [e[:2] for e in a] == [e[:2] for e in b]
    for (_, kind, known), (_, _, wanted) in zip(a, b):
        assert known - wanted <= {"activity_regularizer", "seed"}, kind                 # arguments that Keras takes and does not write
        assert wanted - known <= {"activity_regularizer", "quantization_config", "optional", "keepdims", "initial"}, kind    # at their defaults


def entries(x):
    """(module, class name, names of the settings) of every object of a config, sorted: the order of layers is another matter."""
    found = []

    def walk(x):
        if isinstance(x, dict):
            if isinstance(x.get("config"), dict) and not str(x.get("class_name")).startswith(("__", "DTypePolicy")):
                module = str(x.get("module"))
                module = "keras.optimizers" if ".backend.torch.optimizers" in module else module
                found.append((module, x["class_name"], frozenset(x["config"])))
            for v in x.values():
                walk(v)
        elif isinstance(x, list):
            for v in x:
                walk(v)

    walk(x)
    return sorted(found, key=lambda e: (e[0], e[1], sorted(e[2])))


# ---------------------------------------------------------------- with Keras itself
def with_keras(what, folder):
    python = os.environ.get("FASTDL_KERAS_PYTHON") or sys.executable
    run = subprocess.run([python, str(CHILD), what, str(folder)], capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads((folder / f"{what}_errors.json").read_text())


@pytest.fixture(scope="module")
def written_by_keras(tmp_path_factory):
    folder = tmp_path_factory.mktemp("by_keras")
    return folder, with_keras("write", folder)


@pytest.fixture(scope="module")
def read_by_keras(tmp_path_factory):
    folder = tmp_path_factory.mktemp("for_keras")
    for name in NAMES:
        model, x, y = A.trained(name, keras)
        model.save(folder / f"{name}.keras")
        if name in A.ARCHITECTURES:
            model.save_weights(folder / f"{name}.weights.h5")
        if name in A.ARCHITECTURES and name != "subclassed":
            model.save(folder / f"{name}.h5")
        np.savez(folder / f"{name}.npz", **A.answers(model, x, y))
    return folder, with_keras("read", folder)


@pytest.mark.needs_keras
def test_keras_opens_old_files_that_fastdl_saved_again(tmp_path):
    """The bridge: files of Keras 2, most of which Keras 3 cannot open, as Keras 3's own."""
    spec = importlib.util.spec_from_file_location("keras_2_by_hand", GOLDEN / "keras_2_by_hand.py")
    by_hand = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(by_hand)
    old = tmp_path / "old"
    old.mkdir()
    with zipfile.ZipFile(GOLDEN / "keras_2_15.zip") as z:
        z.extractall(old)
        answers = np.load(old / "answers.npz")
    cases = {name: ([x], answer["predicts"]) for name, (x, answer) in by_hand.write(old).items()}
    for name in {k.split(".")[0] for k in answers.files}:
        x, want = ([answers[k] for k in sorted(answers.files) if k.startswith(f"{name}.{part}")] for part in ("x", "before"))
        cases.update({f"{name}.{suffix}": (x, want[0]) for suffix in ("h5", "keras")})
    for name, (x, _) in cases.items():
        models.load_model(old / name).save(tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}.x.npz", *x)
    assert with_keras("predict", tmp_path) == {}
    for name, (_, want) in cases.items():
        with np.load(tmp_path / f"{name}.out.npz") as got:
            assert np.abs(got["arr_0"] - want).max() <= 1e-5, name


@pytest.mark.needs_keras
@pytest.mark.parametrize("name", NAMES)
def test_keras_writes_and_fastdl_goes_on(name, written_by_keras):
    folder, errors = written_by_keras
    assert name not in errors, errors[name]
    want = dict(np.load(folder / f"{name}.npz"))
    for suffix in (".keras", ".h5"):
        if (folder / f"{name}{suffix}").exists():
            model = models.load_model(folder / f"{name}{suffix}")
            close(A.answers(model, *A.data(name, model)), want)
    if (folder / f"{name}.weights.h5").exists():
        model = A.make(name, keras)
        x, _ = A.data(name, model)
        model.load_weights(folder / f"{name}.weights.h5")
        assert np.abs(A._list(model.predict(x, verbose=0))[0] - want["p0"]).max() <= 1e-5


@pytest.mark.needs_keras
@pytest.mark.parametrize("name", NAMES)
def test_fastdl_writes_and_keras_goes_on(name, read_by_keras):
    folder, errors = read_by_keras
    assert name not in errors, errors[name]
    want, got = dict(np.load(folder / f"{name}.npz")), dict(np.load(folder / f"{name}.out.npz"))
    for key in [k for k in got if k.startswith("from_")]:
        assert np.abs(got.pop(key) - want["p0"]).max() <= 1e-5, key
    close(got, want)
