"""Primitives that NumPy alone computes: linear algebra, Fourier transforms, scatter, rare functions.

Linear algebra and transforms work in float64 whatever comes in, and round once.
"""
import functools
import math

import numpy as np

from ..core.primitive import primitive, unit
from .elementwise import add, div, equal, exp, mul, neg, one, square, sub, unary, where
from .linalg import matmul
from .more import take_along_grad
from .movement import broadcast_to, checked, reshape, take, transpose
from .reduce import sum_to

COMPLEX = {"float32": "complex64", "float64": "complex128"}


def wide(f):
    """f in float64 (complex128), its results in the float dtype that came."""
    @functools.wraps(f)
    def ref(*arrays, **attrs):
        real = next((a.real.dtype for a in arrays if a.dtype.kind in "fc"), np.dtype("float32"))
        try:
            out = f(*[a.astype("complex128" if a.dtype.kind == "c" else "float64") if a.dtype.kind in "fc" else a for a in arrays],
                    **attrs)
        except np.linalg.LinAlgError as error:
            raise ValueError(f"{f.__name__}: {error} (input of shape {arrays[0].shape}). A singular or indefinite matrix is often "
                             "cured by adding a small multiple of the identity") from None
        back = lambda a: a.astype(np.result_type(real, "complex64") if a.dtype.kind == "c" else real) if a.dtype.kind in "fc" else a
        return tuple(back(np.asarray(a)) for a in out) if isinstance(out, tuple) else back(np.asarray(out))
    return ref


def flipped(x):
    """x with its last two axes exchanged."""
    return transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def batched(rows, columns):
    """Domain of stacks of matrices that are far from singular."""
    return lambda rng: rng.standard_normal((2, rows, columns)) + 3.0 * np.eye(rows, columns) * np.arange(1, 1 + min(rows, columns)).max()


def definite(rng):
    a = rng.standard_normal((2, 4, 4))
    return a @ np.swapaxes(a, -1, -2) + 2.0 * np.eye(4)


def spread_out(m, n):
    """Matrices with well separated singular values."""
    def draw(rng):
        u, v = np.linalg.qr(rng.standard_normal((2, m, m)))[0], np.linalg.qr(rng.standard_normal((2, n, n)))[0]
        k = min(m, n)
        return (u[..., :k] * (1.0 + np.arange(k))) @ v[..., :k, :].astype("float64")
    return draw


def masked(x, mask):
    return mul(x, _const(mask, x))


def _const(array, like):
    from ..core.tensor import Tensor
    return Tensor(np.ascontiguousarray(array, dtype=like.dtype))


def scaled(m, v):
    """m diag(v)"""
    return mul(m, reshape(v, shape=v.shape[:-1] + (1, v.shape[-1])))


def symmetric(x):
    return mul(add(x, flipped(x)), 0.5)


def square_rule(name):
    def check(x):
        if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
            raise ValueError(f"ops.{name} needs square matrices (..., n, n), got shape {x.shape}")
        return x.shape
    return check


# ---------------------------------------------------------------- linear algebra
@primitive
class inv:
    """y = x^-1"""
    samples = [([batched(4, 4)], {})]

    def shape(x):
        return square_rule("inv")(x), x.dtype

    ref = wide(np.linalg.inv)

    def vjp(g, y, x, need):
        return (neg(matmul(matmul(y, g, ta=True), y, tb=True)),)


@primitive
class det:
    """y = det(x)"""
    samples = [([batched(3, 3)], {})]

    def shape(x):
        return square_rule("det")(x)[:-2], x.dtype

    ref = wide(np.linalg.det)

    def vjp(g, y, x, need):
        return (mul(flipped(inv(x)), reshape(mul(g, y), shape=g.shape + (1, 1))),)


@primitive
class logdet:
    """y = log |det(x)|"""
    samples = [([batched(3, 3)], {})]

    def shape(x):
        return square_rule("logdet")(x)[:-2], x.dtype

    ref = wide(lambda x: np.linalg.slogdet(x)[1])

    def vjp(g, y, x, need):
        return (mul(flipped(inv(x)), reshape(g, shape=g.shape + (1, 1))),)


def _solved(a, b, name):
    square_rule(name)(a)
    if len(b.shape) < 2 or b.shape[-2] != a.shape[-1]:
        raise ValueError(f"ops.{name}: a of shape {a.shape} and b of shape {b.shape} do not fit: b must have {a.shape[-1]} rows")
    return np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:], a.dtype


def _solve_vjp(back, g, x, a, b, need):
    db = back(flipped(a), g)
    fit = lambda d, like: d if d.shape == like.shape else sum_to(d, shape=like.shape)
    return fit(neg(matmul(db, x, tb=True)), a) if need[0] else None, fit(db, b) if need[1] else None


def _solve(a, b):
    """Columns, whatever the ranks: NumPy 1 would take b of one axis less for a batch of vectors."""
    return np.linalg.solve(a, np.broadcast_to(b, a.shape[:max(0, a.ndim - b.ndim)] + b.shape))


@primitive
class solve:
    """a x = b"""
    samples = [([batched(4, 4), (2, 4, 3)], {}), ([batched(4, 4), (4, 3)], {})]

    def shape(a, b):
        return _solved(a, b, "solve")

    ref = wide(_solve)

    def vjp(g, x, a, b, need):
        return _solve_vjp(solve, g, x, a, b, need)


@primitive
class solve_triangular:
    """a x = b, where only the upper (or lower) triangle of a is read"""
    samples = [([batched(4, 4), (2, 4, 3)], dict(lower=f)) for f in (True, False)]

    def shape(a, b, *, lower):
        return _solved(a, b, "solve_triangular")

    ref = wide(lambda a, b, lower: _solve(np.tril(a) if lower else np.triu(a), b))

    def vjp(g, x, a, b, need, *, lower):
        da, db = _solve_vjp(lambda m, v: solve_triangular(m, v, lower=not lower), g, x, a, b, need)
        mask = np.ones(a.shape[-2:])
        return None if da is None else masked(da, np.tril(mask) if lower else np.triu(mask)), db


@primitive
class cholesky:
    """l l^T = (x + x^T) / 2, l lower triangular"""
    samples = [([definite], {})]

    def shape(x):
        return square_rule("cholesky")(x), x.dtype

    ref = wide(lambda x: np.linalg.cholesky((x + np.swapaxes(x, -1, -2)) / 2))

    def vjp(g, l, x, need):
        n = x.shape[-1]
        phi = masked(matmul(l, g, ta=True), np.tril(np.ones((n, n))) - 0.5 * np.eye(n))
        half = solve_triangular(flipped(l), phi, lower=False)                              # l^-T phi
        return (symmetric(flipped(solve_triangular(flipped(l), flipped(half), lower=False))),)


@primitive
class qr:
    """q r = x, q^T q = 1, r upper triangular"""
    samples = [([batched(5, 3)], dict(mode="reduced")), ([batched(4, 4)], dict(mode="complete"))]

    def shape(x, *, mode):
        m, n = x.shape[-2:]
        k = m if mode == "complete" else min(m, n)
        return [(x.shape[:-2] + (m, k), x.dtype), (x.shape[:-2] + (k, n), x.dtype)]

    ref = wide(lambda x, mode: tuple(np.linalg.qr(x, mode)))

    def vjp(gs, qr_, x, need, *, mode):
        (gq, gr), (q, r) = gs, qr_
        n = r.shape[-1]
        if r.shape[-2] != n:
            raise NotImplementedError(f"the gradient of ops.qr needs a square r, got r of shape {r.shape}: use mode='reduced' on a "
                                      "matrix with at least as many rows as columns")
        m = sub(matmul(r, gr, tb=True), matmul(gq, q, ta=True))
        low = masked(m, np.tril(np.ones((n, n))))
        both = add(low, flipped(masked(m, np.tril(np.ones((n, n)), -1))))
        return (flipped(solve_triangular(r, flipped(add(gq, matmul(q, both))), lower=False)),)


def _gaps(v, like):
    """f[i, j] = 1 / (v_j - v_i), zero on the diagonal"""
    n = v.shape[-1]
    gap = sub(reshape(v, shape=v.shape[:-1] + (1, n)), reshape(v, shape=v.shape[:-1] + (n, 1)))
    same = equal(gap, 0.0)
    return where(same, _const(np.zeros(()), like), div(_const(np.ones(()), like), where(same, _const(np.ones(()), like), gap)))


def _diagonal(v):
    return masked(broadcast_to(reshape(v, shape=v.shape + (1,)), shape=v.shape + v.shape[-1:]), np.eye(v.shape[-1]))


@primitive
class eigh:
    """v diag(w) v^T = (x + x^T) / 2, w ascending"""
    samples = [([lambda rng: definite(rng) + np.diag([0.0, 3.0, 7.0, 12.0])], {})]

    def shape(x):
        return [(square_rule("eigh")(x)[:-1], x.dtype), (x.shape, x.dtype)]

    ref = wide(lambda x: tuple(np.linalg.eigh((x + np.swapaxes(x, -1, -2)) / 2)))

    def vjp(gs, out, x, need):
        (gw, gv), (w, v) = gs, out
        inside = add(_diagonal(gw), mul(_gaps(w, x), matmul(v, gv, ta=True)))
        return (symmetric(matmul(matmul(v, inside), v, tb=True)),)


@primitive
class eig:
    """x v = v diag(w), complex"""
    samples = [([(2, 3, 3)], {})]

    def shape(x):
        kind = COMPLEX.get(x.dtype, "complex64")
        return [(square_rule("eig")(x)[:-1], kind), (x.shape, kind)]

    ref = wide(lambda x: tuple(a.astype("complex128") for a in np.linalg.eig(x)))


@primitive
class svd:
    """u diag(s) vt = x, s descending"""
    samples = [([spread_out(4, 4)], dict(full=True)), ([spread_out(5, 3)], dict(full=False)), ([spread_out(3, 5)], dict(full=False))]

    def shape(x, *, full):
        *lead, m, n = x.shape
        k = min(m, n)
        return [((*lead, m, m if full else k), x.dtype), ((*lead, k), x.dtype), ((*lead, n if full else k, n), x.dtype)]

    ref = wide(lambda x, full: tuple(np.linalg.svd(x, full_matrices=full)))

    def vjp(gs, out, x, need, *, full):
        (gu, gs, gvt), (u, s, vt) = gs, out
        if full and x.shape[-1] != x.shape[-2]:
            raise NotImplementedError(f"the gradient of ops.svd of shape {x.shape} needs full_matrices=False: the remaining columns are "
                                      "not determined by x")
        v, gv, f = flipped(vt), flipped(gvt), _gaps(square(s), x)
        odd = lambda a, b: mul(f, sub(matmul(a, b, ta=True), matmul(b, a, ta=True)))
        left = scaled(odd(u, gu), s)
        right = flipped(scaled(flipped(odd(v, gv)), s))
        dx = matmul(matmul(u, add(add(left, right), _diagonal(gs))), vt)
        if x.shape[-2] > s.shape[-1]:
            side = scaled(sub(gu, matmul(u, matmul(u, gu, ta=True))), div(_const(np.ones(()), x), s))
            dx = add(dx, matmul(side, vt))
        if x.shape[-1] > s.shape[-1]:
            side = scaled(sub(gv, matmul(v, matmul(v, gv, ta=True))), div(_const(np.ones(()), x), s))
            dx = add(dx, matmul(u, side, tb=True))
        return (dx,)


@primitive
class pinv:
    """y = x^+: x y x = x, y x y = y, both products symmetric"""
    samples = [([batched(5, 3)], dict(rcond=1e-6)), ([batched(3, 4)], dict(rcond=1e-6))]

    def shape(x, *, rcond):
        return x.shape[:-2] + (x.shape[-1], x.shape[-2]), x.dtype

    ref = wide(lambda x, rcond: np.linalg.pinv(x, rcond))

    def vjp(g, p, x, need, *, rcond):
        main = neg(matmul(matmul(p, g, ta=True), p, tb=True))
        gpp = matmul(matmul(g, p, ta=True), p, tb=True)                                    # g^T p p^T
        ppg = matmul(matmul(p, p, ta=True), g, tb=True)                                    # p^T p g^T
        return (add(main, add(sub(gpp, matmul(x, matmul(p, gpp))), sub(ppg, matmul(matmul(ppg, p), x)))),)


def _lu(x):
    """Gaussian elimination with row exchanges, all matrices of a stack at once."""
    x, m, n = x.copy(), *x.shape[-2:]
    flat = x.reshape(-1, m, n)
    rows, swaps = np.arange(len(flat)), np.zeros((len(flat), min(m, n)), "int32")
    for k in range(min(m, n)):
        best = k + np.argmax(np.abs(flat[:, k:, k]), -1)
        swaps[:, k] = best
        kept = flat[rows, best].copy()
        flat[rows, best] = flat[:, k]
        flat[:, k] = kept
        pivot = np.where(flat[:, k, k] == 0, 1, flat[:, k, k])
        flat[:, k + 1:, k] /= pivot[:, None]
        flat[:, k + 1:, k + 1:] -= flat[:, k + 1:, k, None] * flat[:, None, k, k + 1:]
    return flat.reshape(x.shape), swaps.reshape(x.shape[:-2] + (min(m, n),))


@primitive
class lu_factor:
    """p x = l u, both in one matrix (the ones of l are not kept); p as the row exchanged with row k"""
    samples = [([batched(4, 4)], {}), ([batched(5, 3)], {})]

    def shape(x):
        return [(x.shape, x.dtype), (x.shape[:-2] + (min(x.shape[-2:]),), "int32")]

    ref = wide(_lu)


# ---------------------------------------------------------------- Fourier transforms, complex numbers as (real, imaginary)
def _pair(name, transform, back):
    def shape(re, im, *, axes):
        return [(re.shape, re.dtype), (re.shape, re.dtype)]

    def ref(re, im, *, axes):
        y = transform(re + 1j * im, axes=axes)
        return y.real, y.imag

    def vjp(gs, out, re, im, need, *, axes):
        count = math.prod(re.shape[a] for a in axes)
        a, b = back()(gs[0], gs[1], axes=axes)
        scale = float(count) if name == "fft" else 1.0 / count
        return mul(a, scale), mul(b, scale)
    return primitive(type(name, (), dict(__doc__=f"y = {name}(re + i im) over axes", shape=shape, ref=wide(ref), vjp=vjp,
                                         samples=[([(3, 8), (3, 8)], dict(axes=(-1,))), ([(5, 6), (5, 6)], dict(axes=(-2, -1)))])))


fft = _pair("fft", lambda z, axes: np.fft.fftn(z, axes=axes), lambda: ifft)
ifft = _pair("ifft", lambda z, axes: np.fft.ifftn(z, axes=axes), lambda: fft)


def _halves(n, middle):
    """Weights of the bins 0..n/2: those that stand for two of the full transform get `middle`."""
    w = np.full(n // 2 + 1, middle)
    w[0] = 1.0
    if n % 2 == 0:
        w[-1] = 1.0
    return w


@primitive
class rfft:
    """y = the bins 0..n/2 of the transform of real x along the last axis"""
    samples = [([(3, 8)], {}), ([(2, 7)], {})]

    def shape(x):
        out = x.shape[:-1] + (x.shape[-1] // 2 + 1,)
        return [(out, x.dtype), (out, x.dtype)]

    @wide
    def ref(x):
        y = np.fft.rfft(x)
        return y.real, y.imag

    def vjp(gs, out, x, need):
        n = x.shape[-1]
        w = _const(_halves(n, 0.5) * n, x)
        return (irfft(mul(gs[0], w), mul(gs[1], w), n=n),)


@primitive
class irfft:
    """x = the real values whose transform has the bins re + i im"""
    samples = [([(3, 5), (3, 5)], dict(n=8)), ([(2, 4), (2, 4)], dict(n=7))]

    def shape(re, im, *, n):
        return re.shape[:-1] + (n,), re.dtype

    ref = wide(lambda re, im, n: np.fft.irfft(re + 1j * im, n))

    def vjp(g, x, re, im, need, *, n):
        w = _const(_halves(n, 2.0) / n, re)
        a, b = rfft(g)
        return mul(a, w), mul(b, w)


@primitive
class complex_of:
    """z = re + i im"""
    samples = [([(3, 5), (3, 5)], {})]

    def shape(re, im):
        return re.shape, COMPLEX.get(re.dtype, "complex64")

    def ref(re, im):
        return (re + 1j * im).astype(np.result_type(re, "complex64"))


@primitive
class parts_of:
    """(re, im) of complex z"""
    samples = [([lambda rng: (rng.standard_normal(5) + 1j * rng.standard_normal(5)).astype("complex64")], {})]

    def shape(z):
        kind = {"complex64": "float32", "complex128": "float64"}.get(z.dtype, z.dtype)
        return [(z.shape, kind), (z.shape, kind)]

    def ref(z):
        return z.real.copy(), np.ascontiguousarray(np.imag(z))


# ---------------------------------------------------------------- functions of one number
def _erfinv(y):
    """A rational guess (Winitzki), then Newton's steps on erf, which square the error."""
    from .elementwise import erf64
    with np.errstate(all="ignore"):
        l = np.log1p(-y * y)
        t = 2 / (math.pi * 0.147) + l / 2
        x = np.sign(y) * np.sqrt(np.sqrt(t * t - l / 0.147) - t)
        for _ in range(3):
            f = np.where(np.abs(x) < 5.5, erf64(x) - y, 0)
            x = x - f / (2 / math.sqrt(math.pi) * np.exp(-x * x) + x * f)
        return np.where(np.abs(y) < 1, x, np.where(np.abs(y) == 1, np.sign(y) * np.inf, np.nan))


_erfc64 = np.vectorize(math.erfc, otypes=["float64"])
erfinv = unary("erfinv", wide(_erfinv), one(lambda g, y, x: mul(g, mul(exp(square(y)), math.sqrt(math.pi) / 2))), domain=unit,
               doc="erf(y) = x")
erfc = unary("erfc", wide(lambda x: _erfc64(x) if x.size else x),
             one(lambda g, y, x: mul(mul(g, -2 / math.sqrt(math.pi)), exp(neg(square(x))))), doc="y = 1 - erf(x)")


# ---------------------------------------------------------------- places
@primitive
class stop_gradient:
    """y = x, the same memory, a constant to every tape"""
    samples = [([(3, 5)], {})]
    alias, differentiable = 0, False

    def shape(x):
        return x.shape, x.dtype

    def ref(x):
        return x

    def calls(y, x):
        return ()


@primitive
class pick:
    """y = x[..., label]; a label outside 0..n-1 fails"""
    samples = [([(7, 5), lambda rng: rng.integers(0, 5, 7).astype("int32")], {})]

    def shape(x, label):
        return label.shape, x.dtype

    def ref(x, label):
        n = x.shape[-1]
        bad = (label < 0) | (label >= n)
        if np.any(bad):
            raise IndexError(f"label {int(label[bad].flat[0])} is out of range: the model has {n} outputs, so labels go from 0 to {n - 1}")
        return np.take_along_axis(x, label[..., None].astype("int64"), -1)[..., 0]

    def vjp(g, y, x, label, need):
        deeper = lambda t: reshape(t, shape=t.shape + (1,))
        return take_along_grad(deeper(g), deeper(label), shape=x.shape, axis=x.ndim - 1), None


HOW = {"set": None, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


@primitive
class place_rows:
    """y = x, then y[idx] = u in the order of idx; or y[idx] = max(y[idx], u), min, times"""
    samples = [([(6, 3), lambda rng: rng.permutation(6)[:4].astype("int32"), (4, 3)], dict(how=h)) for h in HOW]

    def shape(x, idx, u, *, how):
        if u.shape != idx.shape + x.shape[1:]:
            raise ValueError(f"scatter: updates of shape {u.shape} do not fit: indices of shape {idx.shape} into {x.shape} want updates "
                             f"of shape {idx.shape + x.shape[1:]}")
        return x.shape, x.dtype

    def ref(x, idx, u, *, how):
        y, idx = x.copy(), checked(idx, x.shape[0], "scatter")
        if how == "set":
            y[idx] = u
        else:
            HOW[how].at(y, idx, u.astype(y.dtype))
        return y

    def vjp(g, y, x, idx, u, need, *, how):
        zero = _const(np.zeros(()), g)
        if how == "set":
            return place_rows(g, idx, mul(u, 0.0), how="set") if need[0] else None, None, take(g, idx, axis=0) if need[2] else None
        if how == "mul":
            gy = mul(g, y)
            return div(gy, x) if need[0] else None, None, div(take(gy, idx, axis=0), u) if need[2] else None
        own = lambda v, h, gh: where(equal(v, h), gh, zero)
        return (own(x, y, g) if need[0] else None, None,
                own(u, take(y, idx, axis=0), take(g, idx, axis=0)) if need[2] else None)


def _block(x, start, shape):
    starts = [int(s) for s in np.asarray(start).reshape(-1)]
    for k, (s, n, d) in enumerate(zip(starts, shape, x.shape)):
        if s < 0 or s + n > d:
            raise IndexError(f"slice: start {s} and size {n} leave axis {k}, which has size {d}")
    return tuple(np.s_[s:s + n] for s, n in zip(starts, shape))


@primitive
class slice_at:
    """y = the block of x of this shape that begins at `start`"""
    samples = [([(6, 8), lambda rng: np.array([rng.integers(0, 4), 3], "int32")], dict(shape=(2, 5)))]

    def shape(x, start, *, shape):
        return tuple(shape), x.dtype

    def ref(x, start, *, shape):
        return x[_block(x, start, shape)].copy()

    def vjp(g, y, x, start, need, *, shape):
        return place_at(_const(np.zeros(x.shape), g), g, start), None


@primitive
class place_at:
    """y = x with the block that begins at `start` replaced by u"""
    samples = [([(6, 8), (2, 5), lambda rng: np.array([rng.integers(0, 4), 3], "int32")], {})]

    def shape(x, u, start):
        if len(u.shape) != len(x.shape) or start.shape != (len(x.shape),):
            raise ValueError(f"slice_update: updates of shape {u.shape} and {start.shape} start indices do not fit inputs of shape "
                             f"{x.shape}: wanted one start index and one size an axis")
        return x.shape, x.dtype

    def ref(x, u, start):
        y = x.copy()
        y[_block(x, start, u.shape)] = u
        return y

    def vjp(g, y, x, u, start, need):
        return place_at(g, mul(u, 0.0), start) if need[0] else None, slice_at(g, start, shape=u.shape) if need[1] else None, None
