"""Along axes: sums, means, extremes, running sums, and their twins that pass over NaN."""
import math

from ..core.tensor import convert_to_tensor
from ..primitives import elementwise as e
from ..primitives import reduce as r
from .promotion import as_dtype, axes_of, filled, floating, one_axis, promote, public, signed
from .shaping import _shaped, get_item
from .symbolic import op

_WIDER = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}


def _wide(x, dtype=None):
    """x in a dtype whose sums do not overflow at once."""
    x = convert_to_tensor(x)
    dtype = _WIDER.get(x.dtype, x.dtype) if dtype is None else as_dtype(dtype)
    return x if x.dtype == dtype else e.cast(x, dtype=dtype)


def _count(x, axes):
    return x.size if axes is None else math.prod(x.shape[a] for a in axes)


@op
def sum(x, axis=None, keepdims=False):
    """y = the sum of x over axis"""
    x = _wide(x)
    return r.sum(x, axis=axes_of(axis, x.ndim), keepdims=keepdims)


@op
def mean(x, axis=None, keepdims=False):
    """y = (1/n) sum of x over axis"""
    x = floating(x)
    return r.mean(x, axis=axes_of(axis, x.ndim), keepdims=keepdims)


@op
def var(x, axis=None, keepdims=False):
    """y = (1/n) sum of (x - mean)^2 over axis"""
    x = floating(x)
    axes = axes_of(axis, x.ndim)
    centred = e.sub(x, r.mean(x, axis=axes, keepdims=True))
    return r.mean(e.square(centred), axis=axes, keepdims=keepdims)


@op
def std(x, axis=None, keepdims=False):
    """y = sqrt((1/n) sum of (x - mean)^2) over axis"""
    return e.sqrt(var(x, axis, keepdims))


@op
def prod(x, axis=None, keepdims=False, dtype=None):
    """y = the product of x over axis"""
    x = _wide(x, dtype)
    return r.prod(x, axis=axes_of(axis, x.ndim), keepdims=keepdims)


def _extreme(name, x, axis, keepdims, initial=None):
    x = convert_to_tensor(x)
    axes = axes_of(axis, x.ndim)
    if not _count(x, axes):
        if initial is None:
            raise ValueError(f"{name} over no values (shape {x.shape}, axis={axis}): give initial=, the value of an empty {name}")
        return filled(r.reduced(x.shape, axes, keepdims), initial, x.dtype)
    y = getattr(r, name)(x, axis=axes, keepdims=keepdims)
    y = y if y.dtype == x.dtype or "float" in y.dtype else e.cast(y, dtype=x.dtype)
    return y if initial is None else getattr(e, name + "imum")(*promote(y, initial))


@op
def max(x, axis=None, keepdims=False, initial=None):
    """y = the largest of x over axis (and initial)"""
    return _extreme("max", x, axis, keepdims, initial)


@op
def min(x, axis=None, keepdims=False, initial=None):
    """y = the smallest of x over axis (and initial)"""
    return _extreme("min", x, axis, keepdims, initial)


@op
def amax(x, axis=None, keepdims=False):
    """y = the largest of x over axis"""
    return _extreme("max", x, axis, keepdims)


@op
def amin(x, axis=None, keepdims=False):
    """y = the smallest of x over axis"""
    return _extreme("min", x, axis, keepdims)


@op
def ptp(x, axis=None, keepdims=False):
    """y = max - min of x over axis"""
    return e.sub(max(x, axis, keepdims), min(x, axis, keepdims))


@op
def all(x, axis=None, keepdims=False):
    """y = does x hold everywhere over axis"""
    x = convert_to_tensor(x)
    return r.all(x, axis=axes_of(axis, x.ndim), keepdims=keepdims)


@op
def any(x, axis=None, keepdims=False):
    """y = does x hold somewhere over axis"""
    x = convert_to_tensor(x)
    return r.any(x, axis=axes_of(axis, x.ndim), keepdims=keepdims)


@op
def count_nonzero(x, axis=None):
    """y = how many of x over axis are not 0"""
    x = convert_to_tensor(x)
    return r.sum(e.cast(e.not_equal(x, filled((), 0, x.dtype)), dtype="int32"), axis=axes_of(axis, x.ndim))


def _place(prim, x, axis, keepdims):
    x = convert_to_tensor(x)
    axis = None if axis is None else one_axis(axis, x.ndim)
    axes = None if axis is None else (axis,)
    if not _count(x, axes):
        raise ValueError(f"{prim.name} over no values: shape {x.shape}, axis={axis}")
    y = prim(x, axis=axis)
    return _shaped(y, r.reduced(x.shape, axes, True)) if keepdims else y


@op
def argmax(x, axis=None, keepdims=False):
    """y = the first index of the largest of x along axis, as int32; without an axis, in the row of all values"""
    return _place(r.argmax, x, axis, keepdims)


@op
def argmin(x, axis=None, keepdims=False):
    """y = the first index of the smallest of x along axis, as int32; without an axis, in the row of all values"""
    return _place(r.argmin, x, axis, keepdims)


@op
def average(x, axis=None, weights=None):
    """y = sum of w x / sum of w over axis; w has x's shape, or is a row along the one axis"""
    if weights is None:
        return mean(x, axis)
    x, w = promote(x, weights, least=float)
    axes = axes_of(axis, x.ndim)
    if w.shape != x.shape:
        if axes is None or w.shape != tuple(x.shape[a] for a in axes):
            raise ValueError(f"average: weights of shape {w.shape} fit neither x of shape {x.shape} nor its axis {axis}")
        w = _shaped(w, [d if k in axes else 1 for k, d in enumerate(x.shape)])
    total = r.sum(w, axis=axes)
    return e.div(r.sum(e.mul(x, w), axis=axes), total)


# ---------------------------------------------------------------- running
def _running(prim, x, axis, dtype):
    x = convert_to_tensor(x)
    x = signed(x) if dtype is None else convert_to_tensor(x, as_dtype(dtype))
    x, axis = (_shaped(x, (x.size,)), 0) if axis is None else (x, one_axis(axis, x.ndim))
    return prim(x, axis=axis)


@op
def cumsum(x, axis=None, dtype=None):
    """y[k] = x[0] + ... + x[k] along axis; without an axis, over all values in a row"""
    return _running(r.cumsum, x, axis, dtype)


@op
def cumprod(x, axis=None, dtype=None):
    """y[k] = x[0] ... x[k] along axis; without an axis, over all values in a row"""
    return _running(r.cumprod, x, axis, dtype)


@op
def diff(a, n=1, axis=-1):
    """y[k] = a[k + 1] - a[k] along axis, n times over"""
    a = convert_to_tensor(a)
    if n < 0:
        raise ValueError(f"diff: n counts repetitions and cannot be negative, got {n}")
    axis = one_axis(axis, a.ndim)
    at = lambda s: get_item(a, (slice(None),) * axis + (s,))
    for _ in range(n):
        step = e.not_equal if a.dtype == "bool" else e.sub
        a = step(at(slice(1, None)), at(slice(None, -1))) if a.shape[axis] > 1 else at(slice(0, 0))
    return a


@op
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """z = sum of (y[k] + y[k + 1]) / 2 times (x[k + 1] - x[k]) along axis; without x the steps are dx"""
    y = floating(y)
    axis = one_axis(axis, y.ndim)
    pairs = e.add(*(get_item(y, (slice(None),) * axis + (s,)) for s in (slice(1, None), slice(None, -1))))
    if x is not None:
        x = floating(x)
        step = diff(x, axis=axis if x.ndim > 1 else 0)
    else:
        step = convert_to_tensor(dx, y.dtype)
    if step.ndim == 1:
        step = _shaped(step, [step.size if k == axis else 1 for k in range(y.ndim)])
    return e.mul(r.sum(e.mul(pairs, step), axis=(axis,)), 0.5)


# ---------------------------------------------------------------- passing over NaN
def _without_nan(x, fill):
    """x with `fill` for NaN, and where it was NaN (None for whole numbers)."""
    x = convert_to_tensor(x)
    if "float" not in x.dtype:
        return x, None
    nan = e.isnan(x)
    return e.where(nan, filled((), fill, x.dtype), x), nan


@op
def nansum(x, axis=None, keepdims=False):
    """y = the sum over axis of what is not NaN"""
    return sum(_without_nan(x, 0)[0], axis, keepdims)


@op
def nanprod(x, axis=None, keepdims=False):
    """y = the product over axis of what is not NaN"""
    return prod(_without_nan(x, 1)[0], axis, keepdims)


@op
def nancumsum(x, axis=None, dtype=None):
    """y[k] = x[0] + ... + x[k] along axis, NaN counting as 0"""
    return cumsum(_without_nan(x, 0)[0], axis, dtype)


@op
def nancumprod(x, axis=None, dtype=None):
    """y[k] = x[0] ... x[k] along axis, NaN counting as 1"""
    return cumprod(_without_nan(x, 1)[0], axis, dtype)


@op
def nanmean(x, axis=None, keepdims=False):
    """y = the mean over axis of what is not NaN; NaN where nothing is left"""
    x, nan = _without_nan(x, 0)
    if nan is None:
        return mean(x, axis, keepdims)
    return _mean_of_left(x, nan, axis, keepdims)


def _mean_of_left(x, nan, axis, keepdims):
    """The mean of x (0 where nan) over the places that are not nan."""
    axes = axes_of(axis, x.ndim)
    left = r.sum(e.cast(e.logical_not(nan), dtype=x.dtype), axis=axes, keepdims=keepdims)
    return e.div(r.sum(x, axis=axes, keepdims=keepdims), left)


@op
def nanvar(x, axis=None, keepdims=False):
    """y = the variance over axis of what is not NaN"""
    x, nan = _without_nan(floating(x), 0)
    centred = e.sub(x, _mean_of_left(x, nan, axis, True))
    return _mean_of_left(e.where(nan, filled((), 0, x.dtype), e.square(centred)), nan, axis, keepdims)


@op
def nanstd(x, axis=None, keepdims=False):
    """y = the standard deviation over axis of what is not NaN"""
    return e.sqrt(nanvar(x, axis, keepdims))


def _nan_extreme(name, x, axis, keepdims):
    x, nan = _without_nan(x, -math.inf if name == "max" else math.inf)
    y = _extreme(name, x, axis, keepdims)
    return y if nan is None else e.where(all(nan, axis, keepdims), filled((), math.nan, x.dtype), y)


@op
def nanmax(x, axis=None, keepdims=False):
    """y = the largest over axis of what is not NaN; NaN where nothing is left"""
    return _nan_extreme("max", x, axis, keepdims)


@op
def nanmin(x, axis=None, keepdims=False):
    """y = the smallest over axis of what is not NaN; NaN where nothing is left"""
    return _nan_extreme("min", x, axis, keepdims)


def _nan_place(prim, fill, x, axis, keepdims):
    x, nan = _without_nan(x, fill)
    y = _place(prim, x, axis, keepdims)
    return y if nan is None else e.where(all(nan, axis, keepdims), filled((), -1, "int32"), y)


@op
def nanargmax(x, axis=None, keepdims=False):
    """y = the first index of the largest of x along axis that is not NaN; -1 where nothing is left"""
    return _nan_place(r.argmax, -math.inf, x, axis, keepdims)


@op
def nanargmin(x, axis=None, keepdims=False):
    """y = the first index of the smallest of x along axis that is not NaN; -1 where nothing is left"""
    return _nan_place(r.argmin, math.inf, x, axis, keepdims)


__all__ = public(globals())
