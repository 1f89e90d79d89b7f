"""Fuzzing of everything that reads a model's files: any bytes end in a model or in FileError, within 10 seconds and 1 GiB.

    python fuzz_files.py --minutes 10              random bytes decide what is changed in a good file
    python fuzz_files.py --minutes 10 --atheris    coverage decides (needs the package atheris)
"""
import argparse
import io
import json
import os
import pathlib
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile

GOLDEN = pathlib.Path(__file__).parent / "golden" / "saving"
if "--atheris" in sys.argv:
    import atheris
    with atheris.instrument_imports(include=["fastdl.saving", "fastdl.models"]):
        import fastdl.models
        import fastdl.saving.hdf5
        import fastdl.saving.keras_file
import fastdl as keras
from fastdl.errors import FileError
from fastdl.saving import checkpoint

JUNK = (None, True, False, 0, 1, -1, 2, 3, 7, 255, 2 ** 31, -2 ** 31, 2 ** 63, 2 ** 70, 10 ** 12, 0.5, -0.5, 1e308, float("nan"), float("inf"), "", "a", "../x",
        "/etc/passwd", "x" * 300, "\x00", "relu", "linear", "float32", "float64", "string", "valid", "same", "keras", "keras.layers", "builtins", "os", [], {}, [[]],
        [None], [None, 4], [-1, 4], [10 ** 9, 10 ** 9], {"class_name": "Dense", "config": {}}, {"class_name": "function", "config": "relu"},
        {"class_name": "__tensor__", "config": {"value": [1, 2], "dtype": "float32"}}, {"class_name": "__lambda__", "config": {}},
        {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32", "keras_history": ["d", 0, 0]}})
KEYS = ("class_name", "config", "module", "registered_name", "name", "units", "layers", "inbound_nodes", "dtype", "build_config", "compile_config",
        "shared_object_id", "args", "kwargs", "filters", "axis", "activation", "layer", "cell", "trainable", "optimizer", "input_shape", "batch_shape")


class Draws:
    """Decisions read off bytes, so that whoever makes the bytes (chance, hypothesis, coverage) steers."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def below(self, n):
        got = int.from_bytes(self.data[self.at:self.at + 3], "little")
        self.at += 3
        return got % n if n > 0 else 0

    def of(self, things):
        return things[self.below(len(things))]

    def done(self):
        return self.at >= len(self.data)


def nodes(x, found=None):
    """Every (container, key) of a JSON value."""
    found = [] if found is None else found
    for key in x if isinstance(x, dict) else range(len(x)) if isinstance(x, list) else ():
        found.append((x, key))
        nodes(x[key], found)
    return found


def change_json(config, d):
    config = json.loads(json.dumps(config))
    for _ in range(1 + d.below(4)):
        places = nodes(config)
        if not places:
            return d.of(JUNK)
        container, key = d.of(places)
        what = d.below(8)
        if what == 0:
            del container[key]
        elif what == 1 and isinstance(container, list):
            container.insert(d.below(len(container) + 1), json.loads(json.dumps(container[key])))
        elif what == 2 and isinstance(container, dict):
            container[d.of(KEYS)] = json.loads(json.dumps(container[key]))
        elif what == 3:
            other, k = d.of(places)
            if k in (other if isinstance(other, dict) else range(len(other))):
                container[key] = json.loads(json.dumps(other[k]))
        elif what == 4 and isinstance(container, dict) and "class_name" in container:
            container["class_name"] = d.of(CLASSES)
        elif what == 5 and isinstance(container[key], (int, float)) and not isinstance(container[key], bool):
            container[key] = d.of((container[key] + 1, -container[key], container[key] * 1000, d.below(1 << 24), float(container[key])))
        else:
            container[key] = d.of(JUNK)
    return config


def change_bytes(data, d):
    data = bytearray(data)
    for _ in range(1 + d.below(6)):
        at, what = d.below(max(1, len(data))), d.below(7)
        if what == 0:
            data[at:at + 1] = bytes([d.below(256)])
        elif what == 1:
            data[at:at + 8] = d.of((0, 1, 8, 96, len(data), len(data) - 8, 2 ** 32, 2 ** 63, 2 ** 64 - 1, at, d.below(len(data) + 1))).to_bytes(8, "little")
        elif what == 2:
            del data[at:at + 1 + d.below(64)]
        elif what == 3:
            data[at:at] = data[at:at + d.below(64)]
        elif what == 4:
            source = d.below(max(1, len(data)))
            data[at:at + 16] = data[source:source + 16]
        elif what == 5 and d.below(4) == 0:
            del data[at:]
        elif data:
            data[min(at, len(data) - 1)] ^= 1 << d.below(8)
    return bytes(data)


def seeds():
    """Good files: [(config, HDF5 bytes)] of .keras, whole .h5 files, a snapshot."""
    archives, old = [], []
    with zipfile.ZipFile(GOLDEN / "architectures.zip") as z:
        for name in ("dense", "words", "branches", "operations", "nested", "frozen", "cells", "image", "attention", "with_exponential"):
            with zipfile.ZipFile(io.BytesIO(z.read(f"{name}.keras"))) as inner:
                archives.append((json.loads(inner.read("config.json")), inner.read("model.weights.h5")))
    old = [p.read_bytes() for p in sorted(GOLDEN.glob("*.h5"))]
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("adam", "mse")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        checkpoint.write_snapshot(path, {"epoch": 1, "training": {"w": model.get_weights()}, "callbacks": [["History", {"history": {"loss": [1.0]}}]]})
        return archives, old, pathlib.Path(path).read_bytes()


ARCHIVES, OLD, SNAPSHOT = seeds()
CLASSES = ["Dense", "function", "Lambda", "Functional", "Sequential", "Model", "Bidirectional", "TimeDistributed", "RNN", "StackedRNNCells", "GetItem", "Reshape",
           "type", "__numpy__", "__slice__", "ExponentialDecay", "Adam", *sorted(vars(keras.layers))[:200:2]]
TARGETS = ("config", "weights", "archive", "legacy", "legacy_config", "json", "object", "part", "own_weights", "snapshot")


def zipped(config, weights):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as z:
        z.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        z.writestr("config.json", config if isinstance(config, (str, bytes)) else json.dumps(config))
        z.writestr("model.weights.h5", weights)
    return made.getvalue()


def attempt(data, folder):
    """One input: what to change is read off `data`. "loaded" or "refused"; any other exception escapes."""
    d = Draws(data)
    target, (config, weights) = d.of(TARGETS), d.of(ARCHIVES)
    path = os.path.join(folder, "input")

    def written(content):
        with open(path, "wb") as f:
            f.write(content)
        return path

    try:
        if target == "config":
            keras.models.load_model(written(zipped(change_json(config, d), weights)))
        elif target == "weights":
            keras.models.load_model(written(zipped(config, change_bytes(weights, d))))
        elif target == "archive":
            keras.models.load_model(written(change_bytes(zipped(config, weights), d)))
        elif target == "legacy":
            keras.models.load_model(written(change_bytes(d.of(OLD), d)))
        elif target == "legacy_config":                     # the text keeps its length, so that only its meaning changes
            old = d.of([o for o in OLD if b'"class_name"' in o])
            start = old.rindex(b"{", 0, old.index(b'"class_name"'))
            end = old.index(b"\0", start)
            text = change_bytes(old[start:end], d)[:end - start]
            keras.models.load_model(written(old[:start] + text.ljust(end - start) + old[end:]))
        elif target == "json":
            keras.models.model_from_json(d.of((json.dumps(change_json(config, d)), change_bytes(json.dumps(config).encode(), d).decode("latin-1"))))
        elif target == "object":
            keras.saving.deserialize_keras_object(change_json(config, d))
        elif target == "part":
            container, key = d.of([p for p in nodes(config) if isinstance(p[0][p[1]], dict) and "class_name" in p[0][p[1]]])
            keras.saving.deserialize_keras_object(change_json(container[key], d))
        elif target == "own_weights":
            model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(6), keras.layers.Dense(3)])
            model.load_weights(written(change_bytes(ARCHIVES[0][1], d)))
        else:
            checkpoint.read_snapshot(written(change_bytes(SNAPSHOT, d)))
        return "loaded"
    except FileError:
        return "refused"


class TooSlow(BaseException):
    """An input took more than 10 seconds."""


def limited(megabytes=1024):
    """From here on the process may take so much more memory, and an input so much time."""
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (megabytes << 20),) * 2)

    def late(*_):
        raise TooSlow

    signal.signal(signal.SIGALRM, late)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments.add_argument("--atheris", action="store_true")
    arguments.add_argument("--one", help="hexadecimal bytes of one input, to see its error")
    given = arguments.parse_args()
    warnings.simplefilter("ignore")
    folder = tempfile.mkdtemp()
    if given.one:
        print(attempt(bytes.fromhex(given.one), folder))
        return
    counts, found, end = {"loaded": 0, "refused": 0}, {}, time.time() + 60 * given.minutes
    if not given.atheris:
        limited()

    def report():
        print(f"{sum(counts.values()) + sum(found.values())} inputs: {counts}; {len(found)} findings: {found}", flush=True)

    def one(data):
        if not given.atheris:
            signal.alarm(10)
        try:
            counts[attempt(data, folder)] += 1
        except (Exception, TooSlow) as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            key = f"{type(error).__name__} at {where.filename}:{where.lineno}"
            if key not in found:
                print(f"FOUND {key}: {error!s:.200}\n      --one {data.hex()}", flush=True)
            found[key] = found.get(key, 0) + 1
        finally:
            if not given.atheris:
                signal.alarm(0)
            elif (sum(counts.values()) + sum(found.values())) % 1000 == 0:       # libFuzzer ends without a last word
                report()

    if given.atheris:
        atheris.Setup([sys.argv[0], f"-max_total_time={int(60 * given.minutes)}", "-max_len=120", "-rss_limit_mb=4096", "-timeout=10", "-verbosity=0",
                       f"-seed={given.seed % 2 ** 31}"], one)
        atheris.Fuzz()
        return
    import random
    draw = random.Random(given.seed)
    while time.time() < end:
        one(draw.randbytes(draw.choice((12, 24, 48, 96))))
    report()


if __name__ == "__main__":
    main()
