"""Writes golden_datasets.json: what Keras's loaders return from small made-up files in the canonical formats. Run it where Keras is:

    KERAS_BACKEND=torch python tests/golden/make_golden_datasets.py
"""
import gzip
import hashlib
import io
import json
import pathlib
import struct
import tarfile

import numpy as np


def ragged(r, n):
    rows = np.empty(n, object)
    rows[:] = [r.randint(1, 40, r.randint(1, 12)).tolist() for _ in range(n)]
    return rows


def pickled(v):
    """Protocol 2 as Python 2 wrote it, with byte strings: the CIFAR files are such."""
    if isinstance(v, bytes):
        return (b"U" + bytes([len(v)]) if len(v) < 256 else b"T" + struct.pack("<i", len(v))) + v
    if isinstance(v, int):
        return b"K" + bytes([v])
    if isinstance(v, list):
        return b"](" + b"".join(map(pickled, v)) + b"e"
    if isinstance(v, dict):
        return b"}(" + b"".join(pickled(k) + pickled(x) for k, x in v.items()) + b"u"
    return (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01(K" + bytes([v.shape[0]]) + b"M"
            + struct.pack("<H", v.shape[1]) + b"tcnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN"
            + b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
            + pickled(v.tobytes()) + b"tb")


def plant(folder):
    """The files of a cache folder."""
    r, folder = np.random.RandomState(0), pathlib.Path(folder)
    pixels = lambda *shape: r.randint(0, 256, shape).astype("uint8")
    (folder / "fashion-mnist").mkdir(parents=True)
    np.savez(folder / "mnist.npz", x_train=pixels(6, 28, 28), y_train=pixels(6), x_test=pixels(3, 28, 28), y_test=pixels(3))
    np.savez(folder / "imdb.npz", x_train=ragged(r, 25), y_train=r.randint(0, 2, 25), x_test=ragged(r, 20), y_test=r.randint(0, 2, 20))
    np.savez(folder / "reuters.npz", x=ragged(r, 50), y=r.randint(0, 46, 50))
    np.savez(folder / "boston_housing.npz", x=r.rand(50, 13), y=r.rand(50))
    np.savez(folder / "california_housing.npz", x=r.rand(700, 8).astype("float32"), y=r.rand(700).astype("float32"))
    for part, n in (("train", 5), ("t10k", 3)):
        (folder / f"fashion-mnist/{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(16) + pixels(n, 784).tobytes()))
        (folder / f"fashion-mnist/{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(8) + pixels(n).tobytes()))
    with tarfile.open(folder / "cifar-100-python-target_archive", "w:gz") as tar:
        top = tarfile.TarInfo("cifar-100-python")
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(top)
        for name, n in (("train", 9), ("test", 4)):
            batch = {b"filenames": [b"a.png"], b"fine_labels": r.randint(0, 100, n).tolist(),
                     b"coarse_labels": r.randint(0, 20, n).tolist(),
                     b"data": pixels(n, 3072)}
            data, entry = b"\x80\x02" + pickled(batch) + b".", tarfile.TarInfo("cifar-100-python/" + name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def told(v):
    if isinstance(v, tuple):
        return [told(x) for x in v]
    if v.dtype == object:
        return [list(map(int, row)) for row in v]
    return [list(v.shape), str(v.dtype), hashlib.md5(np.ascontiguousarray(v).tobytes()).hexdigest()]


def found(datasets):
    made = {name: told(getattr(datasets, name).load_data()) for name in ("mnist", "fashion_mnist", "boston_housing")}
    made["coarse"], made["fine"] = (told(datasets.cifar100.load_data(label_mode=m)) for m in ("coarse", "fine"))
    for version in ("small", "large"):
        made[version] = told(datasets.california_housing.load_data(version=version, test_split=0.3, seed=4))
    for n in range(30):
        r = np.random.RandomState(n)
        pick = lambda *choices: choices[r.randint(len(choices))]
        settings = dict(num_words=pick(None, 10, 35), skip_top=pick(0, 3), maxlen=pick(None, 9), seed=pick(113, 4),
                        start_char=pick(1, None, 7), oov_char=pick(2, None, 9), index_from=pick(3, 0, 5))
        made[f"imdb {n}"] = told(datasets.imdb.load_data(**settings))
        made[f"reuters {n}"] = told(datasets.reuters.load_data(**settings, test_split=pick(0.2, 0.5)))
    return json.loads(json.dumps(made))


if __name__ == "__main__":
    import os
    import tempfile

    with tempfile.TemporaryDirectory() as home:
        os.environ["KERAS_HOME"] = home
        import keras
        from keras.src.utils import file_utils

        file_utils.validate_file = lambda *args, **kwargs: True
        plant(home + "/datasets")
        text = json.dumps(found(keras.datasets), separators=(",", ":"))
    pathlib.Path(__file__).with_name("golden_datasets.json").write_text(text)
