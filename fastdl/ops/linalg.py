"""Linear algebra: decompositions and solutions by NumPy, with gradients; norms by composition."""
import numpy as np

from ..core.tape import GradientTape
from ..core.tensor import Tensor, convert_to_tensor
from ..primitives import elementwise as e
from ..primitives import host
from ..primitives import movement as m
from ..primitives import reduce as r
from . import numpy as knp
from .promotion import axes_of, floating, promote, public
from .symbolic import flatten, op, pack_like


def _square(x, name):
    x = floating(x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"ops.{name} needs square matrices of shape (..., n, n), got shape {x.shape}")
    return x


def _matrix(x, name):
    x = floating(x)
    if x.ndim < 2:
        raise ValueError(f"ops.{name} needs matrices of shape (..., m, n), got shape {x.shape}")
    return x


@op
def cholesky(x, upper=False):
    """l l^T = x, l lower triangular; upper: u^T u = x"""
    l = host.cholesky(_square(x, "cholesky"))
    return host.flipped(l) if upper else l


@op
def cholesky_inverse(x, upper=False):
    """y = (l l^T)^-1 of a Cholesky factor l; upper: (u^T u)^-1"""
    x = _square(x, "cholesky_inverse")
    half = host.solve_triangular(x, convert_to_tensor(np.eye(x.shape[-1]), x.dtype), lower=not upper)
    return host.matmul(half, half, tb=True) if upper else host.matmul(half, half, ta=True)


@op
def det(x):
    """y = determinant of x"""
    return host.det(_square(x, "det"))


@op
def eig(x):
    """(w, v): x v = v diag(w), both complex; no gradient"""
    return host.eig(_square(x, "eig"))


@op
def eigh(x):
    """(w, v): x v = v diag(w) of symmetric x, w ascending"""
    return host.eigh(_square(x, "eigh"))


@op
def inv(x):
    """y = x^-1"""
    return host.inv(_square(x, "inv"))


@op
def lu_factor(x):
    """(lu, p): the rows of x exchanged by p, then l u, both triangles in one matrix"""
    return host.lu_factor(_matrix(x, "lu_factor"))


@op
def qr(x, mode="reduced"):
    """(q, r): q r = x, q^T q = 1, r upper triangular"""
    if mode not in ("reduced", "complete"):
        raise ValueError(f"ops.qr: mode must be 'reduced' or 'complete', got {mode!r}")
    return host.qr(_matrix(x, "qr"), mode=mode)


@op
def svd(x, full_matrices=True, compute_uv=True):
    """(u, s, vt): u diag(s) vt = x, s descending; s alone without compute_uv"""
    x = _matrix(x, "svd")
    if compute_uv:
        return host.svd(x, full=bool(full_matrices))
    return host.svd(x, full=False)[1]


def _system(a, b, name):
    a, b = promote(a, b, least="float32")
    _square(a, name)
    one = b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]
    b = m.reshape(b, shape=b.shape + (1,)) if one else b
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ValueError(f"ops.{name}: a of shape {a.shape} and b of shape {b.shape} do not fit: wanted b of shape (..., {a.shape[-1]}) or "
                         f"(..., {a.shape[-1]}, k)")
    return a, b, (lambda x: m.reshape(x, shape=x.shape[:-1])) if one else (lambda x: x)


@op
def solve(a, b):
    """x with a x = b"""
    a, b, back = _system(a, b, "solve")
    return back(host.solve(a, b))


@op
def solve_triangular(a, b, lower=False):
    """x with a x = b, a upper (or lower) triangular"""
    a, b, back = _system(a, b, "solve_triangular")
    return back(host.solve_triangular(a, b, lower=bool(lower)))


def _cutoff(x, rcond):
    return float(np.finfo("float32" if x.dtype != "float64" else "float64").eps) * max(x.shape[-2:]) if rcond is None else float(rcond)


@op
def pinv(x, rcond=None):
    """y = x^+, the pseudoinverse; singular values up to rcond times the largest count as zero"""
    x = _matrix(x, "pinv")
    return host.pinv(x, rcond=_cutoff(x, rcond))


@op
def matrix_rank(x, tol=None):
    """y = how many singular values exceed tol"""
    x = _matrix(x, "matrix_rank")
    s = host.svd(x, full=False)[1]
    limit = e.mul(r.max(s, axis=(-1,), keepdims=True), _cutoff(x, None)) if tol is None else float(tol)
    return r.sum(e.cast(e.greater(s, limit), dtype="int32"), axis=(-1,))


@op
def lstsq(a, b, rcond=None):
    """x that makes |a x - b| least, the shortest of those"""
    a, b = promote(a, b, least="float32")
    if a.ndim != 2 or b.ndim not in (1, 2) or b.shape[0] != a.shape[0]:
        raise ValueError(f"ops.lstsq wants a of shape (m, n) and b of shape (m,) or (m, k), got {a.shape} and {b.shape}")
    columns = b if b.ndim == 2 else m.reshape(b, shape=b.shape + (1,))
    x = host.matmul(host.pinv(a, rcond=_cutoff(a, rcond)), columns)
    return x if b.ndim == 2 else m.reshape(x, shape=x.shape[:-1])


# ---------------------------------------------------------------- norms
def _vector_norm(x, order, axes, keepdims):
    total = lambda v: r.sum(v, axis=axes, keepdims=keepdims)
    if order is None or order == 2 or order == "fro":
        return e.sqrt(total(e.square(x)))
    if order == np.inf:
        return r.max(e.abs(x), axis=axes, keepdims=keepdims)
    if order == -np.inf:
        return r.min(e.abs(x), axis=axes, keepdims=keepdims)
    if order == 0:
        return total(e.cast(e.not_equal(x, 0.0), dtype=x.dtype))
    if order == 1:
        return total(e.abs(x))
    return e.power(total(e.power(e.abs(x), float(order))), 1.0 / order)


@op
def norm(x, ord=None, axis=None, keepdims=False):
    """y = |x| over one axis (a vector's norm), two axes (a matrix's) or all

    ord: None (root of the sum of squares), a number p, inf, -inf, 0, and for matrices "fro", "nuc", 1, -1, 2, -2.
    """
    x = floating(x)
    if isinstance(ord, str) and ord not in ("fro", "nuc"):
        raise ValueError(f"ops.norm: ord={ord!r}; wanted a number, 'fro' or 'nuc'")
    if axis is None:
        if ord is not None and x.ndim not in (1, 2):
            raise ValueError(f"ops.norm: ord={ord!r} of a tensor of shape {x.shape} needs axis=: one axis for vectors, two for matrices")
        axes = tuple(range(x.ndim))
    else:
        given = axis if isinstance(axis, (tuple, list)) else (axis,)
        axes_of(given, x.ndim)
        axes = tuple(int(a) % x.ndim for a in given)
    if axis is None and ord is None or len(axes) == 1:
        if isinstance(ord, str) and len(axes) == 1:
            raise ValueError(f"ops.norm: ord={ord!r} is a norm of matrices: give two axes")
        return _vector_norm(x, ord, tuple(sorted(axes)), keepdims)
    if len(axes) != 2:
        raise ValueError(f"ops.norm: axis={axis!r}; wanted one axis or two")
    if ord in (None, "fro"):
        return _vector_norm(x, None, tuple(sorted(axes)), keepdims)
    row, column = axes
    reduced = lambda y: m.reshape(y, shape=tuple(1 if k in axes else d for k, d in enumerate(x.shape))) if keepdims else y
    if ord in (1, -1, np.inf, -np.inf):
        inner, outer = (row, column) if abs(ord) == 1 else (column, row)
        lines = r.sum(e.abs(x), axis=(inner,), keepdims=True)
        found = (r.max if ord > 0 else r.min)(lines, axis=(outer,), keepdims=True)
        return found if keepdims else m.reshape(found, shape=tuple(d for k, d in enumerate(x.shape) if k not in axes))
    if ord in (2, -2, "nuc"):
        s = host.svd(knp.moveaxis(x, (row, column), (-2, -1)), full=False)[1]
        return reduced({2: r.max, -2: r.min, "nuc": r.sum}[ord](s, axis=(-1,)))
    raise ValueError(f"ops.norm: ord={ord!r} is no norm of matrices; wanted 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")


def jvp(fun, primals, tangents, has_aux=False):
    """(f(x), df(x)/dx t): the derivative of fun at primals along tangents; with has_aux fun gives (y, aux)"""
    xs = [floating(p) for p in primals]
    xs = [Tensor(x.numpy()) if x._a is not None else x for x in xs]
    if len(xs) != len(tangents):
        raise ValueError(f"jvp: {len(xs)} primals and {len(tangents)} tangents; wanted one tangent for each")
    with GradientTape() as outer:                       # the gradient along u is linear in u: its own derivative is the answer
        with GradientTape() as inner:
            inner.watch(xs)
            out = fun(*xs)
            y, aux = out if has_aux else (out, None)
        ys = flatten(y)
        us = [e.mul(t, 0.0) for t in ys]
        us = [Tensor(u.numpy()) if u._a is not None else u for u in us]
        outer.watch(us)
        back = inner.gradient(ys, xs, us, "zero")
    forward = outer.gradient(back, us, [convert_to_tensor(t, x.dtype) for t, x in zip(tangents, xs)], "zero")
    result = pack_like(y, forward)
    return (y, result, aux) if has_aux else (y, result)


__all__ = public(globals())
