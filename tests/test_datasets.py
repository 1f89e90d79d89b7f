"""Data sets from a cache made here: hashes, restricted reading, offline, and the messages; no network."""
import hashlib
import http.server
import importlib.util
import io
import json
import os
import pathlib
import pickle
import tarfile
import threading

import numpy as np
import pytest

from fastdl.datasets import cache, cifar10, imdb, mnist, reuters
from fastdl.errors import FileError
from fastdl.utils import file_utils


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("FASTDL_OFFLINE", "1")
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def ragged(rows):
    return cache.ragged(rows)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_lists_are_read(protocol):
    rows = [[1, 255, 256, 70000, -3], [], list(range(3000))]
    assert cache.read_pickle(pickle.dumps(rows, protocol)) == rows
    assert cache.read_pickle(pickle.dumps(ragged(rows), protocol)).tolist() == rows
    if protocol < 5:
        batch = cache.read_pickle(pickle.dumps({b"data": np.arange(6, dtype="uint8"), b"labels": [1, 2]}, protocol))
        assert batch[b"labels"] == [1, 2] and batch[b"data"].tolist() == [0, 1, 2, 3, 4, 5]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("made-by-a-pickle",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_pickles_run_nothing(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps([Evil()], protocol)
    with pytest.raises(FileError, match="nothing of it was run"):
        cache.read_pickle(data)
    assert not os.listdir(tmp_path)


def test_damaged_pickles_are_refused():
    good = pickle.dumps(ragged([[1, 2, 300], [4]]), 2)
    for k in range(len(good)):
        with pytest.raises(FileError):
            cache.read_pickle(good[:k])


def test_imdb_from_the_cache(home, monkeypatch):
    rows = [[1, 2, 3, 9], [4, 5], [6], [7, 8, 9]]
    arrays = {"x_train": ragged(rows), "y_train": np.arange(4), "x_test": ragged(rows[:2]), "y_test": np.arange(2)}
    np.savez(home / "imdb.npz", **arrays)
    monkeypatch.setattr(file_utils, "validate_file", lambda *a: True)
    (x, y), (xt, _) = imdb.load_data(num_words=8)
    order = np.arange(4)
    np.random.RandomState(113).shuffle(order)
    assert y.tolist() == order.tolist() and len(xt) == 2
    assert x.tolist() == [[1] + [w + 3 if w + 3 < 8 else 2 for w in rows[k]] for k in order]
    for module in (imdb, reuters):
        (home / f"{module.__name__.split('.')[-1]}_word_index.json").write_text('{"the": 1, "film": 2}')
        assert module.get_word_index() == {"the": 1, "film": 2}


def test_as_keras_loads_the_same_files(tmp_path, monkeypatch):
    """Files in the canonical formats (golden/make_golden_datasets.py): the same rows, order, shapes and dtypes."""
    from fastdl import datasets

    folder = pathlib.Path(__file__).with_name("golden")
    spec = importlib.util.spec_from_file_location("golden_datasets", folder / "make_golden_datasets.py")
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("FASTDL_OFFLINE", "1")
    cases.plant(tmp_path / "datasets")
    monkeypatch.setattr(file_utils, "validate_file", lambda *a: True)
    came, want = cases.found(datasets), json.loads((folder / "golden_datasets.json").read_text())
    assert list(came) == list(want)
    for key in want:
        assert came[key] == want[key], key
    assert datasets.cifar100.load_data()[0][0].flags.writeable


def test_cifar_from_the_archive(home, monkeypatch):
    with tarfile.open(home / "cifar-10-batches-py-target_archive", "w:gz") as tar:
        for k, name in enumerate([f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]):
            data = pickle.dumps({b"data": np.full((2, 3072), k, "uint8"), b"labels": [k, k]}, 2)
            info = tarfile.TarInfo("cifar-10-batches-py/" + name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    monkeypatch.setattr(file_utils, "validate_file", lambda *a: True)
    (x, y), (xt, _) = cifar10.load_data()
    assert x.shape == (10, 32, 32, 3) and y.shape == (10, 1) and y.dtype == "uint8" and (xt == 5).all()


def test_offline_says_which_file_goes_where(home):
    with pytest.raises(FileNotFoundError, match="FASTDL_OFFLINE") as caught:
        mnist.load_data()
    assert str(home / "mnist.npz") in str(caught.value) and "storage.googleapis.com" in str(caught.value)


def test_a_wrong_file_is_never_used(home):
    (home / "mnist.npz").write_bytes(b"not the digits")
    with pytest.raises(FileNotFoundError):
        mnist.load_data()
    np.savez(home / "bad.npz", x=np.arange(3))
    (home / "bad.npz").write_bytes((home / "bad.npz").read_bytes()[:-9])
    with pytest.raises(FileError, match="bad.npz"):
        cache.read_npz(home / "bad.npz")


def test_download_from_a_local_server(tmp_path, monkeypatch):
    monkeypatch.delenv("FASTDL_OFFLINE", raising=False)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a.txt").write_bytes(b"hello")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "site"))

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        origin = f"http://127.0.0.1:{server.server_port}/a.txt"
        digest = hashlib.sha256(b"hello").hexdigest()
        path = file_utils.get_file("a.txt", origin, file_hash=digest, cache_dir=str(tmp_path))
        assert file_utils.validate_file(path, digest) and file_utils.validate_file(path, hashlib.md5(b"hello").hexdigest())
        with pytest.raises(OSError, match="another hash"):
            file_utils.get_file("b.txt", origin, file_hash="0" * 64, cache_dir=str(tmp_path))
        assert not (tmp_path / "datasets" / "b.txt").exists()
    finally:
        server.shutdown()
        server.server_close()


def test_archives_stay_inside(tmp_path):
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("../out.txt"))
    with pytest.raises(FileError, match="outside"):
        file_utils.extract_archive(tmp_path / "evil.tar", tmp_path / "in")
    assert not (tmp_path / "out.txt").exists()
