"""Normalisation of each row along the last axis, by mean and variance or by the mean square: one pass over memory each way."""
import math

import numpy as np

from ..core.primitive import Scratch, primitive
from ..core.tape import GradientTape
from .elementwise import add, mul, rsqrt, square, sub
from .reduce import mean, sum

SHAPES = [(7, 5), (3, 4, 17), (300, 3), (2, 9, 33), (40, 64), (2, 130), (5, 1), (70, 16), (9, 200)]


def rows_of(x):
    return math.prod(x.shape[:-1])


def block_of(x):
    """Rows of a block: at most 64 blocks, fixed by the shape."""
    return max(16, -(-rows_of(x) // 64))


def supports(ins, attrs):
    return all(t.dtype == "float32" for t in ins)


def stats(x, epsilon, centred):
    """(x - mean, 1 / sqrt(var + epsilon)), the mean taken as zero where not centred."""
    d = x - np.mean(x, axis=-1, keepdims=True) if centred else x
    return d, 1 / np.sqrt(np.mean(d * d, axis=-1, keepdims=True) + x.dtype.type(epsilon))


def grad_ref(g, x, gamma, epsilon, centred):
    d, inv = stats(x, epsilon, centred)
    z, h, lead = d * inv, g * gamma, tuple(range(x.ndim - 1))
    flat = np.mean(h, axis=-1, keepdims=True) if centred else 0
    return inv * (h - flat - z * np.mean(h * z, axis=-1, keepdims=True)), np.sum(g * z, axis=lead), np.sum(g, axis=lead)


def grad_calls(dx, sums, g, x, gamma, epsilon, centred):
    rows, C, block = rows_of(x), x.shape[-1], block_of(x)
    blocks = -(-rows // block)
    parts = Scratch(2 * blocks * C)
    yield "layer_norm_grad", [dx, parts], [g, x, gamma], [rows, C, int(centred), block], [epsilon]
    for k, y in enumerate(sums):
        yield "add_slices", [y], [parts], [C, blocks, 2 * C, k * C]


def grad_vjp(h, ins, epsilon, centred):
    """The gradient of a gradient is rarely asked for: in small steps."""
    with GradientTape() as tape:
        ins = [mul(t, 1.0) for t in ins]
        tape.watch(ins)
        g, x, gamma = [mul(t, 1.0) for t in ins]
        along = lambda t: mean(t, axis=(t.ndim - 1,), keepdims=True)
        d, lead = sub(x, along(x)) if centred else x, tuple(range(x.ndim - 1))
        inv = rsqrt(add(along(square(d)), epsilon))
        z, hh = mul(d, inv), mul(g, gamma)
        dx = sub(hh, mul(z, along(mul(hh, z))))
        dx = mul(sub(dx, along(hh)) if centred else dx, inv)
        outs = [dx, sum(mul(g, z), axis=lead)] + ([sum(g, axis=lead)] if centred else [])
    return tuple(tape.gradient(outs, ins, list(h)))


@primitive
class layer_norm:
    """y = (x - mean) / sqrt(var + epsilon) gamma + beta, mean and var of each row"""
    dims = "x: * c, gamma: c, beta: c -> y: * c"
    samples = [([s, s[-1:], s[-1:]], dict(epsilon=0.01)) for s in SHAPES]
    reuse = (0,)

    def ref(x, gamma, beta, *, epsilon=1e-3):
        d, inv = stats(x, epsilon, True)
        return d * inv * gamma + beta

    def calls(y, x, gamma, beta, *, epsilon=1e-3):
        yield "layer_norm", [y], [x, gamma, beta], [rows_of(x), x.shape[-1], 1, 1], [epsilon]

    def vjp(g, y, x, gamma, beta, need, *, epsilon=1e-3):
        return layer_norm_grad(g, x, gamma, epsilon=epsilon)


@primitive
class layer_norm_grad:
    """dx = (h - mean(h) - z mean(h z)) / s, h = g gamma, z = (x - mean) / s; dgamma = sum g z, dbeta = sum g"""
    dims = "g: * c, x: * c, gamma: c -> dx: * c, dgamma: c, dbeta: c"
    samples = [([s, s, s[-1:]], dict(epsilon=0.01)) for s in SHAPES]
    reuse = (0, 1)

    def ref(g, x, gamma, *, epsilon=1e-3):
        return grad_ref(g, x, gamma, epsilon, True)

    def calls(dx, dgamma, dbeta, g, x, gamma, *, epsilon=1e-3):
        yield from grad_calls(dx, (dgamma, dbeta), g, x, gamma, epsilon, True)

    def vjp(h, y, g, x, gamma, need, *, epsilon=1e-3):
        return grad_vjp(h, (g, x, gamma), epsilon, True)


@primitive
class rms_norm:
    """y = x / sqrt(mean(x^2) + epsilon) gamma, the mean over each row"""
    dims = "x: * c, gamma: c -> y: * c"
    samples = [([s, s[-1:]], dict(epsilon=0.01)) for s in SHAPES]
    reuse = (0,)

    def ref(x, gamma, *, epsilon=1e-6):
        d, inv = stats(x, epsilon, False)
        return d * inv * gamma

    def calls(y, x, gamma, *, epsilon=1e-6):
        yield "layer_norm", [y], [x, gamma], [rows_of(x), x.shape[-1], 0, 0], [epsilon]

    def vjp(g, y, x, gamma, need, *, epsilon=1e-6):
        return rms_norm_grad(g, x, gamma, epsilon=epsilon)


@primitive
class rms_norm_grad:
    """dx = (h - z mean(h z)) / s, h = g gamma, z = x / s, s = sqrt(mean(x^2) + epsilon); dgamma = sum g z"""
    dims = "g: * c, x: * c, gamma: c -> dx: * c, dgamma: c"
    samples = [([s, s, s[-1:]], dict(epsilon=0.01)) for s in SHAPES]
    reuse = (0, 1)

    def ref(g, x, gamma, *, epsilon=1e-6):
        return grad_ref(g, x, gamma, epsilon, False)[:2]

    def calls(dx, dgamma, g, x, gamma, *, epsilon=1e-6):
        yield from grad_calls(dx, (dgamma,), g, x, gamma, epsilon, False)

    def vjp(h, y, g, x, gamma, need, *, epsilon=1e-6):
        return grad_vjp(h, (g, x, gamma), epsilon, False)


for _p in (layer_norm, layer_norm_grad, rms_norm, rms_norm_grad):
    _p.supports = supports
