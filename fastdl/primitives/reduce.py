"""Reductions. Axes are a sorted tuple; adjacent ones collapse to the middle of [outer, reduce, inner]."""
import builtins
import math

import numpy as np

from ..core.primitive import Scratch, nonzero, primitive, reals
from .elementwise import cast, div, drawn, equal, mul


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


def groups(shape, axes):
    """[outer, n, inner] of one pass for each run of adjacent axes, innermost run first."""
    shape, rows, axes = list(shape), [], sorted(axes)
    while axes:
        first = last = axes.pop()
        while axes and axes[-1] == first - 1:
            first = axes.pop()
        rows.append((math.prod(shape[:first]), math.prod(shape[first:last + 1]), math.prod(shape[last + 1:])))
        shape[first:] = [math.prod(shape[last + 1:])]
    return rows


def image_part(pixels, least):
    """The smallest equal part of an image that has at least so many pixels."""
    return pixels // builtins.max(k for k in range(1, pixels // least + 1) if pixels % k == 0)


def block_of(x):
    """Rows of a block of x[..., C]: at most 128 blocks, fixed by the shape; whole images, or an image in equal parts."""
    rows, pixels = math.prod(x.shape[:-1]), math.prod(x.shape[1:-1])
    least = builtins.max(256, -(-rows // 8192) * 64)
    if x.shape[0] == 1 or pixels < least:
        return -(-least // pixels) * pixels if x.shape[0] > 1 else least
    return image_part(pixels, least)


def over_pixels(x, axes):
    """Is this a sum over all pixels of images, channels kept?"""
    return x.ndim > 2 and axes == tuple(range(x.ndim - 1)) and x.shape[-1] <= 1920


def passes(y, x, axes, first, later=None, final=None, part=None):
    """The calls of a reduction: `first` reads x, `later` reads partial results, `final` is the name of the last one.

    A reduction that few rows share is cut into parts, so that threads find work.
    """
    plan = []
    for outer, n, inner in groups(x.shape, axes):
        work, tasks = outer * n * inner, outer * ((inner + 127) // 128)
        parts = builtins.min(16, work >> 14, n // 64) if tasks < 16 else 1
        if part or parts > 1:
            chunk = part or (-(-n // parts) + 63) // 64 * 64
            parts = -(-n // chunk)
            plan += [(outer, n, inner, chunk), (outer, parts, inner, parts)]
        else:
            plan.append((outer, n, inner, n))
    total, source = x.size // y.size, x
    for k, (outer, n, inner, chunk) in enumerate(plan):
        last = k == len(plan) - 1
        kernel = first if k == 0 else later or first
        to = y if last else Scratch(outer * -(-n // chunk) * inner)
        yield final if last and final else kernel, [to], [source], [outer, n, inner, chunk, total]
        source = to


AXES = [((5, 17), dict(axis=(1,))), ((5, 17), dict(axis=(0,))), ((33, 65), {}), ((2, 3, 70), dict(axis=(0, 1), keepdims=True)),
        ((3, 4, 5), dict(axis=(0, 2))), ((2, 3, 4, 5, 6), dict(axis=(1, 2, 4))), ((300, 133), dict(axis=(0,)))]
LARGE = [((40001,), {}), ((3000, 33), dict(axis=(0,))), ((3, 5001, 4), dict(axis=(1,)))]


def reduction(name, ref, vjp=None, dtype=None, later=None, final=None, tiny=False, **kernels):
    """Declare a reduction; `kernels` names the first pass of each dtype, `later` and `final` the next ones (see passes)."""
    def shape(x, *, axis=None, keepdims=False):
        return reduced(x.shape, axis, keepdims), dtype or ("int32" if x.dtype == "bool" and name in ("sum", "prod") else x.dtype)

    def numpy(x, *, axis=None, keepdims=False):
        return np.asarray(ref(x, axis=axes_of(axis, x.ndim), keepdims=keepdims))

    def calls(y, x, *, axis=None, keepdims=False, part=None):
        first, axes = kernels[x.dtype], axes_of(axis, x.ndim)
        if over_pixels(x, axes) and not part and block_of(x) < x.size // x.shape[-1]:
            part = block_of(x)
        return passes(y, x, axes, first, dict(sum_bool="sum_i32").get(first, later), final, part)

    def gather(ins, attrs):
        x, part = ins[0], block_of(ins[0]) if ins[0].ndim > 2 else 0
        return ((0,), part, dict(part=part)) if over_pixels(x, axes_of(attrs.get("axis"), x.ndim)) and part < x.size // x.shape[-1] else None

    body = dict(__doc__=f"y = {name} of x over axis", shape=shape, ref=numpy, domain=dict(x=nonzero) if tiny else {},
                samples=[([s], a) for s, a in AXES + ([] if tiny else LARGE)])
    if tiny:
        body["samples"] = [([s], a) for s, a in AXES if math.prod(s) < 1000]
    body["samples"] += [([drawn(d, s)], a) for d in kernels if d != "float32" for s, a in (AXES[3], AXES[5], *LARGE[:2])]
    if vjp:
        body["vjp"] = vjp
    if kernels:
        body.update(calls=calls, gather=gather, pixels=True, supports=lambda ins, attrs: ins[0].dtype in kernels and bool(axes_of(attrs.get("axis"), ins[0].ndim)))
    return primitive(type(name, (), body))


def _extreme(g, y, x, need, *, axis=None, keepdims=False):
    hit = cast(equal(x, spread(y, x, axis)), dtype=g.dtype)
    share = div(hit, spread(sum(hit, axis=axis, keepdims=True), x, axis))
    return (mul(spread(g, x, axis), share),)


def _keep(f):
    return lambda x, axis, keepdims: f(x, axis=axis, keepdims=keepdims).astype(x.dtype if x.dtype != bool else "int32")


sum = reduction("sum", _keep(np.sum), lambda g, y, x, need, *, axis=None, keepdims=False: (spread(g, x, axis),),
                float32="sum", int32="sum_i32", bool="sum_bool")
mean = reduction("mean", lambda x, axis, keepdims: np.mean(x, axis=axis, keepdims=keepdims).astype(x.dtype),
                 lambda g, y, x, need, *, axis=None, keepdims=False: (mul(spread(g, x, axis), y.size / x.size),), final="mean", float32="sum")
max = reduction("max", lambda x, axis, keepdims: np.max(x, axis=axis, keepdims=keepdims), _extreme, float32="max", int32="max_i32")
min = reduction("min", lambda x, axis, keepdims: np.min(x, axis=axis, keepdims=keepdims), _extreme, float32="min", int32="min_i32")
prod = reduction("prod", _keep(np.prod), lambda g, y, x, need, *, axis=None, keepdims=False: (mul(spread(g, x, axis), div(spread(y, x, axis), x)),),
                 tiny=True, float32="prod")
any = reduction("any", np.any, dtype="bool", bool="any")
all = reduction("all", np.all, dtype="bool", bool="all")


def _line(x, axis):
    """[outer, n, inner] of one axis, or of everything."""
    return list(groups(x.shape, axes_of(axis, x.ndim))[0])


def _arg(name, f):
    def shape(x, *, axis=None):
        return (() if axis is None else reduced(x.shape, axis, False)), "int32"

    def calls(y, x, *, axis=None):
        yield name + ("_i32" if x.dtype == "int32" else ""), [y], [x], _line(x, axis)

    draws = [((7, 19), dict(axis=-1)), ((5, 130), dict(axis=1)), ((4, 21, 37), dict(axis=1)), ((4, 21, 37), {}), ((3, 1), dict(axis=0))]
    ties = lambda shape: lambda rng: rng.choice([1.0, 2.0, -1.0, np.nan], shape, p=[0.5, 0.24, 0.24, 0.02])
    return primitive(type(name, (), dict(
        __doc__=f"y = {name} of x along axis", shape=shape, calls=calls, ref=lambda x, *, axis=None: np.asarray(f(x, axis=axis), dtype="int32"),
        samples=[([s], a) for s, a in draws] + [([ties(s)], a) for s, a in draws] + [([drawn("int32", s)], a) for s, a in draws],
        supports=lambda ins, attrs: ins[0].dtype in ("float32", "int32") and ins[0].ndim > 0)))


argmax = _arg("argmax", np.argmax)
argmin = _arg("argmin", np.argmin)


@primitive
class cumsum:
    """y[k] = x[0] + ... + x[k] along axis"""
    samples = [([(5, 7)], dict(axis=1)), ([(3, 9, 37)], dict(axis=1)), ([drawn("int32", (3, 7, 5))], dict(axis=1)), ([drawn("int32", (7, 33))], dict(axis=-1))]

    def shape(x, *, axis):
        return x.shape, x.dtype

    def ref(x, *, axis):
        return np.cumsum(x, axis=axis, dtype=x.dtype)

    def calls(y, x, *, axis):
        yield "cumsum" + ("_i32" if x.dtype == "int32" else ""), [y], [x], _line(x, axis)

    def supports(ins, attrs):
        return ins[0].dtype in ("float32", "int32") and ins[0].ndim > 0

    def vjp(g, y, x, need, *, axis):
        from .movement import flip
        return (flip(cumsum(flip(g, axes=(axis,)), axis=axis), axes=(axis,)),)


@primitive
class cumprod:
    """y[k] = x[0] ... x[k] along axis"""
    samples = [([(5, 7)], dict(axis=1)), ([(3, 9, 37)], dict(axis=1)), ([drawn("int32", (3, 7, 5))], dict(axis=1)), ([drawn("int32", (7, 33))], dict(axis=-1))]
    domain = dict(x=nonzero)

    def shape(x, *, axis):
        return x.shape, x.dtype

    def ref(x, *, axis):
        return np.cumprod(x, axis=axis, dtype=x.dtype)

    def calls(y, x, *, axis):
        yield "cumprod" + ("_i32" if x.dtype == "int32" else ""), [y], [x], _line(x, axis)

    def supports(ins, attrs):
        return ins[0].dtype in ("float32", "int32") and ins[0].ndim > 0

    def vjp(g, y, x, need, *, axis):
        from .movement import flip
        return (div(flip(cumsum(flip(mul(g, y), axes=(axis,)), axis=axis), axes=(axis,)), x),)


@primitive
class sum_to:
    """y = x summed over the axes that broadcasting had stretched from `shape`"""
    samples = [([(4, 7)], dict(shape=(7,))), ([(4, 7)], dict(shape=(4, 1))), ([(3, 4, 7)], dict(shape=(1, 7))), ([(5, 6)], dict(shape=())),
               ([(3, 4, 5, 6)], dict(shape=(4, 1, 6))), ([(2, 5, 3, 7)], dict(shape=(1, 5, 1, 7))), ([(3000, 10)], dict(shape=(10,)))]

    def shape(x, *, shape):
        return tuple(shape), x.dtype

    def _axes(x, shape):
        lead = x.ndim - len(shape)
        return tuple(k for k in range(x.ndim) if k < lead or (shape[k - lead] == 1 and x.shape[k] != 1))

    def ref(x, *, shape):
        return np.sum(x, axis=sum_to.extra["_axes"](x, shape), dtype=x.dtype).reshape(shape)

    def calls(y, x, *, shape):
        return passes(y, x, sum_to.extra["_axes"](x, shape), "sum" if x.dtype == "float32" else "sum_i32")

    def supports(ins, attrs):
        return ins[0].dtype in ("float32", "int32") and bool(sum_to.extra["_axes"](ins[0], attrs["shape"]))

    def vjp(g, y, x, need, *, shape):
        from .movement import broadcast_to
        return (broadcast_to(g, shape=x.shape),)


@primitive
class sum_squares:
    """y = sum of x^2"""
    samples = [([(9, 17)], {}), ([()], {}), ([(40001,)], {})]

    def shape(x):
        return (), x.dtype

    def ref(x):
        return np.sum(x * x, dtype=x.dtype)

    def calls(y, x):
        if not x.ndim:
            yield "sum_squares", [y], [x], [1, 1, 1, 1, 1]
        else:
            yield from passes(y, x, tuple(range(x.ndim)), "sum_squares", "sum")

    def supports(ins, attrs):
        return ins[0].dtype == "float32"

    def vjp(g, y, x, need):
        return (mul(x, mul(g, 2.0)),)
