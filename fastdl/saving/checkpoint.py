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
import platform
import random as python_random
import shutil
import struct
import threading

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
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"There is no folder {folder!r} to write {os.path.basename(path)!r} into. Fix: os.makedirs({folder!r})")
    temporary = _temporary(path)
    try:
        with open(temporary, "w+b") as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        _rename(temporary, path)
    except BaseException:
        _unlink(temporary)
        raise


@contextlib.contextmanager
def replacing_folder(path):
    """The same for a folder: its files are written under another name, then the two change places."""
    path = os.path.realpath(os.fspath(path))
    temporary, old = _temporary(path), f"{path}.old"
    try:
        os.makedirs(temporary)
        yield temporary
        _sync_folder(temporary)
        shutil.rmtree(old, ignore_errors=True)
        if os.path.exists(path):
            _rename(path, old)                              # a crash between the two leaves it under that name
        _rename(temporary, path)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _temporary(path):
    """A new name beside `path`; what processes of this machine that are no more left under such names goes."""
    start = f"{os.path.basename(path)}.tmp-{platform.node()}-"
    folder = os.path.dirname(path)
    for name in os.listdir(folder) if os.path.isdir(folder) and os.name != "nt" else ():
        process = name[len(start):].split("-")[0] if name.startswith(start) else ""
        if process.isdigit() and not _lives(int(process)):
            left = os.path.join(folder, name)
            shutil.rmtree(left, ignore_errors=True) if os.path.isdir(left) else _unlink(left)
    return os.path.join(folder, f"{start}{os.getpid()}-{next(_count)}")


def _lives(process):
    try:
        os.kill(process, 0)                                 # signal 0 only asks
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _unlink(path):
    with contextlib.suppress(OSError):
        os.unlink(path)


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


_held = {}                                                  # path -> (thread, file) of the locks of this process


def lock(path):
    """Hold `path` for one training; the lock goes with the process, however that ends. FileError where another has it."""
    path = os.path.realpath(path)
    thread, _ = _held.get(path, (None, None))
    if thread == threading.get_ident():                     # of a training here that ended by an error
        return path
    while thread is None:
        file = open(path, "a+b")
        try:
            _lock_file(file)
            if os.fstat(file.fileno()).st_ino == os.stat(path).st_ino:
                _held[path] = threading.get_ident(), file
                return path
            file.close()                                    # it was the file of one that has just ended, and is gone
        except FileNotFoundError:
            file.close()
        except (BlockingIOError, PermissionError):
            file.close()
            break
    raise FileError(f"Another training uses the folder {os.path.dirname(path)!r} for its backups. Fix: wait for its end, or give each "
                    "training a backup_dir of its own.")


def unlock(path):
    _, file = _held.pop(path, (None, None))
    if file is not None:
        _unlink(path)
        file.close()


def _lock_file(file):
    if os.name == "nt":
        import msvcrt
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)     # unlike flock(), not inherited by a forked child


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
        _unlink(name)


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
    version, state, gauss = python_random.getstate()
    return {"model": [np.array(v.numpy()) for v in _variables(model)],
            "optimizer": [np.array(v.numpy()) for v in model.optimizer.variables],
            "generator": np.array(random.global_generator().state.numpy()),
            "numpy": np.random.get_state(), "python": [version, np.array(state, "uint32"), gauss]}


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
    np.random.set_state(state["numpy"])
    version, words, gauss = state["python"]
    python_random.setstate((version, tuple(words.tolist()), gauss))


def _variables(model):
    found = list(model.variables)
    seen = {id(v) for v in found}
    for metric in model.metrics:
        for v in metric.variables:
            if id(v) not in seen:
                seen.add(id(v))
                found.append(v)
    return found
