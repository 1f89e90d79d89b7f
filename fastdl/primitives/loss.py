"""Softmax and the crossentropies that are taken from logits, whole: no logarithm of a rounded probability."""
import numpy as np

from ..core.primitive import primitive, unit
from .elementwise import add, exp, mul, neg, sigmoid, sub
from .movement import broadcast_to, one_hot, reshape
from .reduce import sum


def _last(x):
    return reshape(sum(x, axis=(-1,)), shape=x.shape[:-1] + (1,))


@primitive
class softmax:
    """y = exp(x) / sum(exp(x)) over the last axis"""
    dims = "x: * n -> y: * n"

    def ref(x):
        e = np.exp(x - np.max(x, -1, keepdims=True))
        return e / np.sum(e, -1, keepdims=True)

    def calls(y, x):
        yield "softmax", [y], [x], [x.size // x.shape[-1], x.shape[-1]]

    def vjp(g, y, x, need):
        return (softmax_grad(g, y),)


@primitive
class softmax_grad:
    """dx = y (g - sum(g y))"""
    dims = "g: * n, y: * n -> dx: * n"

    def ref(g, y):
        return y * (g - np.sum(g * y, -1, keepdims=True))

    def calls(dx, g, y):
        yield "softmax_grad", [dx], [g, y], [g.size // g.shape[-1], g.shape[-1]]

    def vjp(h, dx, g, y, need):
        hy, gy = _last(mul(h, y)), _last(mul(g, y))
        return softmax_grad(h, y), sub(sub(mul(h, g), mul(h, gy)), mul(g, hy))


@primitive
class log_softmax:
    """y = x - log(sum(exp(x))) over the last axis"""
    dims = "x: * n -> y: * n"

    def ref(x):
        z = x - np.max(x, -1, keepdims=True)
        return z - np.log(np.sum(np.exp(z), -1, keepdims=True))

    def calls(y, x):
        yield "log_softmax", [y], [x], [x.size // x.shape[-1], x.shape[-1]]

    def vjp(g, y, x, need):
        return (sub(g, mul(exp(y), _last(g))),)


@primitive
class softmax_xent:
    """l = -sum(t log_softmax(x)) over the last axis"""
    dims = "x: * n, t: * n -> l: *"
    domain = dict(t=unit)

    def ref(x, t):
        return -np.sum(t * log_softmax.ref(x), -1)

    def calls(l, x, t):
        yield "softmax_xent", [l], [x, t], [x.size // x.shape[-1], x.shape[-1]]

    def vjp(g, l, x, t, need):
        g = reshape(g, shape=g.shape + (1,))
        dx = mul(sub(mul(softmax(x), _last(t)), t), g) if need[0] else None
        return dx, neg(mul(log_softmax(x), g)) if need[1] else None


@primitive
class sparse_softmax_xent:
    """l = -log_softmax(x)[label] over the last axis"""
    samples = [([(7, 5), lambda rng: rng.integers(0, 5, 7).astype("int32")], {}), ([(3, 33), lambda rng: rng.integers(0, 33, 3).astype("int32")], {})]

    def shape(x, label):
        if label.shape != x.shape[:-1]:
            raise ValueError(f"sparse crossentropy: labels of shape {label.shape} do not fit predictions of shape {x.shape}: "
                             f"wanted labels of shape {x.shape[:-1]}, one integer a row")
        return x.shape[:-1], x.dtype

    def ref(x, label):
        n = x.shape[-1]
        bad = (label < 0) | (label >= n)
        if np.any(bad):
            raise IndexError(f"label {int(label[bad].flat[0])} is out of range: the model has {n} outputs, so labels go from 0 to {n - 1}")
        return -np.take_along_axis(log_softmax.ref(x), label[..., None].astype("int64"), -1)[..., 0]

    def calls(l, x, label):
        yield "sparse_softmax_xent", [l], [x, label], [x.size // x.shape[-1], x.shape[-1]]

    def supports(ins, attrs):
        return ins[0].dtype == "float32" and ins[1].dtype == "int32"

    def vjp(g, l, x, label, need):
        return sparse_xent_grad(g, x, label), None


@primitive
class sparse_xent_grad:
    """dx = g (softmax(x) - one_hot(label))"""
    samples = [([(7,), (7, 5), lambda rng: rng.integers(0, 5, 7).astype("int32")], {})]

    def shape(g, x, label):
        return x.shape, x.dtype

    def ref(g, x, label):
        return (softmax.ref(x) - (label[..., None] == np.arange(x.shape[-1]))) * g[..., None]

    def calls(dx, g, x, label):
        yield "sparse_xent_grad", [dx], [g, x, label], [x.size // x.shape[-1], x.shape[-1]]

    def supports(ins, attrs):
        return ins[1].dtype == "float32" and ins[2].dtype == "int32"

    def vjp(h, dx, g, x, label, need):
        p = softmax(x)
        from .elementwise import cast
        gap = sub(p, cast(one_hot(label, depth=x.shape[-1]), dtype=x.dtype))
        return reshape(_last(mul(h, gap)), shape=g.shape), softmax_grad(mul(h, reshape(g, shape=g.shape + (1,))), p), None


@primitive
class sigmoid_xent:
    """l = max(x, 0) - x t + log(1 + exp(-|x|)), elementwise"""
    dims = "x: *, t: * -> l: *"
    domain = dict(t=unit)

    def ref(x, t):
        return np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))

    def calls(l, x, t):
        yield "sigmoid_xent", [l], [x, t], [x.size]

    def vjp(g, l, x, t, need):
        return mul(g, sub(sigmoid(x), t)) if need[0] else None, neg(mul(g, x)) if need[1] else None
