"""Files that survive a crash: atomic writing, and snapshots of a whole training run.

A file is written under another name in the same folder, flushed to the disk, then renamed: at every moment the old
file or the new one is there, whole. A snapshot ends with a SHA-256 of itself, so a damaged one is known.
"""
import contextlib
import errno
import hashlib
import itertools
import json
import os
import struct

import numpy as np

from fastdl.errors import FileError

MAGIC = b"fastdl snapshot 1\n"
DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")
_count = itertools.count()


# ---------------------------------------------------------------- writing
@contextlib.contextmanager
def replacing(path):
    """A binary file to write; it takes the place of `path` when the block ends without an error, and only then."""
    path = os.path.realpath(os.fspath(path))                # a link stays a link: what it points to is replaced
    temporary = f"{path}.tmp-{os.getpid()}-{next(_count)}"
    try:
        with open(temporary, "w+b") as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        _rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _rename(source, target):
    for attempt in range(5):                                # on Windows a reader or a virus scanner may hold the target for a moment
        try:
            os.replace(source, target)
            break
        except PermissionError:
            if os.name != "nt" or attempt == 4:
                raise
            import time
            time.sleep(0.1 * 2 ** attempt)
    _sync_folder(os.path.dirname(target))


def _sync_folder(folder):
    if os.name == "nt":                                     # folders cannot be opened there
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_full(error):
    """Whether an OSError says that the disk is full or failing: training goes on without this file."""
    return error.errno in (errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC))


# ---------------------------------------------------------------- snapshots
def write_snapshot(path, state):
    """Numbers, strings, lists, dicts and arrays in one file, with a checksum; the file before it is kept as <path>.old."""
    arrays = []
    header = json.dumps({"state": _take_arrays(state, arrays), "arrays": [[str(a.dtype), list(a.shape)] for a in arrays]}).encode()
    path = os.path.realpath(os.fspath(path))
    with replacing(path + ".new") as f:
        digest = hashlib.sha256()
        for part in (MAGIC, struct.pack("<Q", len(header)), header, *(np.ascontiguousarray(a).tobytes() for a in arrays)):
            digest.update(part)
            f.write(part)
        f.write(digest.digest())
    if os.path.exists(path):
        _rename(path, path + ".old")
    _rename(path + ".new", path)


def read_snapshot(path):
    """The state in a file of write_snapshot; FileError when a single bit of it is wrong."""
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        data = f.read(size)
    start = len(MAGIC) + 8
    if len(data) < start + 32 or data[:len(MAGIC)] != MAGIC or hashlib.sha256(data[:-32]).digest() != data[-32:]:
        raise FileError(f"{path} is no snapshot of fastdl, or it is damaged: its checksum does not fit")
    length, = struct.unpack("<Q", data[len(MAGIC):start])
    try:
        header = json.loads(data[start:start + length])
        arrays, at, end = [], start + length, len(data) - 32
        for dtype, shape in header["arrays"]:
            if dtype not in DTYPES or not all(isinstance(s, int) and s >= 0 for s in shape):
                raise FileError(f"{path} describes an array wrongly: {dtype!r:.40} {shape!r:.80}")
            count = 1
            for s in shape:
                count *= s
            nbytes = count * np.dtype(dtype).itemsize
            if at + nbytes > end:
                raise FileError(f"{path} describes more data than it holds")
            arrays.append(np.frombuffer(data, dtype, count, at).reshape(shape).copy())
            at += nbytes
        return _put_arrays(header["state"], arrays)
    except FileError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise FileError(f"{path} is not understood: {error!r:.200}") from None


def newest_snapshot(path):
    """The newest valid state beside `path` (the new one, the last one, the one before), or None when there is none."""
    found = []
    for name in (path + ".new", path, path + ".old"):
        if os.path.exists(name):
            try:
                return read_snapshot(name)
            except (FileError, OSError) as error:
                found.append(str(error))
    if found:
        raise FileError("None of the snapshots can be read. " + " ".join(found) + f" Fix: delete {path}* to start the training anew.")
    return None


def remove_snapshots(path):
    for name in (path + ".new", path, path + ".old"):
        with contextlib.suppress(OSError):
            os.unlink(name)


def _take_arrays(x, arrays):
    if isinstance(x, np.ndarray) and x.ndim:
        arrays.append(x)
        return {"__array__": len(arrays) - 1}
    if isinstance(x, (np.ndarray, np.generic)):
        arrays.append(np.asarray(x))
        return {"__scalar__": len(arrays) - 1}
    if isinstance(x, dict):
        return {"__dict__": [[k, _take_arrays(v, arrays)] for k, v in x.items()]}
    if isinstance(x, (list, tuple)):
        made = [_take_arrays(v, arrays) for v in x]
        return made if isinstance(x, list) else {"__tuple__": made}
    if x is None or isinstance(x, (bool, int, float, str)):
        return x
    raise TypeError(f"a {type(x).__name__} cannot be written to a snapshot: use numbers, strings, arrays, lists and dicts")


def _put_arrays(x, arrays):
    if isinstance(x, list):
        return [_put_arrays(v, arrays) for v in x]
    if not isinstance(x, dict):
        return x
    (kind, value), = x.items()
    if kind == "__array__":
        return arrays[value]
    if kind == "__scalar__":
        return arrays[value][()]
    made = [_put_arrays(v, arrays) for v in value] if kind == "__tuple__" else {k: _put_arrays(v, arrays) for k, v in value}
    return tuple(made) if kind == "__tuple__" else made


# ---------------------------------------------------------------- a training run
def training_state(model):
    """Everything of a run that lives outside its callbacks: weights, metrics, optimizer, random counters."""
    from fastdl import random
    numpy_state = np.random.get_state()
    return {"model": [np.array(v.numpy()) for v in _variables(model)],
            "optimizer": [np.array(v.numpy()) for v in model.optimizer.variables],
            "generator": np.array(random.global_generator().state.numpy()),
            "numpy": [numpy_state[0], np.asarray(numpy_state[1]), int(numpy_state[2]), int(numpy_state[3]), float(numpy_state[4])]}


def restore_training(model, state):
    """Put back what training_state() returned, in place: compiled steps keep their addresses."""
    from fastdl import random
    for what, variables in (("model", _variables(model)), ("optimizer", model.optimizer.variables)):
        arrays = state[what]
        if len(arrays) != len(variables) or any(a.shape != tuple(v.shape) for a, v in zip(arrays, variables)):
            raise FileError(f"The snapshot is of another {what}: {[a.shape for a in arrays][:6]} for the {len(variables)} variables "
                            f"{[tuple(v.shape) for v in variables][:6]}. Fix: build the model as before, or delete the snapshot.")
        for v, a in zip(variables, arrays):
            v.assign(a)
    random.global_generator().state.numpy()[...] = state["generator"]
    np.random.set_state(tuple(state["numpy"]))


def _variables(model):
    found = list(model.variables)
    seen = {id(v) for v in found}
    for metric in model.metrics:
        for v in metric.variables:
            if id(v) not in seen:
                seen.add(id(v))
                found.append(v)
    return found
