"""Images: a banded matrix along one axis (every way to resize), and the projective warp."""
import functools
import math

import numpy as np

from ..core.primitive import primitive

EDGES = ("constant", "nearest", "wrap", "mirror", "reflect")


# ---------------------------------------------------------------- weights of a resize
def _cubic(t):
    t = np.abs(t)                                      # Keys (1981), a = -1/2
    return np.where(t < 1, (1.5 * t - 2.5) * t * t + 1, np.where(t < 2, ((-0.5 * t + 2.5) * t - 4) * t + 2, 0))


def _lanczos(a):
    return lambda t: np.where(np.abs(t) < a, np.sinc(t) * np.sinc(t / a), 0)


def _mitchell(t):
    t = np.abs(t)                                      # Mitchell and Netravali (1988), B = C = 1/3
    return np.where(t < 1, (7 * t - 12) * t * t + 16 / 3, np.where(t < 2, ((-7 / 3 * t + 12) * t - 20) * t + 32 / 3, 0)) / 6


KERNELS = dict(bilinear=(1, lambda t: np.maximum(0, 1 - np.abs(t))), bicubic=(2, _cubic), lanczos3=(3, _lanczos(3)),
               lanczos5=(5, _lanczos(5)), mitchellcubic=(2, _mitchell),
               gaussian=(1.5, lambda t: np.where(np.abs(t) < 1.5, np.exp(-2 * t * t), 0)))


@functools.lru_cache(512)
def band(n, size, method, scale, shift, antialias):
    """(w[size, k], at[size]): new pixel i = sum over t of w[i, t] x[at[i] + t], pixel centres at 1/2, 3/2, ...

    New pixel i looks at (i + 1/2 - shift) / scale - 1/2; where that lies outside the axis, its weights are 0.
    """
    reach, kernel = KERNELS[method]
    wide = max(1.0, 1.0 / scale) if antialias else 1.0
    centre = (np.arange(size) + 0.5 - shift) / scale - 0.5
    k = min(n, math.ceil(2 * reach * wide))            # so many pixels lie strictly within reach
    at = np.clip(np.floor(centre - reach * wide) + 1, 0, n - k).astype("int32")
    w = kernel((at[:, None] + np.arange(k) - centre[:, None]) / wide)
    total = w.sum(axis=1, keepdims=True)
    w = np.where(np.abs(total) > 1000 * np.finfo("float32").eps, w / np.where(total != 0, total, 1), 0)
    w *= ((centre >= -0.5) & (centre <= n - 0.5))[:, None]
    return w, at


@functools.lru_cache(64)
def area(n, size):
    """(w, at) as band has them: new pixel i is the mean of the old ones between i n / size and (i + 1) n / size."""
    low, high = np.arange(size) * n / size, (np.arange(size) + 1) * n / size
    at = np.floor(low).astype("int32")
    k = int((np.ceil(high) - at).max())
    at = np.minimum(at, n - k)
    w = np.minimum(at[:, None] + np.arange(k) + 1, high[:, None]) - np.maximum(at[:, None] + np.arange(k), low[:, None])
    return np.maximum(w, 0) * size / n, at


def nearest(n, size, scale):
    """The old pixel under each new pixel's centre."""
    at = np.floor((np.arange(size, dtype="float32") + np.float32(0.5)) * np.float32(1 / scale))
    return np.clip(at, 0, n - 1).astype("int32")


def _bands(n, k, m):
    return lambda rng: rng.integers(0, n - k + 1, m).astype("int32")


BANDS = [((2, 9, 7, 3), 1, 5, 2), ((2, 9, 7, 3), 2, 16, 3), ((40, 33), 0, 17, 4), ((3, 5, 67), 1, 8, 1),
         ((4, 9, 1), 1, 20, 2), ((4, 9, 2), 1, 5, 3), ((4, 9, 4), 1, 7, 4), ((4, 9, 3), 1, 7, 5)]


def _around(shape, axis):
    axis %= len(shape)
    return math.prod(shape[:axis]), math.prod(shape[axis + 1:])


def _put(shape, axis, n):
    axis %= len(shape)
    return tuple(shape[:axis]) + (n,) + tuple(shape[axis + 1:])


@primitive
class resample:
    """y[.., i, ..] = sum over t of w[i, t] x[.., at[i] + t, ..]; w and at are constants"""
    samples = [([s, (m, k), _bands(s[axis], k, m)], dict(axis=axis)) for s, axis, m, k in BANDS]

    def shape(x, w, at, *, axis):
        return _put(x.shape, axis, w.shape[0]), x.dtype

    def ref(x, w, at, *, axis):
        x = np.moveaxis(x, axis, 0)
        y = sum(x[at + t] * w[:, t].reshape((-1,) + (1,) * (x.ndim - 1)) for t in range(w.shape[1]))
        return np.moveaxis(y, 0, axis).astype(x.dtype)

    def calls(y, x, w, at, *, axis):
        outer, inner = _around(x.shape, axis)
        yield "resample", [y], [x, w, at], [outer, x.shape[axis], w.shape[0], inner, w.shape[1]]

    def supports(ins, attrs):
        return ins[0].dtype == ins[1].dtype == "float32" and ins[2].dtype == "int32"

    def vjp(g, y, x, w, at, need, *, axis):
        return resample_grad(g, w, at, n=x.shape[axis], axis=axis), None, None


@primitive
class resample_grad:
    """dx[.., at[i] + t, ..] += w[i, t] g[.., i, ..]"""
    samples = [([_put(s, axis, m), (m, k), _bands(s[axis], k, m)], dict(n=s[axis], axis=axis)) for s, axis, m, k in BANDS]

    def shape(g, w, at, *, n, axis):
        return _put(g.shape, axis, n), g.dtype

    def ref(g, w, at, *, n, axis):
        g = np.moveaxis(g, axis, 0)
        dx = np.zeros((n,) + g.shape[1:], g.dtype)
        for t in range(w.shape[1]):
            np.add.at(dx, at + t, g * w[:, t].reshape((-1,) + (1,) * (g.ndim - 1)))
        return np.moveaxis(dx, 0, axis)

    def calls(dx, g, w, at, *, n, axis):
        outer, inner = _around(g.shape, axis)
        yield "resample_grad", [dx], [g, w, at], [outer, n, w.shape[0], inner, w.shape[1]]

    def supports(ins, attrs):
        return ins[0].dtype == ins[1].dtype == "float32" and ins[2].dtype == "int32"

    def vjp(h, dx, g, w, at, need, *, n, axis):
        return resample(h, w, at, axis=axis), None, None


# ---------------------------------------------------------------- warp
def edge(k, n, mode):
    """(index inside 0 ... n - 1, True where the fill value stands instead or None)"""
    if mode == "constant":
        return np.clip(k, 0, n - 1), (k < 0) | (k >= n)
    if mode == "nearest" or n == 1:
        return np.clip(k, 0, n - 1), None
    period = n if mode == "wrap" else 2 * n - 2 if mode == "mirror" else 2 * n
    k = k % period
    return np.where(k < n, k, period - k - (mode == "reflect")), None


def _corners(m, shape, order, mode):
    """For each neighbour: (flat pixel index [b, h, w], weight or None, outside or None)."""
    b, h, w = shape
    m = m[:, :, None, None]
    col, row = np.arange(w, dtype=m.dtype), np.arange(h, dtype=m.dtype)[:, None]
    k = m[:, 6] * col + m[:, 7] * row + 1
    clean = lambda v: np.clip(np.nan_to_num(v, nan=-1e8), -1e8, 1e8)
    u, v = clean((m[:, 0] * col + m[:, 1] * row + m[:, 2]) / k), clean((m[:, 3] * col + m[:, 4] * row + m[:, 5]) / k)
    if order == 0:
        half = lambda a: np.trunc(a + np.copysign(0.5, a)).astype("int64")
        us, vs = [(half(u), None)], [(half(v), None)]
    else:
        fu, fv = np.floor(u), np.floor(v)
        iu, iv = fu.astype("int64"), fv.astype("int64")
        us, vs = [(iu, 1 - (u - fu)), (iu + 1, u - fu)], [(iv, 1 - (v - fv)), (iv + 1, v - fv)]
    for iv, wv in vs:
        iv, ov = edge(iv, h, mode)
        for iu, wu in us:
            ju, ou = edge(iu, w, mode)
            yield iv * w + ju, None if wv is None else wv * wu, None if ov is None else ov | ou


def _matrices(b, few=False):
    def draw(rng):
        m = np.tile(np.array([1, 0, 0, 0, 1, 0, 0, 0.0]), (1 if few else b, 1))
        return m + rng.uniform(-1, 1, m.shape) * [0.6, 0.6, 4, 0.6, 0.6, 4, 0.01, 0.01]
    return draw


WARPS = [([(2, 7, 9, 3), _matrices(2, k % 2)], dict(order=order, mode=mode, fill=0.5))
         for k, mode in enumerate(EDGES) for order in (1, 0)] + [([(3, 21, 18, 1), _matrices(3)], dict(order=1, mode="reflect", fill=0.0))]


@primitive
class warp:
    """y[b, row, col] = x[b] at ((m0 col + m1 row + m2) / k, (m3 col + m4 row + m5) / k), k = m6 col + m7 row + 1; m is constant"""
    samples = WARPS

    def shape(x, m, *, order, mode, fill):
        return x.shape, x.dtype

    def ref(x, m, *, order, mode, fill):
        b, h, w, c = x.shape
        m = np.broadcast_to(m, (b, 8))
        flat = x.reshape(b * h * w, c)
        base = (np.arange(b) * h * w)[:, None, None]
        y = 0
        for index, weight, outside in _corners(m, (b, h, w), order, mode):
            part = flat[base + index]
            if outside is not None:
                part = np.where(outside[..., None], x.dtype.type(fill), part)
            y = part if weight is None else y + part * weight[..., None]
        return y.astype(x.dtype)

    def calls(y, x, m, *, order, mode, fill):
        yield "warp", [y], [x, m], [*x.shape, m.shape[0], order, EDGES.index(mode)], [float(fill)]

    def supports(ins, attrs):
        return ins[0].dtype == ins[1].dtype == "float32" and ins[1].shape[0] in (1, ins[0].shape[0])

    def vjp(g, y, x, m, need, *, order, mode, fill):
        return warp_grad(g, m, order=order, mode=mode), None


@primitive
class warp_grad:
    """dx: each g goes to the pixels that its y was read from, with their weights"""
    samples = [(shapes, dict(order=how["order"], mode=how["mode"])) for shapes, how in WARPS]

    def shape(g, m, *, order, mode):
        return g.shape, g.dtype

    def ref(g, m, *, order, mode):
        b, h, w, c = g.shape
        dx = np.zeros((b * h * w, c), g.dtype)
        base = (np.arange(b) * h * w)[:, None, None]
        for index, weight, outside in _corners(np.broadcast_to(m, (b, 8)), (b, h, w), order, mode):
            part = g if weight is None else g * weight[..., None]
            if outside is not None:
                part = np.where(outside[..., None], 0, part)
            np.add.at(dx, (base + index).reshape(-1), part.reshape(-1, c))
        return dx.reshape(g.shape)

    def vjp(h, dx, g, m, need, *, order, mode):
        return warp(h, m, order=order, mode=mode, fill=0.0), None
