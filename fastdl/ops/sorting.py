"""By order: sorting, searching, quantiles, counting. What has a data-dependent shape needs values, so it cannot be traced."""
import builtins
import math
import operator

import numpy as np

from ..core.tensor import convert_to_tensor
from ..primitives import elementwise as e
from ..primitives import more
from ..primitives import movement as m
from ..primitives import reduce as r
from .promotion import axes_of, constant, filled, floating, is_number, one_axis, promote, public, result_type
from .shaping import _shaped, get_item, moveaxis, ravel, take_along_axis
from .symbolic import op


@op
def argsort(x, axis=-1):
    """y = the indices that put x in ascending order along axis; equals keep their order; NaN comes last"""
    x = convert_to_tensor(x)
    if axis is None or not x.ndim:
        x, axis = ravel(x), 0
    return m.argsort(x, axis=one_axis(axis, x.ndim))


@op
def sort(x, axis=-1):
    """y = x in ascending order along axis; NaN comes last"""
    x = convert_to_tensor(x)
    x, axis = (ravel(x), 0) if axis is None else (x, one_axis(axis, x.ndim))
    return more.take_along(x, m.argsort(x, axis=axis), axis=axis)


@op
def argpartition(x, kth, axis=-1):
    """y = indices that put the kth smallest of x in its place along axis, smaller ones before it"""
    return argsort(x, axis)


@op
def searchsorted(sorted_sequence, values, side="left"):
    """i = where a value would enter the ascending row: before its equals (left) or after them (right)"""
    row, values = promote(sorted_sequence, values)
    if row.ndim != 1:
        raise ValueError(f"searchsorted needs one ascending row, got shape {row.shape}")
    if side not in ("left", "right"):
        raise ValueError(f'searchsorted: side must be "left" or "right", got {side!r}')
    return more.searchsorted(row, values, side=side)


@op
def digitize(x, bins):
    """i = the number of the bin that holds x: bins[i - 1] <= x < bins[i]"""
    return searchsorted(bins, x, "right")


@op
def isin(x1, x2, assume_unique=False, invert=False):
    """z = is x1 among the values of x2"""
    x1, x2 = promote(x1, x2)
    if not x2.size:
        return filled(x1.shape, invert, "bool")
    row = sort(ravel(x2))
    at = e.minimum(more.searchsorted(row, x1, side="left"), x2.size - 1)
    return (e.not_equal if invert else e.equal)(m.take(row, at, axis=0), x1)


# ---------------------------------------------------------------- quantiles
# Where between its two neighbours the quantile lies, from the fraction t of the way to the upper one.
_BETWEEN = {"linear": lambda t: t, "lower": None, "higher": e.ceil, "nearest": None, "midpoint": lambda t: e.mul(e.ceil(t), 0.5)}


def _quantile(x, q, axis, method, keepdims, skip_nan):
    if method not in _BETWEEN:
        raise ValueError(f"unknown method {method!r}; known: {', '.join(_BETWEEN)}")
    dtype = floating(x).dtype
    x = convert_to_tensor(x, result_type(dtype, "float32"))                          # half precision cannot count to 4096
    q = convert_to_tensor(q, x.dtype)
    axes = axes_of(axis, x.ndim) or tuple(range(x.ndim))
    kept = [k for k in range(x.ndim) if k not in axes]
    rows = [x.shape[k] for k in kept]
    flat = sort(_shaped(moveaxis(x, axes, tuple(range(len(kept), x.ndim))), [*rows, math.prod(x.shape[a] for a in axes)]))
    n = flat.shape[-1]
    if not n:
        raise ValueError(f"a quantile of no values: shape {x.shape}, axis={axis}")
    nans = r.sum(e.cast(e.isnan(flat), dtype=x.dtype), axis=(len(rows),), keepdims=True)
    last = e.maximum(e.sub(n - 1.0, nans), 0.0) if skip_nan else filled((1,) * len(rows) + (1,), n - 1, x.dtype)
    at = e.mul(_shaped(q, (1,) * len(rows) + (q.size,)), last)                      # (rows..., how many q)
    low = (e.round if method == "nearest" else e.floor)(at)                          # halves go to the even place
    pick = lambda k: take_along_axis(flat, e.cast(k, dtype="int32"), -1)
    y = pick(low)
    if _BETWEEN[method]:
        t = _BETWEEN[method](e.sub(at, low))
        above = pick(e.minimum(e.add(low, 1.0), last))
        y = e.where(e.equal(t, 0.0), y, e.add(y, e.mul(e.sub(above, y), t)))         # an infinite neighbour does not matter at t = 0
    gone = e.equal(nans, float(n)) if skip_nan else e.greater(nans, 0.0)
    y = e.where(gone, filled((), math.nan, x.dtype), y)
    y = moveaxis(y, -1, 0)
    shape = [1 if k in axes else d for k, d in enumerate(x.shape)] if keepdims else rows
    return convert_to_tensor(_shaped(y, [*q.shape, *shape]), dtype)


@op
def quantile(x, q, axis=None, method="linear", keepdims=False):
    """y = the value below which a part q (0 to 1) of x lies; several q come first in y's shape"""
    return _quantile(x, q, axis, method, keepdims, False)


@op
def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """y = the quantile of what is not NaN"""
    return _quantile(x, q, axis, method, keepdims, True)


def _percent(q):
    return q / 100 if is_number(q) else e.div(floating(q), 100.0)


@op
def percentile(x, q, axis=None, method="linear", keepdims=False):
    """y = the value below which q percent of x lie"""
    return _quantile(x, _percent(q), axis, method, keepdims, False)


@op
def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """y = the value below which q percent of x lie that are not NaN"""
    return _quantile(x, _percent(q), axis, method, keepdims, True)


@op
def median(x, axis=None, keepdims=False):
    """y = the middle value of x over axis, the mean of two middle ones"""
    return _quantile(x, 0.5, axis, "linear", keepdims, False)


@op
def nanmedian(x, axis=None, keepdims=False):
    """y = the middle value of what is not NaN"""
    return _quantile(x, 0.5, axis, "linear", keepdims, True)


# ---------------------------------------------------------------- counting
@op
def bincount(x, weights=None, minlength=0, sparse=False):
    """y[k] = how often k is in x (or the sum of its weights); a matrix is counted row by row"""
    if sparse:
        raise ValueError("bincount: sparse=True is not offered; the result is dense")
    x = convert_to_tensor(x)
    if "float" in x.dtype:
        raise TypeError(f"bincount counts whole numbers, got dtype {x.dtype}: cast them with ops.cast(x, 'int32')")
    if x.ndim not in (1, 2):
        raise ValueError(f"bincount takes a row or a matrix of whole numbers, got shape {x.shape}")
    values = x.numpy()
    if values.size and values.min() < 0:
        raise ValueError(f"bincount counts numbers from 0 on, got {values.min()}")
    n = builtins.max(int(values.max()) + 1 if values.size else 0, operator.index(minlength))
    weights = filled(x.shape, 1, "int32") if weights is None else convert_to_tensor(weights)
    rows = x.shape[0] if x.ndim == 2 else 1
    place = constant(values.reshape(rows, -1).astype("int64") + n * np.arange(rows)[:, None], "int32")
    return _shaped(m.take_grad(weights, _shaped(place, x.shape), shape=(rows * n,), axis=0), x.shape[:-1] + (n,))


@op
def histogram(x, bins=10, range=None):
    """(counts, edges): how many x lie in each of the bins of equal width over range, or between the given edges"""
    x = ravel(floating(x))
    if isinstance(bins, (int, np.integer)):
        if bins < 1:
            raise ValueError(f"histogram: bins must be a positive number or the edges, got {bins}")
        if range is None:
            low, high = (filled((), v, x.dtype) for v in (0, 1)) if not x.size else (r.min(x), r.max(x))
        else:
            low, high = promote(*range, least=x.dtype)
        flat = e.cast(e.equal(low, high), dtype=x.dtype)                             # one value alone lies in a bin of width 1
        low, high = e.sub(low, e.mul(flat, 0.5)), e.add(high, e.mul(flat, 0.5))
        t = constant(np.arange(bins + 1) / bins, x.dtype)
        edges = e.add(e.mul(low, e.sub(1.0, t)), e.mul(high, t))
    else:
        edges = convert_to_tensor(bins, x.dtype)
        bins = edges.size - 1
    first, last = get_item(edges, 0), get_item(edges, -1)
    place = e.minimum(more.searchsorted(edges, x, side="right"), bins)              # the last bin holds its right edge
    inside = e.logical_and(e.greater_equal(x, first), e.less_equal(x, last))
    ones = e.cast(inside, dtype=x.dtype)                                             # Keras counts in floats, too
    return m.take_grad(ones, e.maximum(e.sub(place, 1), 0), shape=(bins,), axis=0), edges


# ---------------------------------------------------------------- shapes that depend on values
@op
def nonzero(x):
    """(i_0, i_1, ...) = the indices along each axis where x is not 0"""
    return tuple(constant(i, "int32") for i in np.nonzero(convert_to_tensor(x).numpy()))


@op
def unique(x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None, fill_value=None):
    """y = the different values of x, ascending; size= cuts or fills them (with fill_value, else the smallest)"""
    a = convert_to_tensor(x).numpy()
    values, first, inverse, counts = np.unique(a, True, True, True, axis=axis, equal_nan=False)
    inverse = inverse.reshape(a.shape if axis is None else (-1,))
    if size is not None:
        along, have = axis or 0, values.shape[axis or 0]
        keep = (slice(None),) * along + (slice(size),)
        fill = values.take(0, along) if fill_value is None and have else (0 if fill_value is None else fill_value)
        more_rows = builtins.max(size - have, 0)
        values = values[keep]
        if more_rows:
            blank = np.empty(values.shape[:along] + (more_rows,) + values.shape[along + 1:], values.dtype)
            blank[...] = np.expand_dims(fill, along) if np.ndim(fill) else fill
            values = np.concatenate([values, blank], along)
        first = np.append(first[:size], np.full(more_rows, first[0] if have else 0))
        counts = np.append(counts[:size], np.zeros(more_rows, int))
    out = [constant(values, a.dtype.name)]
    out += [constant(v, "int32") for v, wanted in ((first, return_index), (inverse, return_inverse), (counts, return_counts)) if wanted]
    return out[0] if len(out) == 1 else tuple(out)


__all__ = public(globals())
