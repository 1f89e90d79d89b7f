"""Models as files: .keras (a ZIP of two JSON texts and an HDF5 file), *.weights.h5, legacy .h5, and configs as JSON.

What a file may do here is be read: sizes are proved before memory is taken, names are looked up in closed tables,
and whatever is wrong with its bytes ends in one exception, fastdl.errors.FileError.
"""
import contextlib
import datetime
import io
import json
import os
import stat
import struct
import zipfile

import numpy as np

from fastdl.config import env
from fastdl.errors import FileError, bad_argument
from fastdl.saving import flat, legacy_h5, serialization, weights_h5
from fastdl.saving.checkpoint import replacing, replacing_folder

KERAS_VERSION = "3.15.1"                                    # whose formats are written
ZIP_MAGIC, HDF5_MAGIC = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
CONFIG_LIMIT, SLACK, MEMBERS = 64 << 20, 64 << 20, 10_000
TEXT_WEIGHTS = 4 << 30                                      # bytes of weights that a config without a file may ask for


@contextlib.contextmanager
def only_file_errors(what):
    """Whatever goes wrong with a file's content is a FileError that names the file."""
    try:
        yield
    except FileError as error:
        if str(what) in str(error):
            raise
        raise FileError(f"{what}: {error}") from error
    except (ImportError, FileNotFoundError):
        raise
    except Exception as error:
        raise FileError(f"{what} could not be read: {type(error).__name__}: {str(error)[:500]}") from error


# ---------------------------------------------------------------- memory
class Budget:
    """How many bytes of weights may be made while a file is read; layers ask it before they make one."""

    def __init__(self, limit, what):
        self.left = self.limit = limit
        self.what = what

    def take(self, shape, dtype):
        n = np.dtype(dtype).itemsize
        for s in shape:
            n *= int(s)
        self.left -= n
        if n < 0 or self.left < 0:
            raise FileError(f"{self.what} describes weights of more than {self.limit >> 20} MiB (one of shape {tuple(shape)}), far more "
                            "than it holds. Fix: if you trust it, pass allow_large=True.")

    def __enter__(self):
        from fastdl.layers.scopes import _stack
        _stack("budgets").append(self)
        return self

    def __exit__(self, *_):
        from fastdl.layers.scopes import _stack
        _stack("budgets").remove(self)


def _budget(size, what, allow_large):
    return contextlib.nullcontext() if allow_large else Budget(size * 4 + SLACK, what)


# ---------------------------------------------------------------- JSON
def parse_json(text, what):
    """JSON as Python objects; a key that comes twice, or text that no file can hold, is refused."""
    def pairs(items):
        made = dict(items)
        if len(made) != len(items):
            raise FileError(f"{what} has a key twice: {[k for k, _ in items][:10]}")
        return made

    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FileError(f"{what} is no UTF-8 text: {error}") from None
    if not isinstance(text, str):
        raise FileError(f"{what} must be JSON text, got {type(text).__name__}")
    if len(text) > CONFIG_LIMIT:
        raise FileError(f"{what} is longer than 64 MiB")
    try:
        made = json.loads(text, object_pairs_hook=pairs)
        if "\\ud" in text or "\\uD" in text:                # lone surrogates would break whoever prints or writes them
            json.dumps(made, ensure_ascii=False).encode("utf-8")
        return made
    except FileError:
        raise
    except (ValueError, RecursionError) as error:
        raise FileError(f"{what} is no JSON that can be read: {str(error)[:200]}") from None


# ---------------------------------------------------------------- ZIP
def read_archive(path, size):
    """(members by name, assets by name) of a .keras file, nothing written to the disk."""
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as z:
                return _members(z, file, size)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, struct.error, OSError, RuntimeError, ValueError,
                KeyError, OverflowError, MemoryError) as error:
            if isinstance(error, FileError):
                raise
            raise FileError(f"{path} is no ZIP archive that can be read: {str(error)[:200]}") from None
        except Exception as error:                          # zlib.error and whatever other decompressors raise
            raise FileError(f"{path} is no ZIP archive that can be read: {error!r:.200}") from None


def _members(z, file, size):
    infos = z.infolist()
    if len(infos) > MEMBERS:
        raise FileError(f"the archive has {len(infos)} members; a model has at most {MEMBERS}")
    if len({i.filename for i in infos}) != len(infos):
        raise FileError("the archive holds a name twice")
    end = 0
    for i in sorted(infos, key=lambda i: i.header_offset):
        if i.header_offset < end or (not end and i.header_offset):
            raise FileError(f"the archive's members overlap, or something stands before them: {i.filename!r:.80}")
        file.seek(i.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
        end = i.header_offset + 30 + name + extra + i.compress_size
        if end > size:
            raise FileError(f"{i.filename!r:.80} claims more bytes than the file has")
        if i.flag_bits & 1:
            raise FileError(f"{i.filename!r:.80} is encrypted")
        if i.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FileError(f"{i.filename!r:.80} is packed by a method that fastdl does not read; known: stored, deflated")
    left, found, assets = size * 4 + SLACK, {}, {}
    for i in infos:
        asset = i.filename.startswith("assets/")
        if i.filename not in (CONFIG, METADATA, WEIGHTS) and not asset or i.filename.endswith("/"):
            continue
        limit = left if i.filename == WEIGHTS or asset else min(left, CONFIG_LIMIT)
        if i.file_size > limit:
            raise FileError(f"{i.filename!r:.80} would unpack to {i.file_size} bytes, far more than the file holds")
        with z.open(i) as member:
            data = member.read(i.file_size + 1)
        if len(data) != i.file_size:
            raise FileError(f"{i.filename!r:.80} has another length than the archive says")
        left -= len(data)
        (assets if asset else found)[i.filename[7:] if asset else i.filename] = data
    return found, assets


def _read_folder(path):
    """An unzipped .keras, (members by name, assets by name): regular files by their own names, no links."""
    found, assets = {}, {}
    for folder, inner, names in os.walk(path):
        inner[:] = [n for n in inner if not os.path.islink(os.path.join(folder, n))]
        for file in names:
            name = os.path.relpath(os.path.join(folder, file), path).replace(os.sep, "/")
            asset = name.startswith("assets/")
            if (asset or name in (CONFIG, METADATA, WEIGHTS)) and _is_plain(os.path.join(folder, file)):
                if len(found) + len(assets) >= MEMBERS:
                    raise FileError(f"the folder holds more than {MEMBERS} files")
                with open(os.path.join(folder, file), "rb") as f:
                    (assets if asset else found)[name[7:] if asset else name] = f.read()
    return found, assets


def _is_plain(path):
    return stat.S_ISREG(os.lstat(path).st_mode)


# ---------------------------------------------------------------- paths
def _path(filepath, suffixes, verb):
    path = os.fspath(filepath)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if suffixes and not path.lower().endswith(suffixes):
        raise bad_argument("filepath", repr(path), f"a name that ends in {' or '.join(suffixes)}", f"{verb}({path + suffixes[0]!r})")
    return path


def _existing(filepath):
    path = _path(filepath, (), "")
    if not os.path.exists(path):
        from fastdl.errors import did_you_mean
        folder = os.path.dirname(path) or "."
        near = os.listdir(folder) if os.path.isdir(folder) else []
        raise FileError(f"There is no file {path!r}.{did_you_mean(os.path.basename(path), near)}")
    return path


def _free(path, overwrite):
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path!r} is there already. Fix: pass overwrite=True, or another name.")


def _magic(path):
    with open(path, "rb") as f:
        return f.read(8)


# ---------------------------------------------------------------- saving
def model_config(model, include_optimizer=True):
    with serialization.ObjectSharingScope():
        config = serialization.serialize_keras_object(model)
    if not include_optimizer:
        config.pop("compile_config", None)
    return config


def save_model(model, filepath, overwrite=True, zipped=None, include_optimizer=True, save_format=None, **legacy):
    """Write architecture, weights and, where the model is compiled, its optimizer's state: one .keras file.

    A name that ends in .h5 or .hdf5 gives Keras's older format. The file appears whole, or not at all.

    >>> model.save("model.keras")  # doctest: +SKIP
    """
    for key in legacy:
        if key not in ("signatures", "options", "save_traces", "save_optimizer"):
            raise TypeError(f"save() has no argument {key!r}. It takes filepath, overwrite and include_optimizer.")
    if save_format == "tf":
        raise ValueError('save_format="tf" (TensorFlow\'s SavedModel) is not a format of fastdl. Fix: model.save("model.keras")')
    path = _path(filepath, () if save_format == "h5" else (".keras", ".h5", ".hdf5"), "model.save")
    _free(path, overwrite)
    config = model_config(model, include_optimizer)
    if save_format == "h5" or path.lower().endswith((".h5", ".hdf5")):
        made = io.BytesIO()                                 # in memory first: HDF5's library does not pass on that a disk is full
        legacy_h5.write_model(model, made, config, KERAS_VERSION, include_optimizer)
        with replacing(path) as f:
            f.write(made.getbuffer())
        return
    import fastdl
    now = _now()
    weights = io.BytesIO()
    weights_h5.write(model, weights)
    metadata = {"keras_version": KERAS_VERSION, "date_saved": now.strftime("%Y-%m-%d@%H:%M:%S"), "fastdl_version": fastdl.__version__}
    members = [(METADATA, json.dumps(metadata).encode()), (CONFIG, json.dumps(config).encode()), (WEIGHTS, weights.getbuffer())]
    for path_in_model, obj in weights_h5.walk(model):
        if hasattr(obj, "save_own_assets"):                 # {"vocabulary.txt": bytes}
            store = {}
            obj.save_own_assets(store)
            members += [(f"assets/{path_in_model}/{name}", data) for name, data in store.items()]
    if zipped is False:
        _write_folder(path, members)
        return
    with replacing(path) as f, zipfile.ZipFile(f, "w") as z:
        date = max(now.timetuple()[:6], (1980, 1, 1, 0, 0, 0))
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name, date), data)


def _write_folder(path, members):
    """The unzipped form, whole under another name first: two renames put it in the place of the old folder."""
    with replacing_folder(path) as folder:
        for name, data in members:
            inner = os.path.join(folder, *name.split("/"))
            os.makedirs(os.path.dirname(inner), exist_ok=True)
            with replacing(inner) as f:
                f.write(data)


def _now():
    """Now, or SOURCE_DATE_EPOCH where files must be the same byte for byte."""
    fixed = env("SOURCE_DATE_EPOCH", "")
    return datetime.datetime.fromtimestamp(int(fixed), datetime.timezone.utc) if fixed.isdigit() else datetime.datetime.now()


def save_weights(model, filepath, overwrite=True, max_shard_size=None, save_format=None, **_):
    """Write the weights alone: Keras 3's layout for *.weights.h5, the older one for other .h5 names, or *.safetensors.

    max_shard_size: at most so many GB a file; the name then ends in .weights.json, and the weights lie in files beside it.
    """
    sharded = max_shard_size is not None or str(os.fspath(filepath)).endswith(".weights.json")
    known = (".weights.json",) if sharded else () if save_format == "h5" else (".weights.h5", ".h5", ".hdf5", ".safetensors")
    if max_shard_size is not None and str(os.fspath(filepath)).endswith("weights.h5"):     # as Keras, which renames it too
        filepath = str(os.fspath(filepath))[:-2] + "json"
    path = _path(filepath, known, "model.save_weights")
    _free(path, overwrite)
    if not model.built:
        raise ValueError(f"The model '{model.name}' has no weights yet: call it on data, or build(input_shape), before save_weights().")
    if sharded:
        flat.write_shards(model, path, 5 if max_shard_size is None else max_shard_size)
        return
    made = io.BytesIO()
    if path.lower().endswith(".weights.h5"):
        weights_h5.write(model, made)
    elif path.lower().endswith(".safetensors"):
        flat.write_safetensors(made, flat.weights_as_table(model), {"format": "keras", "keras_version": KERAS_VERSION})
    else:
        with weights_h5.h5().File(made, "w") as h:
            legacy_h5.write_weights(model, h, KERAS_VERSION)
    with replacing(path) as f:
        f.write(made.getbuffer())


# ---------------------------------------------------------------- loading
def load_model(filepath, custom_objects=None, compile=True, safe_mode=True, allow_large=False, trusted=False):
    """The model in a file of fastdl, Keras 3 or Keras 2: .keras, or whole-model .h5.

    custom_objects: {name: class or function} for what is not fastdl's own. compile=False leaves the optimizer out.
    safe_mode changes nothing: code in a file is never run. allow_large lifts the limit on memory that a file asks for.
    trusted lets h5py read HDF5 of forms that Keras does not write.

    >>> model = load_model("model.keras")  # doctest: +SKIP
    """
    path = _existing(filepath)
    with only_file_errors(path), serialization.CustomObjectScope(custom_objects), serialization.ObjectSharingScope():
        if os.path.isdir(path):
            found, assets = _read_folder(path)
            size = sum(map(len, [*found.values(), *assets.values()]))
            return _load_archive(path, found, assets, size, compile, allow_large, trusted)
        size, magic = os.path.getsize(path), _magic(path)
        if magic[:4] == ZIP_MAGIC:
            found, assets = read_archive(path, size)
            return _load_archive(path, found, assets, size, compile, allow_large, trusted)
        if magic == HDF5_MAGIC:
            return _load_legacy(path, size, compile, allow_large, trusted)
        raise FileError("it is neither a .keras file (a ZIP archive) nor an HDF5 file")


def _load_archive(path, found, assets, size, compile, allow_large, trusted):
    if CONFIG not in found:
        raise FileError(f"it holds no {CONFIG}: it is no .keras file")
    config = parse_json(found[CONFIG], f"{path}: {CONFIG}")
    metadata = parse_json(found.get(METADATA, b"{}"), f"{path}: {METADATA}")
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    config = legacy_h5.upgrade(config, version if isinstance(version, str) else "3")
    with _budget(size, path, allow_large):
        model = _model_of(config, compile)
        if WEIGHTS not in found:
            if model.weights:
                raise FileError(f"it holds no {WEIGHTS}")
            return model
        for inner, obj in weights_h5.walk(model):
            if assets and hasattr(obj, "load_own_assets"):
                start = f"{inner}/"
                obj.load_own_assets({k[len(start):]: v for k, v in assets.items() if k.startswith(start)})
        _build_optimizer(model)
        if compile and isinstance(config.get("compile_config"), dict):
            legacy_h5.of_keras_2(model.optimizer, config["compile_config"].get("optimizer"), version)
        with weights_h5.reading(found[WEIGHTS], f"{path}: {WEIGHTS}", trusted) as root:
            weights_h5.load(model, root, optimizer=compile)
    return model


def _load_legacy(path, size, compile, allow_large, trusted):
    with weights_h5.reading(path, path, trusted) as root:
        text = root.text("model_config")
        if text is None:
            raise FileError("it holds weights and no architecture. Fix: build the model in Python, then model.load_weights(file)")
        version = root.text("keras_version") or "2"
        config = legacy_h5.upgrade(parse_json(text, f"{path}: model_config"), version)
        with _budget(size, path, allow_large):
            model = _model_of(config, False)
            legacy_h5.load_weights(model, root)
            training = root.text("training_config") if compile else None
            if training is not None:
                arguments = legacy_h5.training_config(parse_json(training, f"{path}: training_config"), version)
                try:
                    model.compile_from_config(arguments)
                except Exception as error:
                    raise FileError(f"how it was compiled is not understood ({error}). Fix: load_model(..., compile=False), then "
                                    "model.compile(...)") from error
                _build_optimizer(model)
                legacy_h5.of_keras_2(model.optimizer, arguments.get("optimizer"), version)
                legacy_h5.load_optimizer(model.optimizer, root)
    return model


def _model_of(config, compile):
    """The built model that a config describes, compiled where asked to."""
    from fastdl.models import Model
    if not isinstance(config, dict):
        raise FileError(f"its config must be a dict, got {type(config).__name__}")
    if not compile:
        config = {k: v for k, v in config.items() if k != "compile_config"}
    model = serialization.deserialize_keras_object(config)
    from fastdl.layers import FeatureSpace
    if not isinstance(model, (Model, FeatureSpace)):
        raise FileError(f"its config describes a {type(model).__name__}, not a model")
    return model


def _build_optimizer(model):
    if model.compiled and model.optimizer is not None and model.built and not model.optimizer.built:
        model.optimizer.build(model._training_variables())


def load_weights(model, filepath, skip_mismatch=False, by_name=False, trusted=False, **legacy):
    """Read weights into this model: *.weights.h5 or its shards (*.weights.json), legacy .h5 (by order or by_name), .keras, .safetensors"""
    for key in legacy:
        if key not in ("objects_to_skip", "options"):
            raise TypeError(f"load_weights() has no argument {key!r}. It takes filepath, by_name and skip_mismatch.")
    path = _existing(filepath)
    with only_file_errors(path):
        if os.path.isdir(path):
            raise FileError("it is a folder; a weights file of Keras ends in .weights.h5, .h5 or .keras")
        magic = _magic(path)
        if magic[:4] == ZIP_MAGIC:
            found, _ = read_archive(path, os.path.getsize(path))
            if WEIGHTS not in found:
                raise FileError(f"it holds no {WEIGHTS}")
            source = found[WEIGHTS]
        elif magic == HDF5_MAGIC:
            source = path
        elif path.lower().endswith((".json", ".safetensors")):
            source = None
        else:
            raise FileError("it is neither an HDF5 file nor a .keras file, and its name ends neither in .safetensors nor in .weights.json")
        with _weights_root(path, source, trusted) as root:
            if not model.built:
                raise FileError(f"the model '{model.name}' has no weights yet: call it on data, or build(input_shape), before "
                                "load_weights()")
            if source is not None and legacy_h5.is_legacy(root):
                legacy_h5.load_weights(model, root, by_name, skip_mismatch)
            elif by_name:
                raise FileError("by_name=True reads legacy .h5 files only: this layout holds no layer names. Fix: leave by_name out")
            else:
                own = root.child("optimizer") is not None
                if own:
                    _build_optimizer(model)
                weights_h5.load(model, root, skip_mismatch, optimizer=own)
    return model


def _weights_root(path, source, trusted):
    """The table of a weights file: HDF5 (source: its path or bytes), safetensors, or the index of shards."""
    if source is not None:
        return weights_h5.reading(source, path, trusted)
    if path.lower().endswith(".safetensors"):
        return contextlib.nullcontext(flat.read_safetensors(path))
    if os.path.getsize(path) > CONFIG_LIMIT:
        raise FileError("an index of shards is no longer than 64 MiB")
    with open(path, "rb") as f:
        return flat.reading_shards(path, f.read(), trusted)


def model_from_json(json_string, custom_objects=None, allow_large=False):
    """The model, with new weights, that to_json() of fastdl, Keras 3 or Keras 2 described."""
    what = "The JSON text"
    with only_file_errors(what), serialization.CustomObjectScope(custom_objects), serialization.ObjectSharingScope():
        config = parse_json(json_string, what)
        if not isinstance(config, dict):
            raise FileError(f"it must hold a dict, got {type(config).__name__}")
        version = config.get("keras_version")
        if version is None and "module" not in config:
            version = "2"
        plain = {k: v for k, v in config.items() if k not in ("keras_version", "backend")}
        config = legacy_h5.upgrade(plain, version if isinstance(version, str) else "3")
        with contextlib.nullcontext() if allow_large else Budget(TEXT_WEIGHTS, what):
            return _model_of(config, True)


class open_weights:
    """The one way for other code to look into an HDF5 file: `with open_weights(path) as root: root.array("layers/dense/vars/0")`."""

    def __init__(self, path):
        self._context = weights_h5.reading(_existing(path), os.fspath(path))

    def __enter__(self):
        return self._context.__enter__()

    def __exit__(self, *error):
        return self._context.__exit__(*error)
