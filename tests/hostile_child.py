"""Run by test_security.py in a process of its own: loads every file of the corpus and writes down what came of it."""
import json
import os
import pathlib
import resource
import sys
import warnings

import numpy as np

import fastdl as keras
from fastdl import layers as L
from fastdl.errors import FileError

warnings.simplefilter("ignore")
folder = pathlib.Path(sys.argv[1])
files = sorted([*(folder / "corpus").iterdir()])
fuzzed = sorted((folder / "fuzz").iterdir())
texts = json.loads((folder / "texts.json").read_text())
own = pathlib.Path(keras.__file__).parent
events, watching, strict = [], False, False
FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.putenv", "marshal.", "pickle.", "ctypes.dlopen",
             "shutil.", "os.remove", "os.rename", "os.mkdir", "os.symlink", "os.link", "urllib.", "ftplib.", "webbrowser.")


def hook(event, args):
    if not watching:
        return
    if event.startswith(FORBIDDEN):
        if event == "marshal.loads" and not strict:         # the cache of a module that is imported for the first time
            return
        events.append([event, repr(args)[:200]])
    elif event == "open" and isinstance(args[0], (str, bytes)):
        path = os.fsdecode(args[0])
        if not path.startswith((str(folder / "corpus"), str(folder / "fuzz"))) and (strict or path.startswith(str(folder))):
            events.append([event, path])
    elif event in ("import", "exec", "compile") and strict:
        events.append([event, repr(args)[:200]])


def attempt(load):
    try:
        load()
        return "loaded"
    except FileError as error:
        return f"FileError {error}"[:2000]
    except BaseException as error:
        return f"{type(error).__name__} {error}"[:600]


def weights_of(path):
    model = keras.Sequential([L.Input((4,)), L.Dense(4, name="d")])
    model.load_weights(str(path))
    if any((w == 42).any() for w in model.get_weights()):
        raise AssertionError("it read another file")


def parts(config):
    """The other doors for a config: from_config of the classes, layers.deserialize, saving.deserialize_keras_object."""
    inner = config.get("config") if isinstance(config, dict) else config
    kind = keras.Sequential if isinstance(config, dict) and config.get("class_name") == "Sequential" else keras.models.Functional
    yield "from_config", lambda: kind.from_config(inner)
    if isinstance(config, dict):
        yield "deserialize", lambda: L.deserialize(config)


def everything():
    results = {}
    for path in files:
        results[f"{path.name} load_model"] = attempt(lambda: keras.models.load_model(str(path)))
        if path.name.startswith("hdf5_"):
            results[f"{path.name} trusted"] = attempt(lambda: keras.models.load_model(str(path), trusted=True))
        if path.name.startswith(("hdf5_", "attribute_")) or path.suffix != ".h5" and path.name in BROKEN:
            results[f"{path.name} load_weights"] = attempt(lambda: weights_of(path))
    for t in texts:
        results[f"{t['name']} model_from_json"] = attempt(lambda: keras.models.model_from_json(t["text"]))
        if not t["name"].startswith("json_text") and not t["name"].startswith("json_type"):
            for door, load in parts(json.loads(t["text"])):
                results[f"{t['name']} {door}"] = attempt(load)
    return results


BROKEN = {f"{n}.keras" for n in ("bomb_weights", "many", "lzma", "no_weights", "no_hdf5", "name_twice", "prepended", "nothing", "garbage", "cut", "only_magic",
                                 "only_hdf5_magic", "encrypted", "size_lie", "offset_lie", "packed_lie", "method_lie", "overlap")}
model = keras.Sequential([L.Input((4,)), L.Dense(4)])       # everything that loading imports is imported before the hook watches
for name in ("warm.keras", "warm.h5"):
    model.save(folder / name)
    keras.models.load_model(folder / name, trusted=True)
    keras.models.load_model(folder / name).predict(np.zeros((1, 4), "float32"), verbose=0)
attempt(lambda: keras.models.load_model(folder / "nowhere.keras"))
sys.addaudithook(hook)
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 30),) * 2)
watching = True
results = everything()
strict = True                                               # once more: by now not even an import is left to do
again = everything()
fuzz_results = {p.name: attempt(lambda: keras.models.load_model(str(p))) for p in fuzzed}
watching = False
for key, value in again.items():
    if value.split(" ")[0] != results[key].split(" ")[0]:
        results[key] = f"differs the second time: {value}"
(folder / "outcome.json").write_text(json.dumps({"results": results, "fuzzed": fuzz_results, "events": events}))
