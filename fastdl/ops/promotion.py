"""What the ops agree on: dtypes as Keras joins them (Python numbers are weak), axes, constants."""
import builtins
import functools
import operator

import numpy as np

from .. import config
from ..core import modes, state
from ..core.tensor import Tensor, Variable, convert_to_tensor
from ..primitives.elementwise import cast
from ..primitives.movement import broadcast_to

CONSTANT = 1 << 16                 # while tracing, larger fills are made by the plan instead of being kept in memory


@functools.lru_cache(None)
def _join(kinds, floatx):
    strong = [k for k in kinds if isinstance(k, str)]
    floats = [k for k in strong if "float" in k]
    ints = [k for k in strong if "int" in k]
    if floats:
        return np.result_type(*floats).name
    if float in kinds:
        return floatx
    if ints:
        joined = np.result_type(*ints)
        return joined.name if joined.kind in "iu" else floatx            # uint64 with int64 has no common integer
    return "int32" if int in kinds else "bool"


def result_type(*dtypes):
    """The dtype in which values of these dtypes meet; `int` and `float` stand for Python numbers, None for floatx.

    >>> result_type("int32", "float16"), result_type("int32", float), result_type("uint8", "int8"), result_type("bool", int)
    ('float16', 'float32', 'int16', 'int32')
    """
    kinds = [d if d in (int, float) else config.floatx() if d is None else as_dtype(d) for d in dtypes]
    return _join(frozenset(kinds or [config.floatx()]), config.floatx())


def as_dtype(dtype):
    """A dtype's name: 'float32' from 'float32', np.float32, np.dtype('float32') or Python's float."""
    if dtype in (float, int, "float", "int"):
        return "int32" if dtype in (int, "int") else config.floatx()
    return dtype if isinstance(dtype, str) else np.dtype(dtype).name


def is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def kind(x):
    """What x brings into result_type: its dtype, or `int` or `float` for a Python number."""
    return (float if isinstance(x, float) else int) if is_number(x) else convert_to_tensor(x).dtype


def promote(*xs, least=None):
    """The xs as tensors of their common dtype (and of `least`, where that is given)."""
    xs = [x if isinstance(x, Tensor) or is_number(x) else convert_to_tensor(x) for x in xs]
    if least is None or least is int:                            # the common case first: tensors of one dtype, and numbers
        met = {x.dtype for x in xs if isinstance(x, Tensor)}
        if len(met) == 1:
            dtype = met.pop()
            whole = not any(isinstance(x, float) for x in xs)
            if dtype in ("float32", "float64") or (dtype == "int32" and whole):
                return [x if isinstance(x, Tensor) else number(x, dtype) for x in xs]
    dtype = result_type(*map(kind, xs), *([] if least is None else [least]))
    return [number(x, dtype) if is_number(x) else convert_to_tensor(x, dtype) for x in xs]


def number(x, dtype):
    """A Python number as a scalar tensor; exact where the mode is."""
    wide = state.current().exact and dtype == "float32"
    return convert_to_tensor(x, "float64" if wide else dtype)


def floating(x):
    """x as a float tensor."""
    x = convert_to_tensor(x)
    return x if "float" in x.dtype else cast(x, dtype=config.floatx())


def signed(x):
    """x, booleans as int32."""
    x = convert_to_tensor(x)
    return cast(x, dtype="int32") if x.dtype == "bool" else x


def constant(array, dtype=None):
    """A NumPy array as a tensor of dtype (floatx unless told)."""
    dtype = as_dtype(dtype or config.floatx())
    wide = state.current().exact and dtype == "float32"
    return convert_to_tensor(np.asarray(array), "float64" if wide else dtype)


def filled(shape, value, dtype):
    """A tensor of one value, a number or a scalar tensor."""
    shape = as_shape(shape)
    scalar = value if isinstance(value, Tensor) else constant(value, dtype)
    if scalar._a is None or (modes.tracing() and int(np.prod(shape)) > CONSTANT):
        return broadcast_to(convert_to_tensor(scalar, dtype), shape=shape)
    return constant(np.broadcast_to(scalar.numpy(), shape), dtype)


def known(x):
    """The array of a tensor; in a trace, of one that only constants went into (sizes that ops put together)."""
    mode = state.current().mode
    if x._a is not None or not modes.tracing():
        return x.numpy()
    prim, ins, outs, attrs = next((node for node in mode.nodes if any(o is x for o in node[2])), (None, (), (), None))
    if prim is None or any(isinstance(i, Variable) for i in ins):
        return x.numpy()                                 # an input or a weight: the error that says so
    return prim.run_ref([known(i) for i in ins], attrs)[[o is x for o in outs].index(True)]


def as_shape(shape):
    """A tuple of ints from an int, a list, an array or a tensor."""
    if isinstance(shape, Tensor):
        shape = known(shape).tolist()
    elif isinstance(shape, (list, tuple)):
        shape = [known(s).item() if isinstance(s, Tensor) else s for s in shape]
    try:
        return (operator.index(shape),) if not isinstance(shape, (tuple, list, np.ndarray)) else tuple(map(operator.index, shape))
    except TypeError:
        raise TypeError(f"a shape is made of ints, got {shape!r}: take sizes from ops.shape(x) or x.shape") from None


def one_axis(axis, ndim, what="axis"):
    """axis as 0 <= axis < ndim."""
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        allowed = f"use {-ndim} to {ndim - 1}" if ndim else "a scalar has no axis"
        raise ValueError(f"{what} {axis} is out of range for a tensor of {ndim} dimensions ({allowed})")
    return axis % ndim


def axes_of(axis, ndim):
    """None, an int or several of either sign -> ascending tuple, or None for all of them."""
    if axis is None:
        return None
    axis = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(sorted(one_axis(a, ndim) for a in axis))
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis={tuple(axis)} names an axis twice")
    return axes


def public(names):
    """The names that a module gives to `from it import *`: its functions."""
    return [n for n, f in names.items() if not n.startswith("_") and builtins.callable(f)
            and getattr(f, "__module__", None) == names["__name__"]]
