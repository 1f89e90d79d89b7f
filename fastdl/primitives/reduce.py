"""Reductions. Axes are a sorted tuple; adjacent ones collapse to the middle of [outer, reduce, inner]."""
import math

import numpy as np

from ..core.primitive import nonzero, primitive, reals
from .elementwise import cast, div, equal, mul


def axes_of(axis, ndim):
    if axis is None:
        return tuple(range(ndim))
    axis = (axis,) if isinstance(axis, (int, np.integer)) else axis
    for a in axis:
        if not -ndim <= a < ndim:
            raise ValueError(f"axis {a} is out of range for a tensor of {ndim} dimensions (use {-ndim} to {ndim - 1})")
    return tuple(sorted(int(a) % ndim for a in axis))


def reduced(shape, axis, keepdims):
    axes = axes_of(axis, len(shape))
    return tuple(1 if k in axes else d for k, d in enumerate(shape) if keepdims or k not in axes)


def middle(x, axis):
    """(outer, reduce, inner) where the axes are adjacent, else None."""
    axes = axes_of(axis, x.ndim)
    if not axes:
        return None
    if axes != tuple(range(axes[0], axes[-1] + 1)):
        return None
    return math.prod(x.shape[:axes[0]]), math.prod(x.shape[axes[0]:axes[-1] + 1]), math.prod(x.shape[axes[-1] + 1:])


def spread(g, x, axis):
    """g, reduced, back to x's shape."""
    from .movement import broadcast_to, reshape
    return broadcast_to(reshape(g, shape=reduced(x.shape, axis, True)), shape=x.shape)


def reduction(name, ref, vjp=None, kernel=None, dtype=None):
    def shape(x, *, axis=None, keepdims=False):
        return reduced(x.shape, axis, keepdims), dtype or x.dtype

    def numpy(x, *, axis=None, keepdims=False):
        return np.asarray(ref(x, axis=axes_of(axis, x.ndim), keepdims=keepdims))

    def calls(y, x, *, axis=None, keepdims=False):
        yield kernel, [y], [x], list(middle(x, axis))

    body = dict(__doc__=f"y = {name} of x over axis", shape=shape, ref=numpy,
                samples=[([(5, 17)], dict(axis=(1,))), ([(5, 17)], dict(axis=(0,))), ([(33, 65)], {}), ([(2, 3, 70)], dict(axis=(0, 1), keepdims=True)),
                         ([(3, 4, 5)], dict(axis=(0, 2)))])
    if vjp:
        body["vjp"] = vjp
    if kernel:
        body.update(calls=calls, supports=lambda ins, attrs: ins[0].dtype == "float32" and middle(ins[0], attrs.get("axis")) is not None)
    return primitive(type(name, (), body))


def _extreme(g, y, x, need, *, axis=None, keepdims=False):
    hit = cast(equal(x, spread(y, x, axis)), dtype=g.dtype)
    share = div(hit, spread(sum(hit, axis=axis, keepdims=True), x, axis))
    return (mul(spread(g, x, axis), share),)


def _keep(f):
    return lambda x, axis, keepdims: f(x, axis=axis, keepdims=keepdims).astype(x.dtype if x.dtype != bool else "int32")


sum = reduction("sum", _keep(np.sum), lambda g, y, x, need, *, axis=None, keepdims=False: (spread(g, x, axis),), "sum")
mean = reduction("mean", lambda x, axis, keepdims: np.mean(x, axis=axis, keepdims=keepdims).astype(x.dtype),
                 lambda g, y, x, need, *, axis=None, keepdims=False: (mul(spread(g, x, axis), y.size / x.size),), "mean")
max = reduction("max", _keep(np.max), _extreme, "max")
min = reduction("min", _keep(np.min), _extreme, "min")
prod = reduction("prod", _keep(np.prod), lambda g, y, x, need, *, axis=None, keepdims=False: (mul(spread(g, x, axis), div(spread(y, x, axis), x)),))
any = reduction("any", np.any, dtype="bool")
all = reduction("all", np.all, dtype="bool")


def _arg(name, f, kernel=None):
    def shape(x, *, axis=None):
        return (() if axis is None else reduced(x.shape, axis, False)), "int32"

    def calls(y, x, *, axis=None):
        yield kernel, [y], [x], [y.size, x.size // y.size]

    body = dict(__doc__=f"y = {name} of x along axis", shape=shape, samples=[([(7, 19)], dict(axis=-1))],
                ref=lambda x, *, axis=None: np.asarray(f(x, axis=axis), dtype="int32"))
    if kernel:
        body.update(calls=calls, supports=lambda ins, attrs: ins[0].dtype == "float32" and attrs.get("axis") in (None, -1, ins[0].ndim - 1))
    return primitive(type(name, (), body))


argmax = _arg("argmax", np.argmax, "argmax")
argmin = _arg("argmin", np.argmin)


@primitive
class cumsum:
    """y[k] = x[0] + ... + x[k] along axis"""
    samples = [([(5, 7)], dict(axis=1))]

    def shape(x, *, axis):
        return x.shape, x.dtype

    def ref(x, *, axis):
        return np.cumsum(x, axis=axis, dtype=x.dtype)

    def vjp(g, y, x, need, *, axis):
        from .movement import flip
        return (flip(cumsum(flip(g, axes=(axis,)), axis=axis), axes=(axis,)),)


@primitive
class cumprod:
    """y[k] = x[0] ... x[k] along axis"""
    samples = [([(5, 7)], dict(axis=1))]
    domain = dict(x=nonzero)

    def shape(x, *, axis):
        return x.shape, x.dtype

    def ref(x, *, axis):
        return np.cumprod(x, axis=axis, dtype=x.dtype)

    def vjp(g, y, x, need, *, axis):
        from .movement import flip
        return (div(flip(cumsum(flip(mul(g, y), axes=(axis,)), axis=axis), axes=(axis,)), x),)


@primitive
class sum_to:
    """y = x summed over the axes that broadcasting had stretched from `shape`"""
    samples = [([(4, 7)], dict(shape=(7,))), ([(4, 7)], dict(shape=(4, 1))), ([(3, 4, 7)], dict(shape=(1, 7))), ([(5, 6)], dict(shape=()))]

    def shape(x, *, shape):
        return tuple(shape), x.dtype

    def _axes(x, shape):
        lead = x.ndim - len(shape)
        return tuple(k for k in range(x.ndim) if k < lead or (shape[k - lead] == 1 and x.shape[k] != 1))

    def ref(x, *, shape):
        return np.sum(x, axis=sum_to.extra["_axes"](x, shape), dtype=x.dtype).reshape(shape)

    def calls(y, x, *, shape):
        yield "sum", [y], [x], list(middle(x, sum_to.extra["_axes"](x, shape)))

    def supports(ins, attrs):
        x = ins[0]
        return x.dtype == "float32" and middle(x, sum_to.extra["_axes"](x, attrs["shape"])) is not None

    def vjp(g, y, x, need, *, shape):
        from .movement import broadcast_to
        return (broadcast_to(g, shape=x.shape),)


@primitive
class sum_squares:
    """y = sum of x^2"""
    samples = [([(9, 17)], {})]

    def shape(x):
        return (), x.dtype

    def ref(x):
        return np.sum(x * x, dtype=x.dtype)

    def vjp(g, y, x, need):
        return (mul(x, mul(g, 2.0)),)
