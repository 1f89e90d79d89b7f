"""@elementwise: a user's scalar function becomes a primitive. Numba (an extra) compiles the loops, once per dtype.

The loops sit in the plan as calls of the kernel `user`. exp, log and tanh of float32 are written so that LLVM makes
vectors of them: the C library's would be called element by element.
"""
import ctypes
import inspect
import math
import types

import numpy as np

from .primitive import Primitive, bind
from .tensor import Tensor, convert_to_tensor

MOST = 4                                 # inputs of a user's function: the gradient of the result is one more


def _numba():
    try:
        import numba
    except ImportError:
        raise ImportError("fastdl.elementwise compiles your function with Numba, which is not installed: "
                          'pip install "fastdl[numba]"') from None
    return numba


def _vector_math():
    """exp, log and tanh of one float32 without a branch or a call."""
    numba = _numba()
    from llvmlite import ir
    from numba.extending import intrinsic

    def bits(source, target, llvm):
        @intrinsic
        def cast(context, x):
            return target(source), lambda ctx, builder, sig, args: builder.bitcast(args[0], llvm)
        return cast

    as_float = bits(numba.int32, numba.float32, ir.FloatType())
    as_int = bits(numba.float32, numba.int32, ir.IntType(32))
    f, i, inline = np.float32, np.int32, numba.njit(inline="always", error_model="numpy")

    @inline
    def exp(x):
        """2^n e^r, |r| <= ln 2 / 2; minimax polynomial of degree 6, within 2 units in the last place"""
        x = f(x)
        a = min(max(x, f(-103.9)), f(88.8))
        n = np.floor(a * f(1.44269504) + f(0.5))
        r = (a - n * f(0.693359375)) + n * f(2.12194440e-4)
        p = f(1.9875691500e-4)
        p = p * r + f(1.3981999507e-3)
        p = p * r + f(8.3334519073e-3)
        p = p * r + f(4.1665795894e-2)
        p = p * r + f(1.6666665459e-1)
        p = p * r + f(5.0000001201e-1)
        p = p * (r * r) + r + f(1)
        half = i(n) >> i(1)                                 # in two steps: 2^128 and 2^-140 are no float32
        y = p * as_float(i((half + i(127)) << i(23))) * as_float(i((i(n) - half + i(127)) << i(23)))
        y = f(np.inf) if x > f(88.72284) else (f(0) if x < f(-103.9) else y)
        return x if x != x else y

    @inline
    def log(x):
        """n ln 2 + log(m), m in [sqrt(1/2), sqrt(2)); log(m) = 2 artanh((m - 1) / (m + 1))"""
        x = f(x)
        tiny = x < f(1.1754944e-38)
        k = as_int(x * f(8388608) if tiny else x) - i(0x3f3504f3)
        n = f(k >> i(23)) - (f(23) if tiny else f(0))
        m = as_float(i((k & i(0x007fffff)) + i(0x3f3504f3)))
        s = (m - f(1)) / (m + f(1))
        z = s * s
        p = f(0.22222222)
        p = p * z + f(0.28571430)
        p = p * z + f(0.4)
        p = p * z + f(0.6666667)
        y = n * f(0.693359375) + (s * (z * p) + f(2) * s - n * f(2.12194440e-4))
        y = f(-np.inf) if x == f(0) else (f(np.inf) if x == f(np.inf) else y)
        return f(np.nan) if x < f(0) or x != x else y

    @inline
    def tanh(x):
        """(1 - e) / (1 + e), e = exp(-2|x|); an odd polynomial near 0, where that would cancel"""
        x = f(x)
        a, z = abs(x), x * x
        e = exp(f(-2) * a)
        far = (f(1) - e) / (f(1) + e)
        p = f(-5.70498872745e-3)
        p = p * z + f(2.06390887954e-2)
        p = p * z + f(-5.37397155531e-2)
        p = p * z + f(1.33314422036e-1)
        p = p * z + f(-3.33332819422e-1)
        return x + x * z * p if a < f(0.625) else (-far if x < f(0) else far)
    return dict(exp=exp, log=log, tanh=tanh)


_made = {}


def _narrow(value):
    """A number of the user's that leaves float32 what it is: 1 + x would be float64 to Numba."""
    if type(value) is float:
        return np.float32(value)
    return np.int16(value) if type(value) is int and abs(value) < 2**15 else value


def _prepared(fn, dtype):
    """fn for Numba; in float32 its `math` and `numpy` have vector versions, and its numbers do not widen the result."""
    numba = _numba()
    if dtype == "float64":
        return numba.njit(fn, error_model="numpy")
    if not _made:
        _made.update(_vector_math())
        for module in (math, np):
            copy = types.ModuleType(module.__name__)
            copy.__dict__.update({k: v for k, v in vars(module).items() if not k.startswith("__")})
            copy.__dict__.update({k: _made[k] for k in ("exp", "log", "tanh")})
            _made[module] = copy
    swap = {id(math): _made[math], id(np): _made[np]}
    swap.update({id(getattr(m, k)): _made[k] for m in (math, np) for k in ("exp", "log", "tanh")})
    names = {k: _narrow(swap.get(id(v), v)) for k, v in fn.__globals__.items()}
    code = fn.__code__.replace(co_consts=tuple(map(_narrow, fn.__code__.co_consts)))
    copy = types.FunctionType(code, names, fn.__name__, fn.__defaults__, fn.__closure__)
    return numba.njit(copy, error_model="numpy", fastmath={"contract", "nsz"})


def _loop(fn, dtype, scalars, pick=None, with_gradient=False):
    """for k in lo .. hi: y[k] = fn(x0[k], ...); an input in `scalars` has one element. `pick`: one of fn's results,
    multiplied by the gradient that comes first among the inputs."""
    numba = _numba()
    count = len(scalars) + with_gradient
    inputs = [f"x{k}" for k in range(count)]
    values = [f"s{k}" if scalars[k - with_gradient] and k >= with_gradient else f"x{k}[k]" for k in range(count)]
    call = f"fn({', '.join(values[with_gradient:])})"
    if pick is not None:
        call += f"[{pick}]"
    lines = [f"def loop(y_, {', '.join(v + '_' for v in inputs)}, lo, hi):", " y = carray(y_, hi)[lo:hi]"]
    for k, v in enumerate(inputs):
        lines.append(f" {v} = carray({v}_, {'1)' if values[k].startswith('s') else 'hi)[lo:hi]'}")
        if values[k].startswith("s"):
            lines.append(f" s{k} = {v}[0]")
    lines += [" for k in range(hi - lo):", f"  y[k] = {'x0[k] * ' if with_gradient else ''}{call}"]
    space = dict(fn=fn, carray=numba.carray)
    exec("\n".join(lines), space)                           # our own text: no name or number of the user's is in it
    real = getattr(numba, dtype)
    signature = numba.void(*[numba.types.CPointer(real)] * (count + 1), numba.int64, numba.int64)
    return numba.cfunc(signature, nopython=True, error_model="numpy", fastmath={"contract", "nsz"})(space["loop"])


class Elementwise:
    """y[k] = f(x0[k], x1[k], ...), with NumPy's broadcasting; a tensor goes in, a tensor comes out.

    >>> @fastdl.elementwise                                  # doctest: +SKIP
    ... def swish(x):
    ...     return x / (1 + math.exp(-x))
    >>> @swish.derivative                                    # doctest: +SKIP
    ... def swish_derivative(x):
    ...     s = 1 / (1 + math.exp(-x))
    ...     return s + x * s * (1 - s)
    >>> model.add(layers.Dense(64, activation=swish))        # doctest: +SKIP

    The derivative takes the same arguments; with several it returns one partial derivative for each, in a tuple.
    """

    def __init__(self, fn):
        _numba()
        self.fn, self.grad_fn, self.__name__, self.__doc__ = fn, None, fn.__name__, fn.__doc__
        self.inputs = len(inspect.signature(fn).parameters)
        if not 1 <= self.inputs <= MOST:
            raise ValueError(f"{fn.__name__} takes {self.inputs} arguments; fastdl.elementwise compiles functions of 1 to {MOST} numbers.")
        self.loops = {}
        self.forward = self._primitive(None)
        self.backward = [self._primitive(k) for k in range(self.inputs)]

    def derivative(self, fn):
        """Decorator: fn(x0, x1, ...) returns df/dx0 or, of several arguments, the tuple of all."""
        if len(inspect.signature(fn).parameters) != self.inputs:
            raise ValueError(f"the derivative of {self.__name__} must take the same {self.inputs} argument(s).")
        self.grad_fn = fn
        self.loops.clear()
        return self

    def __call__(self, *inputs):
        if len(inputs) != self.inputs:
            raise TypeError(f"{self.__name__} takes {self.inputs} argument(s), got {len(inputs)}.")
        from ..ops import symbolic
        if symbolic.any_symbolic(*inputs):
            return symbolic.record(symbolic.UserCall(self), self._run, inputs, {})
        return self._run(*inputs)

    def _run(self, *inputs):
        from ..primitives.movement import broadcast_to
        floats = [x.dtype for x in inputs if isinstance(x, Tensor) and x.dtype.startswith("float")]
        made = [x if isinstance(x, Tensor) else convert_to_tensor(x, floats[0] if floats and np.ndim(x) == 0 else None) for x in inputs]
        full = np.broadcast_shapes(*[x.shape for x in made])
        made = [x if x.shape == full or x.size == 1 else broadcast_to(x, shape=full) for x in made]
        return bind(self.forward, made, {})

    def _address(self, dtype, scalars, k=None):
        key = dtype, scalars, k
        if key not in self.loops:
            if k is None:
                made = _loop(_prepared(self.fn, dtype), dtype, scalars)
            else:
                made = _loop(_prepared(self.grad_fn, dtype), dtype, scalars, k if self.inputs > 1 else None, True)
            self.loops[key] = made
        return self.loops[key].address

    def _primitive(self, k):
        """The function itself (k None), or g df/dx_k."""
        own, first = self, 0 if k is None else 1

        def shape(*xs):
            if any(not x.dtype.startswith("float") for x in xs):
                raise TypeError(f"{own.__name__} computes with float32 or float64, got {', '.join(x.dtype for x in xs)}: "
                                'convert first, x.astype("float32")')
            return np.broadcast_shapes(*[x.shape for x in xs]), xs[0].dtype

        def calls(y, *xs):
            scalars = tuple(x.size == 1 and y.size > 1 for x in xs[first:])
            yield "user", [y], list(xs), [y.size, len(xs), own._address("float32", scalars, k)]

        def ref(*xs):
            dtype = "float64" if xs[0].dtype == np.float64 else "float32"
            arrays = [np.ascontiguousarray(a, dtype) for a in np.broadcast_arrays(*xs)]
            y = np.empty(arrays[0].shape, dtype)
            kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(xs) + 1), ctypes.c_int64, ctypes.c_int64)
            kind(own._address(dtype, (False,) * own.inputs, k))(y.ctypes.data, *[a.ctypes.data for a in arrays], 0, y.size)
            return y

        def supports(ins, attrs):
            full = np.broadcast_shapes(*[x.shape for x in ins])
            return all(x.dtype == "float32" and (x.shape == full or x.size == 1) for x in ins) and (first == 0 or ins[0].shape == full)

        def vjp(g, y, *xs, need):
            from ..primitives.reduce import sum_to
            if own.grad_fn is None:
                raise ValueError(f"{own.__name__} has no derivative. Add it:  @{own.__name__}.derivative  above a function of the "
                                 f"same argument{'s' if own.inputs > 1 else ''} that returns it.")
            made = [bind(own.backward[j], (g, *xs), {}) if need[j] else None for j in range(own.inputs)]
            return tuple(m if m is None or m.shape == x.shape else sum_to(m, shape=x.shape) for m, x in zip(made, xs))

        body = dict(__doc__=self.__doc__, shape=shape, calls=calls, ref=ref, supports=supports)
        if k is None:
            body["vjp"] = vjp
        return Primitive(type(self.__name__ if k is None else f"{self.__name__}_derivative", (), body))


def elementwise(fn):
    """Compile a scalar function (and, by .derivative, its derivative) into one kernel call of the step: see Elementwise."""
    return Elementwise(fn)
