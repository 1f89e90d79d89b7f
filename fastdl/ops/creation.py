"""Tensors from sizes and numbers: constants, ranges, grids, windows."""
import math

import numpy as np

from .. import config
from ..core.tensor import Tensor, convert_to_tensor
from ..primitives import elementwise as e
from ..primitives.movement import broadcast_to, reshape
from ..primitives.movement import copy as copy_of
from .promotion import as_dtype, as_shape, constant, filled, is_number, kind, promote, public, result_type
from .shaping import expand_dims, moveaxis
from .symbolic import op


@op
def array(x, dtype=None):
    """y = x as a tensor"""
    return convert_to_tensor(x, None if dtype is None else as_dtype(dtype))


@op
def copy(x):
    """y = x in memory of its own"""
    return copy_of(convert_to_tensor(x))


@op
def zeros(shape, dtype=None):
    """y = 0 everywhere"""
    return filled(shape, 0, as_dtype(dtype or config.floatx()))


@op
def ones(shape, dtype=None):
    """y = 1 everywhere"""
    return filled(shape, 1, as_dtype(dtype or config.floatx()))


@op
def empty(shape, dtype=None):
    """y = 0 everywhere: memory without values would differ from run to run"""
    return filled(shape, 0, as_dtype(dtype or config.floatx()))


@op
def full(shape, fill_value, dtype=None):
    """y = fill_value, broadcast to shape"""
    dtype = as_dtype(dtype or config.floatx())
    if is_number(fill_value) or isinstance(fill_value, bool):
        return filled(shape, fill_value, dtype)
    return broadcast_to(convert_to_tensor(fill_value, dtype), shape=as_shape(shape))


def _like(x, dtype):
    x = convert_to_tensor(x)
    return x.shape, as_dtype(dtype or x.dtype)


@op
def zeros_like(x, dtype=None):
    """y = 0, of x's shape and dtype"""
    shape, dtype = _like(x, dtype)
    return filled(shape, 0, dtype)


@op
def ones_like(x, dtype=None):
    """y = 1, of x's shape and dtype"""
    shape, dtype = _like(x, dtype)
    return filled(shape, 1, dtype)


@op
def empty_like(x, dtype=None):
    """y = 0, of x's shape and dtype"""
    return zeros_like(x, dtype)


@op
def full_like(x, fill_value, dtype=None):
    """y = fill_value, of x's shape and dtype"""
    shape, dtype = _like(x, dtype)
    return full(shape, fill_value, dtype)


@op
def eye(N, M=None, k=0, dtype=None):
    """y[i, i + k] = 1, elsewhere 0; N rows, M columns"""
    return constant(np.eye(*as_shape(N), None if M is None else as_shape(M)[0], k), dtype)


@op
def identity(n, dtype=None):
    """y[i, i] = 1, elsewhere 0; n rows and columns"""
    return eye(n, dtype=dtype)


@op
def tri(N, M=None, k=0, dtype=None):
    """y[i, j] = 1 where j <= i + k, elsewhere 0"""
    return constant(np.tri(N, M, k), dtype)


@op
def arange(start, stop=None, step=None, dtype=None):
    """y = start, start + step, ... before stop; arange(n) counts from 0"""
    given = [v.item() if isinstance(v, (Tensor, np.ndarray, np.generic)) else v for v in (start, stop, step)]
    if dtype is None:
        dtype = result_type(*[kind(v) for v in (start, stop, step) if v is not None])
    start, stop, step = given
    start, stop = (0, start) if stop is None else (start, stop)
    return constant(np.arange(start, stop, 1 if step is None else step), dtype)


def _spaced(mix, exact, start, stop, num, endpoint, dtype, axis):
    """exact(start, stop) in NumPy where both are numbers, else mix(start, stop, t) with t = 0 ... 1 along a new axis."""
    if num < 0:
        raise ValueError(f"num counts samples and cannot be negative, got {num}")
    dtype = as_dtype(dtype or result_type(kind(start), kind(stop), float))
    if is_number(start) and is_number(stop):
        y = exact(start, stop)
        return constant(np.floor(y) if "int" in dtype else y, dtype)
    start, stop = promote(start, stop, least=float)
    rank = max(start.ndim, stop.ndim)
    start, stop = (reshape(v, shape=(1,) * (1 + rank - v.ndim) + v.shape) for v in (start, stop))
    t = np.arange(num) / max(num - 1 if endpoint else num, 1)
    y = moveaxis(mix(start, stop, constant(t.reshape((-1,) + (1,) * rank), start.dtype)), 0, axis)
    return y if dtype == y.dtype else e.cast(e.floor(y) if "int" in dtype else y, dtype=dtype)


def _line(start, stop, t):
    return e.add(e.mul(start, e.sub(1.0, t)), e.mul(stop, t))                      # exact at both ends


@op
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """y[i] = start + i (stop - start) / (num - 1); with endpoint=False, / num"""
    y = _spaced(_line, lambda a, b: np.linspace(a, b, num, endpoint), start, stop, num, endpoint, dtype, axis)
    if not retstep:
        return y
    a, b = promote(start, stop, least=float)
    gaps = num - 1 if endpoint else num
    return y, e.div(e.sub(b, a), float(gaps) if gaps > 0 else math.nan)


@op
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """y[i] = base^(the i-th of linspace(start, stop, num))"""
    return _spaced(lambda a, b, t: e.power(float(base), _line(a, b, t)), lambda a, b: np.logspace(a, b, num, endpoint, base),
                   start, stop, num, endpoint, dtype, axis)


@op
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """y[i] = start (stop / start)^(i / (num - 1)): equal ratios"""
    return _spaced(lambda a, b, t: e.mul(a, e.power(e.div(b, a), t)), lambda a, b: np.geomspace(a, b, num, endpoint),
                   start, stop, num, endpoint, dtype, axis)


@op
def meshgrid(*x, indexing="xy"):
    """y_k[i_1, ..., i_n] = x_k[i_k]; with indexing "xy" the first two axes change places"""
    if indexing not in ("xy", "ij"):
        raise ValueError(f'meshgrid: indexing must be "xy" or "ij", got {indexing!r}')
    xs = [convert_to_tensor(v) for v in x]
    place = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        place[:2] = 1, 0
    sizes = [1] * len(xs)
    for k, v in zip(place, xs):
        sizes[k] = v.size
    shapes = [tuple(v.size if j == k else 1 for j in range(len(xs))) for k, v in zip(place, xs)]
    return [broadcast_to(reshape(v, shape=s), shape=tuple(sizes)) for v, s in zip(xs, shapes)]


@op
def vander(x, N=None, increasing=False):
    """y[i, j] = x[i]^(N - 1 - j); increasing: x[i]^j"""
    x = convert_to_tensor(x)
    if x.ndim != 1:
        raise ValueError(f"vander needs one row of numbers, got shape {x.shape}")
    N = x.size if N is None else N
    exponents = np.arange(N) if increasing else np.arange(N)[::-1]
    x, exponents = promote(x, constant(exponents, x.dtype if "float" in x.dtype else "int32"), least=int)
    return e.power(expand_dims(x, 1), exponents)


def _window(name, equation):
    def f(x):
        return constant(getattr(np, name)(int(convert_to_tensor(x))))
    f.__name__ = f.__qualname__ = name
    f.__doc__ = equation + "; x is the number of points"
    return op(f)


bartlett = _window("bartlett", "y[n] = 1 - |2n / (x - 1) - 1|")
blackman = _window("blackman", "y[n] = 0.42 - 0.5 cos(2 pi n / (x - 1)) + 0.08 cos(4 pi n / (x - 1))")
hamming = _window("hamming", "y[n] = 0.54 - 0.46 cos(2 pi n / (x - 1))")
hanning = _window("hanning", "y[n] = 0.5 - 0.5 cos(2 pi n / (x - 1))")


@op
def kaiser(x, beta):
    """y[n] = I0(beta sqrt(1 - (2n / (x - 1) - 1)^2)) / I0(beta); x is the number of points"""
    return constant(np.kaiser(int(convert_to_tensor(x)), float(beta)))


__all__ = public(globals())
