"""Data set files: found or downloaded, checked, and read without ever running what a file says.

Some .npz and CIFAR files hold pickles. `read_pickle` interprets the few opcodes that lists, numbers, text and
arrays need; it imports nothing and calls nothing that the file names.
"""
import re
import struct
import zipfile

import numpy as np

from fastdl.errors import FileError
from fastdl.utils.file_utils import get_file

STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

_RUN = re.compile(rb"(?:K[\s\S]|M[\s\S]{2}|J[\s\S]{4})+")
_INT = re.compile(rb"K[\s\S]|M[\s\S]{2}|J[\s\S]{4}")
_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): "array", ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy", "ndarray"): "ndarray", ("numpy", "dtype"): "dtype", ("_codecs", "encode"): "encode",
}
_MARK = object()


class _Name(str):
    """A name the file refers to: a word, never the thing."""


class _Array:
    """An array while it is being read."""

    def __init__(self):
        self.value = None

    def build(self, state):
        _, shape, dtype, fortran, data = state
        if dtype.value == object:
            value = np.empty(len(data), object)
            value[:] = data
        elif isinstance(data, bytes):
            value = np.frombuffer(data, dtype.value)
        else:
            raise ValueError("array data of another kind")
        self.value = value.reshape(shape, order="F" if fortran else "C")


class _Dtype:
    def __init__(self, code):
        self.value = np.dtype(code.decode("latin1") if isinstance(code, bytes) else code)
        if self.value.kind not in "biufO":
            raise ValueError(f"an array of dtype {code}")

    def build(self, state):
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order in "<>":
            self.value = self.value.newbyteorder(order)


def _call(name, args):
    if name == "array" and args[0] == "ndarray":
        return _Array()
    if name == "dtype":
        return _Dtype(args[0])
    if name == "encode" and args[1] in ("latin1", b"latin1"):
        return args[0].encode("latin1")
    raise ValueError(f"a call of {name}")


def _name(module, name):
    if (module, name) not in _NAMES:
        raise ValueError(f"the name {module}.{name}, which no data set needs")
    return _Name(_NAMES[module, name])


def _plain(value):
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (_Name, _Dtype)):
        raise ValueError("a name in place of data")
    return value


def read_pickle(data, where="the pickle"):
    """The lists, numbers, text, dicts and arrays of a pickle; FileError for anything else. Runs nothing of it."""
    try:
        return _plain(_interpret(data))
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, struct.error, UnicodeError, StopIteration, MemoryError) as error:
        raise FileError(f"{where} holds {error}: only numbers, text, lists and arrays are read, and nothing of it was run. "
                        "Fix: delete the file and download it again.") from None


def _interpret(data):
    stack, memo, at = [], {}, 0

    def take(n):
        nonlocal at
        if n < 0 or at + n > len(data):
            raise ValueError("a truncated pickle")
        at += n
        return data[at - n:at]

    def line():
        nonlocal at
        end = data.index(b"\n", at)
        text, at = data[at:end], end + 1
        return text.decode("ascii")

    def since_mark():
        k = len(stack) - 1
        while stack[k] is not _MARK:
            k -= 1
            if k < 0:
                raise ValueError("a list without a start")
        items = stack[k + 1:]
        del stack[k:]
        return items

    def pop():
        value = stack.pop()
        if value is _MARK:
            raise ValueError("a mark in place of a value")
        return value

    def number(form):
        return struct.unpack(form, take(struct.calcsize(form)))[0]

    def extend(target, items):
        if type(target) is not list:
            raise ValueError("items outside a list")
        target.extend(items)

    def fill(target, items):
        if type(target) is not dict:
            raise ValueError("keys outside a dict")
        target.update(zip(items[::2], items[1::2]))

    while True:
        run = _RUN.match(data, at)
        if run:
            # Nearly every byte of these files is a small whole number: read them in runs.
            at = run.end()
            stack += [int.from_bytes(t[1:], "little", signed=t[0] == 74) for t in _INT.findall(run.group())]
        op = take(1)
        if op == b".":
            return pop()
        elif op == b"(":
            stack.append(_MARK)
        elif op == b"e":
            items = since_mark()
            extend(stack[-1], items)
        elif op == b"a":
            item = pop()
            extend(stack[-1], [item])
        elif op == b"]":
            stack.append([])
        elif op == b"q":
            memo[take(1)[0]] = stack[-1]
        elif op == b"r":
            memo[number("<I")] = stack[-1]
        elif op == b"\x94":
            memo[len(memo)] = stack[-1]
        elif op == b"h":
            stack.append(memo[take(1)[0]])
        elif op == b"j":
            stack.append(memo[number("<I")])
        elif op == b"\x80":
            if take(1)[0] > 5:
                raise ValueError("a pickle of a later protocol")
        elif op == b"\x95":
            take(8)
        elif op == b"}":
            stack.append({})
        elif op == b"s":
            value, key = pop(), pop()
            fill(stack[-1], [key, value])
        elif op == b"u":
            items = since_mark()
            fill(stack[-1], items)
        elif op == b")":
            stack.append(())
        elif op == b"t":
            stack.append(tuple(since_mark()))
        elif op in (b"\x85", b"\x86", b"\x87"):
            stack.append(tuple([pop() for _ in range(op[0] - 0x84)][::-1]))
        elif op in (b"U", b"C"):
            stack.append(take(take(1)[0]))
        elif op == b"T":
            stack.append(take(number("<i")))
        elif op == b"B":
            stack.append(take(number("<I")))
        elif op == b"X":
            stack.append(take(number("<I")).decode("utf-8"))
        elif op == b"\x8c":
            stack.append(take(take(1)[0]).decode("utf-8"))
        elif op == b"\x8a":
            stack.append(int.from_bytes(take(take(1)[0]), "little", signed=True))
        elif op in (b"N", b"\x88", b"\x89"):
            stack.append({b"N": None, b"\x88": True, b"\x89": False}[op])
        elif op == b"c":
            stack.append(_name(line(), line()))
        elif op == b"\x93":
            name, module = pop(), pop()
            stack.append(_name(module, name))
        elif op == b"R":
            args, name = pop(), pop()
            if not isinstance(name, _Name) or type(args) is not tuple:
                raise ValueError("a call of something that is no name")
            stack.append(_call(str(name), args))
        elif op == b"b":
            state = pop()
            if not isinstance(stack[-1], (_Array, _Dtype)):
                raise ValueError("an object other than an array")
            stack[-1].build(state)
        else:
            raise ValueError(f"the opcode {op!r}")


def read_npz(path):
    """The arrays of an .npz file; arrays of lists are read by `read_pickle`, never by a pickle module."""
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if not member.endswith(".npy"):
                    continue
                with archive.open(member) as f:
                    version = np.lib.format.read_magic(f)
                    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                    shape, fortran, dtype = header(f)
                    rest = f.read()
                if dtype.hasobject:
                    value = read_pickle(rest, f"{path} ({member})")
                    if not isinstance(value, np.ndarray) or value.shape != shape:
                        raise FileError(f"{path} ({member}) holds something other than the array of shape {shape} it announces.")
                else:
                    flat = np.frombuffer(rest, dtype, int(np.prod(shape, dtype=np.int64)))
                    value = flat.reshape(shape, order="F" if fortran else "C").copy()
                arrays[member[:-4]] = value
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} is no whole .npz file ({error}). Fix: delete it and download it again.") from error
    return arrays


def npz(path, name, file_hash):
    """The arrays of the store's file `name`, kept in the cache as `path`."""
    return read_npz(get_file(path, origin=STORE + name, file_hash=file_hash))


def permutation(n, rng):
    order = np.arange(n)
    rng.shuffle(order)
    return order


def split_rows(x, y, test_split, seed):
    """Shuffled by `seed`, the last `test_split` for testing: ((x, y) to train, (x, y) to test)."""
    if not 0 <= test_split < 1:
        from fastdl.errors import bad_argument

        raise bad_argument("test_split", test_split, "a fraction of at least 0 and less than 1", "test_split=0.2 is usual")
    order = permutation(len(x), np.random.RandomState(seed))
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut].copy(), y[:cut].copy()), (x[cut:].copy(), y[cut:].copy())


def marked(sequences, start_char, index_from):
    """Each word number raised by index_from, after a start_char."""
    if start_char is not None:
        return [[start_char] + [w + index_from for w in s] for s in sequences]
    return [[w + (index_from or 0) for w in s] for s in sequences]


def shorter(maxlen, sequences, labels):
    """The sequences of fewer than maxlen words, and their labels."""
    kept = [(s, y) for s, y in zip(sequences, labels) if len(s) < maxlen]
    return [s for s, _ in kept], np.array([y for _, y in kept])


def limited(sequences, num_words, skip_top, oov_char):
    """Words outside skip_top .. num_words - 1 become oov_char, or are left out."""
    if not num_words:
        num_words = max(max(s) for s in sequences if len(s))
    if oov_char is None:
        return [[w for w in s if skip_top <= w < num_words] for s in sequences]
    return [[w if skip_top <= w < num_words else oov_char for w in s] for s in sequences]


def ragged(sequences):
    """A one-dimensional array of lists."""
    y = np.empty(len(sequences), object)
    y[:] = sequences
    return y
