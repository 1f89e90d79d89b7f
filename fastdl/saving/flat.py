"""Weights as a flat table {"layers/dense/vars/0": array}: safetensors files, and Keras 3's shards (several .weights.h5).

A safetensors file is 8 bytes (the header's length), JSON that says where each array lies, and the arrays, end to end.
Reading proves that the header fits the file exactly before an array is made; shards are files beside the index alone.
"""
import contextlib
import json
import os
import re
import struct

import numpy as np

from fastdl.errors import FileError
from fastdl.saving import weights_h5
from fastdl.saving.checkpoint import replacing

KINDS = {"BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "F16": "float16", "BF16": "uint16", "U32": "uint32",
         "I32": "int32", "F32": "float32", "U64": "uint64", "I64": "int64", "F64": "float64"}
WORDS = {v: k for k, v in KINDS.items() if k != "BF16"}
HEADER_LIMIT = 100_000_000                                  # as the format's own reader has it
SHARD = re.compile(r"[^/\\:\x00]{1,200}_\d{5}\.weights\.h5")


class Flat:
    """A group of the table, with the methods of hdf5.Node; `table` gives (shape, function that reads) for each path."""

    def __init__(self, table, what, path=""):
        self.table, self.what, self.path = table, what, path
        start = f"{path}/" if path else ""
        self._own = {}
        for name in table:
            if name.startswith(start):
                self._own.setdefault(name[len(start):].split("/")[0], []).append(name)

    def error(self, reason, name=""):
        return FileError(f"{self.what}: {self.path}{'/' if self.path and name else ''}{name!s:.200} {reason}")

    def child(self, path):
        node = self
        for part in [p for p in path.split("/") if p]:
            if part not in node._own or node._is_array(part):
                return None
            node = Flat({n: self.table[n] for n in node._own[part]}, self.what, f"{node.path}/{part}".lstrip("/"))
        return node

    def _full(self, name):
        return f"{self.path}/{name}".lstrip("/")

    def _is_array(self, name):
        return self._full(name) in self.table

    def names(self):
        return list(self._own)

    def arrays(self):
        return [n for n in self._own if self._is_array(n)]

    def shape(self, name):
        return self.table[self._full(name)][0] if self._is_array(name) else None

    def array(self, path, shape=None):
        path = path.strip("/")
        if not self._is_array(path):
            raise self.error("is no array of this file", path)
        found, read = self.table[self._full(path)]
        if shape is not None and found != tuple(shape):
            raise self.error(f"has shape {found}; the model wants {tuple(shape)}", path)
        return read()


# ---------------------------------------------------------------- safetensors
def write_safetensors(file, arrays, about):
    """Write {name: array} and the texts {key: value} to a binary file."""
    header, ready, at = {"__metadata__": about} if about else {}, [], 0
    for name, a in arrays.items():
        a = np.asarray(a)
        if a.dtype.name not in WORDS:
            raise ValueError(f"safetensors has no word for arrays of {a.dtype} ({name!r}); it knows {sorted(WORDS)}.")
        a = a.astype(a.dtype.newbyteorder("<"), order="C")
        header[name] = {"dtype": WORDS[a.dtype.name], "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
        ready.append(a)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for a in ready:
        file.write(a.data if a.ndim and a.size else a.tobytes())


def read_safetensors(path):
    """The table of a safetensors file; arrays are read when they are asked for."""
    from fastdl.saving.keras_file import parse_json
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        start = f.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(size - 8, HEADER_LIMIT):
            raise FileError(f"{path} is no safetensors file: its header would take {length} of {size} bytes")
        text = f.read(length)
    if text[:1] != b"{":
        raise FileError(f"{path} is no safetensors file: its header is no JSON")
    header = parse_json(text.rstrip(b" "), f"{path}: its header")
    about = header.pop("__metadata__", {})
    if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
        raise FileError(f"{path}: __metadata__ must hold texts alone")
    table, places = {}, []
    for name, entry in header.items():
        dtype, shape, first, last = _entry(path, name, entry)
        places.append((first, last))
        table[name] = (shape, lambda dtype=dtype, shape=shape, at=8 + length + first: _array(path, dtype, shape, at))
    end = 0
    for first, last in sorted(places):
        if first != end:
            raise FileError(f"{path}: its arrays overlap or leave holes at byte {end}")
        end = last
    if 8 + length + end != size:
        raise FileError(f"{path} describes {8 + length + end} bytes and has {size}")
    return Flat(table, path)


def _entry(path, name, entry):
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"} or entry["dtype"] not in list(KINDS):
        raise FileError(f"{path} describes {name!r:.80} wrongly: {str(entry)[:120]}")
    shape, offsets = entry["shape"], entry["data_offsets"]
    whole = lambda v: type(v) is int and 0 <= v < 1 << 62
    lists = isinstance(shape, list) and len(shape) <= 32 and isinstance(offsets, list) and len(offsets) == 2
    if not lists or not all(map(whole, shape + offsets)):
        raise FileError(f"{path} describes {name!r:.80} wrongly: shape {shape!r:.80}, data_offsets {offsets!r:.80}")
    nbytes = np.dtype(KINDS[entry["dtype"]]).itemsize
    for s in shape:
        nbytes *= s
    if offsets[1] - offsets[0] != nbytes:
        raise FileError(f"{path}: {name!r:.80} claims {nbytes} bytes and has {offsets[1] - offsets[0]}")
    return entry["dtype"], tuple(shape), *offsets


def _array(path, dtype, shape, at):
    kind = np.dtype(KINDS[dtype]).newbyteorder("<")
    count = 1
    for s in shape:
        count *= s
    with open(path, "rb") as f:
        f.seek(at)
        data = f.read(count * kind.itemsize)
    if len(data) != count * kind.itemsize:
        raise FileError(f"{path} became shorter while it was read")
    if dtype == "BOOL":
        return (np.frombuffer(data, "u1") != 0).reshape(shape)
    a = np.frombuffer(data, kind).reshape(shape)
    if dtype == "BF16":                                     # the upper half of a float32
        return (a.astype("uint32") << np.uint32(16)).view("float32")
    return a.astype(kind.newbyteorder("="))


def weights_as_table(model):
    """{"layers/dense/vars/0": array} of a model and, where it is compiled, its optimizer."""
    return {f"{path}/vars/{key}".lstrip("/"): np.asarray(a) for path, obj in weights_h5.walk(model)
            for key, a in weights_h5.own_variables(obj).items()}


# ---------------------------------------------------------------- shards
def write_shards(model, path, gigabytes):
    """x.weights.json and x_00000.weights.h5, x_00001.weights.h5, ..., each with at most that many GB of arrays."""
    limit = float(gigabytes) * 1024 ** 3
    folder, base = os.path.split(path)
    base = os.path.splitext(base)[0].replace(".weights", "")
    shards, size, total, index = [{}], 0, 0, {}
    for name, a in weights_as_table(model).items():
        if a.nbytes > limit:
            raise ValueError(f"The weight {name!r} takes {a.nbytes} bytes, more than max_shard_size={gigabytes} GB. Fix: make "
                             "max_shard_size larger.")
        if size + a.nbytes > limit:
            shards.append({})
            size = 0
        size, total = size + a.nbytes, total + a.nbytes
        shards[-1][name] = a
        files = index.setdefault("/" + name.rsplit("/", 1)[0], [])
        files += [f"{base}_{len(shards) - 1:05}.weights.h5"] if not files or files[-1] != f"{base}_{len(shards) - 1:05}.weights.h5" else []
    for k, arrays in enumerate(shards):
        with replacing(os.path.join(folder, f"{base}_{k:05}.weights.h5")) as f, weights_h5.h5().File(f, "w") as h:
            for name, a in arrays.items():
                h.create_dataset(name, data=a)
    about = {"metadata": {"total_size": total}, "weight_map": {k: v[0] if len(v) == 1 else v for k, v in index.items()}}
    with replacing(path) as f:                              # last: it is there when all that it names is
        f.write(json.dumps(about, indent=4).encode())


@contextlib.contextmanager
def reading_shards(path, text, trusted=False):
    """The table of sharded weights: the index's JSON text names files beside it, nothing else is opened."""
    from fastdl.saving.keras_file import parse_json
    index = parse_json(text, path)
    index = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(index, dict):
        raise FileError(f"{path} has no weight_map: it is no index of sharded weights")
    files = sorted({str(f) for v in index.values() for f in (v if isinstance(v, list) else [v])})
    table = {}
    with contextlib.ExitStack() as stack:
        for name in files:
            inner = os.path.join(os.path.dirname(path), name)
            if not SHARD.fullmatch(name) or os.path.islink(inner):
                raise FileError(f"{path} names the shard {name!r:.120}; a shard is a file beside it called <name>_00000.weights.h5, "
                                "no link")
            if not os.path.isfile(inner):
                raise FileError(f"The shard {inner!r} that {path} names is not there. Fix: keep all files of sharded weights in one "
                                "folder.")
            _collect(stack.enter_context(weights_h5.reading(inner, inner, trusted)), "", table)
        yield Flat(table, path)


def _collect(node, at, table, depth=0):
    if depth > 64:
        raise node.error("holds groups in groups without end")
    arrays = set(node.arrays())
    for name in node.names():
        full = f"{at}/{name}".lstrip("/")
        if name in arrays:
            if full in table:
                raise node.error("is in two shards", name)
            table[full] = (node.shape(name), lambda node=node, name=name: node.array(name))
        else:
            inner = node.child(name)
            if inner is not None:
                _collect(inner, full, table, depth + 1)
