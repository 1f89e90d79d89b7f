"""Tensor: shape, dtype, one C-contiguous buffer. Variable: a Tensor whose buffer never moves.

Arithmetic operators are installed by fastdl.ops, which composes them from primitives.
"""
import numpy as np

from .. import config
from . import state


class TracedValueError(TypeError):
    """Python asked for the value of a tensor that a trace only describes."""


_names = {}


def name_of(dtype):
    """dtype.name, remembered: NumPy works it out anew every time."""
    name = _names.get(dtype)
    if name is None:
        name = _names[dtype] = dtype.name
    return name


class Tensor:
    """A value (`_a` holds it) or, while tracing, the description of one (`_a` is None)."""

    __slots__ = ("shape", "dtype", "_a", "_keras_mask", "_keras_logits", "_symbolic_name", "__weakref__")
    __array_priority__ = 100

    def __init__(self, array, shape=None, dtype=None):
        self._a = array
        self.shape = array.shape if shape is None else tuple(shape)
        self.dtype = name_of(array.dtype) if dtype is None else dtype

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        n = 1
        for d in self.shape:
            n *= d
        return n

    def numpy(self):
        if self._a is None:
            raise TracedValueError(
                f"the value of a tensor of shape {self.shape} was asked for while the computation is being traced into a "
                "plan, where only shapes are known. Use fastdl.ops (ops.where, ops.cond) instead of Python's if/float/print; "
                "compile(run_eagerly=True) silences this.")
        return self._a

    def __array__(self, dtype=None, copy=None):
        a = self.numpy()
        return a.astype(dtype) if dtype is not None and a.dtype != dtype else a.copy()

    def __float__(self):
        return float(self.numpy().item())

    def __int__(self):
        return int(self.numpy().item())

    __index__ = __int__

    def __bool__(self):
        return bool(self.numpy())

    def item(self):
        return self.numpy().item()

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of a scalar tensor: it has no first axis")
        return self.shape[0]

    def __format__(self, spec):
        return format(self.item() if not self.shape else str(self), spec)

    def __repr__(self):
        value = "traced" if self._a is None else np.array2string(self._a, threshold=20)
        return f"<Tensor shape={self.shape} dtype={self.dtype} value={value}>"

    __hash__ = object.__hash__


class Variable(Tensor):
    """A named, mutable tensor. Writes go through `assign`, in place, so plans may keep its address.

    >>> v = Variable([1.0, 2.0]); v.assign_add([1.0, 1.0]).numpy().tolist()
    [2.0, 3.0]
    """

    __slots__ = ("name", "path", "trainable", "regularizer", "constraint", "aggregation", "overwrite_with_gradient",
                 "autocast", "__dict__")

    def __init__(self, initializer, shape=None, dtype=None, trainable=True, autocast=True, aggregation="none",
                 name=None, **_):
        if callable(initializer) and not isinstance(initializer, Tensor):
            if shape is None:
                raise ValueError("Variable(initializer=<function>) needs shape=, so that it knows what to make")
            value = initializer(tuple(shape), dtype=dtype or config.floatx())
        else:
            value = initializer
        value = convert_to_tensor(value, dtype)
        if shape is not None and tuple(shape) != value.shape:
            raise ValueError(f"Variable {name!r}: the value has shape {value.shape}, shape= says {tuple(shape)}")
        super().__init__(aligned_copy(value.numpy()))
        self.name, self.path = name or "variable", name or "variable"
        self.trainable, self.aggregation, self.autocast = trainable, aggregation, autocast
        self.regularizer = self.constraint = None
        self.overwrite_with_gradient = False
        self.version, self.prepared = 0, {}             # writes so far; what plans keep of this value: {call: [stamp, array]}

    def numpy(self):
        self.version += 1                               # whoever takes the memory may write to it
        return self._a

    @property
    def value(self):
        return self

    def _update(self, how, value):
        from ..primitives import movement, update
        value = convert_to_tensor(value, self.dtype)
        if value.shape != self.shape:
            if how == "assign" and value.shape != ():
                raise ValueError(f"variable {self.path!r} has shape {self.shape}, cannot assign a value of shape {value.shape}")
            value = movement.broadcast_to(value, shape=self.shape)
        getattr(update, how)(self, value)
        return self

    def assign(self, value):
        return self._update("assign", value)

    def assign_add(self, value):
        return self._update("assign_add", value)

    def assign_sub(self, value):
        return self._update("assign_sub", value)

    def __repr__(self):
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={np.array2string(self._a, threshold=20)}>"


def aligned(nbytes):
    """Uninitialised bytes on a 64-byte boundary (a page boundary for large blocks)."""
    align = 64 if nbytes < 1 << 16 else 4096
    raw = np.empty(nbytes + align, np.uint8)
    start = -raw.ctypes.data % align
    return raw[start:start + nbytes]


def aligned_copy(array):
    out = aligned(array.nbytes).view(array.dtype).reshape(array.shape) if array.nbytes else array.copy()
    out[...] = array
    return out


def convert_to_tensor(x, dtype=None):
    """Any array-like to a Tensor. Python floats and float64 arrays become floatx, ints int32, unless dtype says."""
    if dtype is not None and not isinstance(dtype, str):
        dtype = getattr(dtype, "name", None) or np.dtype(dtype).name
    if isinstance(x, Tensor):
        if dtype is None or x.dtype == dtype:
            return x
        from ..primitives.elementwise import cast
        return cast(x, dtype=dtype)
    if isinstance(x, (list, tuple)) and any(isinstance(v, Tensor) for v in x):
        from ..ops import stack
        return convert_to_tensor(stack([convert_to_tensor(v) for v in x]), dtype)
    a = np.asarray(x)
    if a.dtype == object or a.dtype.kind in "USVMm":
        raise TypeError(f"cannot make a tensor of {type(x).__name__} with dtype {a.dtype}: tensors hold numbers and "
                        "booleans; are the rows of one length, and are words turned into indices?")
    if dtype is None:
        kind, size = a.dtype.kind, a.dtype.itemsize
        if kind == "f" and (size > 4 or size < 4):
            dtype = "float64" if state.current().exact else config.floatx()
        elif kind == "f" and state.current().exact:
            dtype = "float64"
        elif kind in "iu" and size == 8:
            dtype = "int32" if not a.size or (a.min() >= -2**31 and a.max() < 2**31) else "int64"
    if dtype is not None and a.dtype != dtype:
        a = a.astype(dtype)
    return Tensor(a if a.flags.c_contiguous else a.copy(order="C"))
