"""function: a Python function -> one Plan per input signature. Tensors and arrays become inputs, the rest is constant.

A function whose Python reads values (`if loss > 1`) cannot be traced: it runs eagerly instead, which is said once.
"""
import warnings

import numpy as np

from .. import config
from . import native, state
from .modes import Trace, reading
from .plan import Arena, Plan
from .tensor import Tensor, TracedValueError, Variable, convert_to_tensor, name_of


class Rows:
    """array[index] along the first axis (in another dtype if one is given), gathered inside the plan that reads it."""
    __slots__ = ("array", "index", "dtype", "shape")

    def __init__(self, array, index, dtype=None):
        self.array, self.index, self.dtype = array, index, dtype or name_of(array.dtype)
        self.shape = (len(index),) + array.shape[1:]

    def numpy(self):
        return self.array[self.index].astype(self.dtype, copy=False)


class Function:
    """fn, traced once per signature (shapes, dtypes, constants, threads) and replayed.

    >>> f = function(lambda x: x * x + 1.0)
    >>> f(np.float32(3.0)).item()
    10.0
    """

    def __init__(self, fn, arena=None):
        self.fn, self.plans, self.quick, self.arena, self.eager = fn, {}, {}, arena or Arena(), False
        self.__name__, self.__doc__ = getattr(fn, "__name__", "function"), fn.__doc__

    def __call__(self, *args):
        active = state.current()
        if active.mode is not None or active.tapes or self.eager:    # another reading, a tape that must see inside: read on
            return self.fn(*(tensors(args) if self.eager else args))
        x, entry = args[0] if len(args) == 1 else None, None
        quick = (x.shape, x.dtype, native.get_threads()) if type(x) is np.ndarray and x.flags.c_contiguous else None
        if quick in self.quick:                                      # one array that needed no conversion last time
            leaves, entry = [x], self.quick[quick]
        else:
            leaves, key = [], []
            _flatten(args, leaves, key)
            key = (tuple(key), native.get_threads())
        with self.arena.lock:
            entry = entry or self.plans.get(key)
            if entry is None:
                try:
                    entry = self.plans[key] = self._trace(args)
                except TracedValueError as error:
                    self.eager = True
                    warnings.warn(f"{self.__name__} runs eagerly (slower): {error}", stacklevel=2)
                    return self.fn(*tensors(args))
            if quick and leaves[0] is x:
                self.quick[quick] = entry
            plan, rebuild = entry
            plan.bind(leaves)
            try:
                plan.run()
                return rebuild(plan.results())
            except native.NativeError as error:
                raise IndexError(f"{self.__name__}: an index or label is out of range: {error.value}. Embedding indices must "
                                 "be below input_dim, labels below the number of classes.") from None

    def _trace(self, args):
        from ..primitives.movement import take
        inputs, trace = [], Trace()

        def describe(x):
            if isinstance(x, Variable):
                return x
            if isinstance(x, (Tensor, np.ndarray)):
                t = Tensor(None, x.shape, x.dtype if isinstance(x, Tensor) else _border(x).name)
                inputs.append(t)
                return t
            if isinstance(x, Rows):
                return convert_to_tensor(take(describe(x.array), describe(x.index), axis=0), x.dtype)
            if isinstance(x, (tuple, list)):
                return type(x)(map(describe, x)) if not hasattr(x, "_fields") else type(x)(*map(describe, x))
            if isinstance(x, dict):
                return {k: describe(v) for k, v in x.items()}
            return x

        with reading(trace):
            out = self.fn(*[describe(a) for a in args])
        outputs = []

        def collect(x):
            if isinstance(x, Tensor):
                outputs.append(x)
                k = len(outputs) - 1
                return lambda made: Tensor(made[k])
            if isinstance(x, (tuple, list)):
                parts = [collect(v) for v in x]
                return lambda made: type(x)([p(made) for p in parts])
            if isinstance(x, dict):
                parts = {n: collect(v) for n, v in x.items()}
                return lambda made: {n: p(made) for n, p in parts.items()}
            return lambda made: x

        rebuild = collect(out)
        plan = Plan(trace.nodes, inputs, outputs, self.arena)
        if config.env("FASTDL_DEBUG") == "1":
            plan.summary()
        return plan, rebuild


def _border(x):
    """The dtype an array has inside: float64 becomes floatx, int64 int32 (values are checked when converted)."""
    if x.dtype == np.float64:
        return np.dtype(config.floatx())
    return np.dtype("int32") if x.dtype == np.int64 else x.dtype


def tensors(x):
    """Arrays as tensors, for code that runs eagerly."""
    if isinstance(x, (np.ndarray, Rows)):
        return convert_to_tensor(x.numpy() if isinstance(x, Rows) else x)
    if isinstance(x, (tuple, list)):
        return type(x)(map(tensors, x)) if not hasattr(x, "_fields") else type(x)(*map(tensors, x))
    return {k: tensors(v) for k, v in x.items()} if isinstance(x, dict) else x


def _flatten(x, leaves, key):
    if isinstance(x, Variable):
        key.append(id(x))
    elif isinstance(x, Tensor):
        leaves.append(x.numpy())
        key.append((x.shape, x.dtype))
    elif isinstance(x, np.ndarray):
        if name_of(x.dtype) in ("float64", "int64") and x.dtype != _border(x) or not x.flags.c_contiguous:
            x = convert_to_tensor(x, _border(x).name).numpy()
        leaves.append(x)
        key.append((x.shape, name_of(x.dtype)))
    elif isinstance(x, Rows):
        key.append((Rows, x.dtype))
        _flatten(x.array, leaves, key)
        _flatten(x.index, leaves, key)
    elif isinstance(x, (tuple, list)):
        key.append((type(x), len(x)))
        for v in x:
            _flatten(v, leaves, key)
    elif isinstance(x, dict):
        key.append((dict, tuple(x)))
        for v in x.values():
            _flatten(v, leaves, key)
    else:
        key.append(x)


def function(fn, arena=None):
    """Compile fn: its primitives are traced once per signature and then run without Python. Functions may share an Arena."""
    return Function(fn, arena)
