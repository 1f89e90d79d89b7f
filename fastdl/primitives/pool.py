"""Pooling over one to three spatial axes, channels last; padding is a pair of counts per axis and never enters a window."""
import itertools
import math

import numpy as np

from ..core.primitive import primitive
from .elementwise import relu_grad


def out_size(n, size, step, pads):
    return (n + pads[0] + pads[1] - size) // step + 1


def pooled(x, size, strides, pads):
    spatial = tuple(out_size(*a) for a in zip(x.shape[1:-1], size, strides, pads))
    if len(spatial) != x.ndim - 2 or any(n < 1 for n in spatial):
        raise ValueError(f"pooling of size {tuple(size)} over an input of shape {x.shape} leaves nothing: the window must fit into "
                         "the spatial axes; use a smaller pool_size or padding='same'")
    return x.shape[:1] + spatial + x.shape[-1:]


def windows(shape, size, strides, pads, out):
    """(index into y, slices into x) of every window."""
    for o in itertools.product(*map(range, out)):
        from_ = [k * s - p[0] for k, s, p in zip(o, strides, pads)]
        yield (slice(None), *o), (slice(None), *[slice(max(0, f), min(n, f + z)) for f, z, n in zip(from_, size, shape)])


def ints(x, y, size, strides, pads):
    three = lambda t, fill: [fill] * (3 - len(t)) + [int(v) for v in t]
    return [x.shape[0], x.shape[-1], *three(x.shape[1:-1], 1), *three(y.shape[1:-1], 1), *three(size, 1), *three(strides, 1),
            *three([p[0] for p in pads], 0)]


def supports(ins, attrs):
    return ins[0].dtype == "float32"


def case(shape, size, strides, pads):
    return [shape], dict(size=size, strides=strides, pads=pads)


CASES = [case((2, 5, 5, 3), (2, 2), (2, 2), ((0, 0), (0, 0))), case((1, 6, 7, 17), (3, 2), (2, 1), ((1, 1), (0, 1))), case((3, 9, 33), (3,), (2,), ((0, 1),)), case((2, 8, 9, 20), (3, 2), (3, 2), ((0, 0), (0, 0))), case((2, 7, 5, 3), (2, 2), (2, 2), ((0, 1), (0, 1))),
        
         case((2, 3, 4, 5, 70), (2, 2, 2), (1, 2, 2), ((0, 1), (0, 0), (0, 1)))]


def _reduce(x, f, size, strides, pads):
    y = np.empty(pooled(x, size, strides, pads), x.dtype)
    axes = tuple(range(1, x.ndim - 1))
    for o, w in windows(x.shape[1:-1], size, strides, pads, y.shape[1:-1]):
        y[o] = f(x[w], axis=axes)
    return y


@primitive
class max_pool:
    """y = the largest value of each window"""
    rows = (0,)
    samples = CASES

    def shape(x, *, size, strides, pads):
        return pooled(x, size, strides, pads), x.dtype

    def ref(x, *, size, strides, pads):
        return _reduce(x, np.max, size, strides, pads)

    def calls(y, x, *, size, strides, pads):
        yield "max_pool", [y], [x], ints(x, y, size, strides, pads)

    def vjp(g, y, x, need, **how):
        return (max_pool_grad(g, x, y, **how),)


max_pool.supports = supports


def _first(x, y, size, strides, pads):
    """For every window: its index, its slices, and a mask of the first pixel that holds the maximum."""
    lead = math.prod
    for o, w in windows(x.shape[1:-1], size, strides, pads, y.shape[1:-1]):
        part = x[w]
        flat = part.reshape(part.shape[0], lead(part.shape[1:-1]), part.shape[-1])
        first = np.arange(flat.shape[1])[None, :, None] == np.argmax(flat, axis=1)[:, None, :]
        yield o, w, first.reshape(part.shape)


@primitive
class max_pool_grad:
    """dx = g at the first pixel of each window that holds its maximum; act="relu": of what relu made x from"""
    rows = (0, 1, 2)
    samples = [([lambda rng, s=s[0][0], a=s[1]: rng.standard_normal(pooled(np.empty(s), **a)), lambda rng, s=s[0][0]: _draw(rng, s),
                 lambda rng, s=s[0][0], a=s[1]: _reduce(_draw(np.random.default_rng(5), s), np.max, **a)], dict(s[1], **act))
               for s, act in [*[(c, {}) for c in CASES], (CASES[0], dict(act="relu")), (CASES[1], dict(act="relu"))]]

    def shape(g, x, y, *, size, strides, pads, act=None):
        return x.shape, x.dtype

    def ref(g, x, y, *, size, strides, pads, act=None):
        dx = np.zeros(x.shape, x.dtype)
        for o, w, first in _first(x, y, size, strides, pads):
            dx[w] += first * np.expand_dims(g[o], tuple(range(1, x.ndim - 1)))
        return np.where(x > 0, dx, 0).astype(dx.dtype) if act else dx

    def calls(dx, g, x, y, *, size, strides, pads, act=None):
        yield "max_pool_grad", [dx], [g, x, y], [*ints(x, y, size, strides, pads), int(act == "relu")]

    def vjp(h, dx, g, x, y, need, *, act=None, **how):
        return max_pool_pick(relu_grad(h, x) if act else h, x, y, **how), None, None

    def fold(node, how, others, outs):
        prim, ins, _, attrs = node
        if how == "relu_grad" and others[0] is ins[1]:
            return prim, ins, outs, dict(attrs, act="relu")


max_pool_grad.supports = supports


def _draw(rng, shape):
    """Fixed, distinct float32 values, so that float32 and float64 agree on which is the largest."""
    n = math.prod(shape)
    return (np.random.default_rng(5).permutation(n).reshape(shape) / np.float32(n)).astype("float32")


@primitive
class max_pool_pick:
    """z = h at the first pixel of each window where x holds its maximum y"""
    samples = [([s[0][0], lambda rng, s=s[0][0]: _draw(rng, s),
                 lambda rng, s=s[0][0], a=s[1]: _reduce(_draw(rng, s), np.max, **a)], s[1]) for s in CASES[:2]]

    def shape(h, x, y, *, size, strides, pads):
        return y.shape, h.dtype

    def ref(h, x, y, *, size, strides, pads):
        z = np.zeros(y.shape, h.dtype)
        for o, w, first in _first(x, y, size, strides, pads):
            z[o] = np.sum(h[w] * first, axis=tuple(range(1, x.ndim - 1)))
        return z

    def vjp(g, z, h, x, y, need, **how):
        return max_pool_grad(g, x, y, **how), None, None


@primitive
class average_pool:
    """y = the mean of each window, padding not counted"""
    rows = (0,)
    samples = CASES

    def shape(x, *, size, strides, pads):
        return pooled(x, size, strides, pads), x.dtype

    def ref(x, *, size, strides, pads):
        return _reduce(x, np.mean, size, strides, pads)

    def calls(y, x, *, size, strides, pads):
        yield "average_pool", [y], [x], ints(x, y, size, strides, pads)

    def vjp(g, y, x, need, **how):
        return (average_pool_grad(g, shape=x.shape, **how),)


average_pool.supports = supports


@primitive
class average_pool_grad:
    """dx = g / pixels of the window, at every pixel of it"""
    rows = (0,)
    samples = [([lambda rng, s=s[0][0], a=s[1]: rng.standard_normal(pooled(np.empty(s), **a))], dict(s[1], shape=s[0][0])) for s in CASES]

    def shape(g, *, shape, size, strides, pads):
        return (g.shape[0], *shape[1:]), g.dtype

    def ref(g, *, shape, size, strides, pads):
        dx = np.zeros((g.shape[0], *shape[1:]), g.dtype)
        for o, w in windows(shape[1:-1], size, strides, pads, g.shape[1:-1]):
            part = dx[w]
            part += np.expand_dims(g[o], tuple(range(1, g.ndim - 1))) / math.prod(part.shape[1:-1])
        return dx

    def calls(dx, g, *, shape, size, strides, pads):
        yield "average_pool_grad", [dx], [g], ints(dx, g, size, strides, pads)

    def vjp(h, dx, g, need, *, shape, **how):
        return (average_pool(h, **how),)


average_pool_grad.supports = supports
