"""Matrix products. A thread's panel of packed columns lies in scratch that the plan provides."""
import math

import numpy as np

from ..core import native
from ..core.primitive import Prepared, Scratch, primitive
from .elementwise import relu6_grad, relu_grad, sigmoid_grad, tanh_grad
from .movement import broadcast_to, reshape, transpose
from .reduce import sum, sum_to

ACTS = {None: 0, "relu": 1, "sigmoid": 2, "tanh": 3, "relu6": 4}
WIDEST, TALLEST = 32, 12                      # columns and rows of the largest micro-kernel
BLOCK = 1 << 17                               # floats of packed columns that a thread keeps at hand (half of an L2)


def gemm(y, x, w, m, n, k, ta=0, tb=0, batch=1, strides=(0, 0, 0), bias=None, act=None, more=(), keep=False):
    """`more`: mean, k, beta, (rest) of the end (see gemm.c); `keep`: w is a weight, whose packed columns a plan may keep. One row; a product with one column, or with few and long ones, is computed as its own transpose."""
    swapped = not keep and (n == 1 or (ta and n <= 12 and bias is None))
    if swapped:
        x, w, m, n, ta, tb, strides = w, x, n, m, not tb, not ta, (strides[1], strides[0], strides[2])
    depth = min(k, 2048)
    if keep:
        w, source = Prepared(k * (n + WIDEST - 1)), w
        yield "panels", [w], [source], [k, n]
    room = TALLEST * (depth + 16) if keep else 0 if m == 1 else TALLEST * (depth + 16) + max(depth * WIDEST, min(k * (n + WIDEST), BLOCK))
    ins = [x, w] + ([bias] if bias is not None else []) + list(more)
    flags = (bias is not None) + 2 * swapped + 4 * (len(more) > 0) + 8 * (len(more) > 3) + 16 * keep + 32 * ACTS[act]
    yield "gemm", [y, Scratch(native.get_threads() * room)], ins, [m, n, k, int(ta), int(tb), batch, *strides, flags, room]


def sizes(x, y, ta, tb):
    m, k = (x.shape[-1], x.shape[-2]) if ta else x.shape[-2:]
    k2, n = (y.shape[-1], y.shape[-2]) if tb else y.shape[-2:]
    return m, n, k, k2


@primitive
class matmul:
    """z = x @ y; ta, tb transpose the last two axes first; leading axes broadcast"""
    samples = ([([(7, 17), (17, 33)], {}), ([(3, 4, 5), (3, 5, 6)], {}), ([(2, 3, 4, 5), (5, 6)], {}), ([(9, 1), (1, 20)], {}),
                ([(1, 70), (70, 40)], {}), ([(1, 33), (90, 33)], dict(tb=True)), ([(100, 37), (37, 1)], {}), ([(37, 50), (37, 1)], dict(ta=True)),
                ([(50, 700), (700, 100)], {}), ([(26, 1024), (1024, 31)], {}), ([(14, 4500), (4500, 10)], {}), ([(25, 300), (300, 16)], {}),
                ([(3, 13, 20), (3, 20, 64)], {}), ([(3, 13, 70), (3, 31, 70)], dict(tb=True)), ([(2, 5, 9, 8), (2, 5, 9, 1)], dict(ta=True))]
               + [([(k, m), (k, n)], dict(ta=True)) for m, n, k in ((17, 9, 17), (97, 10, 330), (60, 16, 300), (40, 70, 33), (5, 25, 129))]
               + [([(m, k), (n, k)], dict(tb=True)) for m, n, k in ((5, 65, 19), (30, 80, 340), (24, 16, 1), (70, 10, 40))]
               + [([(45, 18), (n, 45)], dict(ta=True, tb=True)) for n in (1, 7, 34)])

    def shape(x, y, *, ta=False, tb=False):
        if x.ndim < 2 or y.ndim < 2:
            raise ValueError(f"matmul needs matrices, got shapes {x.shape} and {y.shape}")
        m, n, k, k2 = sizes(x, y, ta, tb)
        if k != k2:
            raise ValueError(f"matmul: inner sizes differ: {x.shape} @ {y.shape} ({k} columns against {k2} rows)")
        return np.broadcast_shapes(x.shape[:-2], y.shape[:-2]) + (m, n), x.dtype

    def ref(x, y, *, ta=False, tb=False):
        return np.matmul(np.swapaxes(x, -1, -2) if ta else x, np.swapaxes(y, -1, -2) if tb else y)

    def calls(z, x, y, *, ta=False, tb=False):
        m, n, k, _ = sizes(x, y, ta, tb)
        batch = math.prod(z.shape[:-2])
        if y.ndim == 2 and not ta:
            return gemm(z, x, y, m * batch, n, k, 0, int(tb))
        stride = lambda t: t.shape[-1] * t.shape[-2] if t.ndim > 2 else 0
        return gemm(z, x, y, m, n, k, int(ta), int(tb), batch, (stride(x), stride(y), m * n))

    def supports(ins, attrs):
        x, y = ins
        return x.dtype == y.dtype == "float32" and (x.shape[:-2] == y.shape[:-2] or y.ndim == 2 or x.ndim == 2)

    def vjp(g, z, x, y, need, *, ta=False, tb=False):
        dx = dy = None
        if need[0]:
            dx = matmul(y, g, ta=tb, tb=True) if ta else matmul(g, y, tb=not tb)
            dx = dx if dx.shape == x.shape else sum_to(dx, shape=x.shape)
        if need[1]:
            if y.ndim == 2 and x.ndim > 2 and not ta and not tb:       # one product over all rows
                rows = math.prod(x.shape[:-1])
                dy = matmul(reshape(x, shape=(rows, x.shape[-1])), reshape(g, shape=(rows, g.shape[-1])), ta=True)
            else:
                dy = matmul(g, x, ta=True, tb=ta) if tb else matmul(x, g, ta=not ta)
                dy = dy if dy.shape == y.shape else sum_to(dy, shape=y.shape)
        return dx, dy

    def fold(node, how, others, outs):
        """x @ w, then + b: one product with a bias."""
        _, (x, w), _, attrs = node
        if how == "bias" and not attrs.get("ta") and not attrs.get("tb") and w.ndim == 2 and x.dtype == "float32" \
                and others[0].shape == w.shape[1:] and others[0].dtype == "float32" and outs[0].shape == x.shape[:-1] + w.shape[1:]:
            return dense, (x, w, others[0]), outs, dict(act=None)


@primitive
class dense:
    """y = act(x @ w + b)"""
    dims = "x: * k, w: k n, b: n -> y: * n"
    samples = [([(*rows, k), (k, n), (n,)], dict(act=act)) for act in ACTS for rows, k, n in
               (((7,), 17, 33), ((2, 3), 5, 4), ((1,), 40, 50), ((30,), 19, 1), ((29,), 650, 64), ((33,), 20, 16))]

    def ref(x, w, b, *, act=None):
        y = x @ w + b
        return {None: lambda v: v, "relu": lambda v: np.maximum(v, 0), "sigmoid": lambda v: 1 / (1 + np.exp(-v)), "tanh": np.tanh, "relu6": lambda v: np.clip(v, 0, 6)}[act](y)

    def calls(y, x, w, b, *, act=None):
        return gemm(y, x, w, y.size // w.shape[1], w.shape[1], w.shape[0], bias=b, act=act)

    def supports(ins, attrs):
        return ins[0].dtype == ins[1].dtype == ins[2].dtype == "float32"

    def vjp(g, y, x, w, b, need, *, act=None):
        g = {None: lambda h, v: h, "relu": relu_grad, "sigmoid": sigmoid_grad, "tanh": tanh_grad, "relu6": relu6_grad}[act](g, y)
        rows = g.size // g.shape[-1]
        g2 = reshape(g, shape=(rows, g.shape[-1]))
        dx = matmul(g, w, tb=True) if need[0] else None
        dw = matmul(reshape(x, shape=(rows, x.shape[-1])), g2, ta=True) if need[1] else None
        return dx, dw, sum(g2, axis=(0,)) if need[2] else None

    def fold(node, how, others, outs):
        if how in ACTS and node[3].get("act") is None:
            return node[0], node[1], outs, dict(act=how)
