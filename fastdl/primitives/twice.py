"""Gradients of gradients through fused primitives: the same function said in small ones, and differentiated twice.

Slower than a kernel and rarely asked for (a gradient penalty through a recurrent layer or attention): one idea serves all.
"""
import numpy as np

from ..core.tape import GradientTape
from ..core.tensor import Tensor
from .elementwise import add, cast, greater, less, logical_and, logical_or, mul, neg, not_equal, relu, sigmoid, sub, tanh, where
from .linalg import matmul
from .loss import log_softmax, softmax
from .more import logaddexp
from .movement import broadcast_to, concat, one_hot, reshape, slice, transpose
from .reduce import sum

LOW = -1e30                                            # the logarithm of nothing, without the NaN of infinities


def gradients(plain, inputs, gs, bars):
    """Gradients of <bars, back> with respect to inputs and gs, where back are the gradients of <gs, plain(*inputs)> in inputs."""
    inputs, gs = ([reshape(t, shape=t.shape) for t in ts] for ts in (inputs, gs))      # tensors of our own: none comes in twice
    with GradientTape(watch_accessed_variables=False) as outer:
        outer.watch(inputs + gs)
        with GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(inputs)
            ys = plain(*inputs)
        back = inner.gradient(ys, inputs, gs)
        pairs = [(b, bar) for b, bar in zip(back, bars) if b is not None and bar is not None]
    found = outer.gradient([b for b, _ in pairs], inputs + gs, [bar for _, bar in pairs])
    return found[:len(inputs)], found[len(inputs):]


def part(x, axis, start, stop):
    axis %= x.ndim
    return slice(x, start=tuple(start if k == axis else 0 for k in range(x.ndim)),
                 stop=tuple(stop if k == axis else n for k, n in enumerate(x.shape)), step=(1,) * x.ndim)


# ---------------------------------------------------------------- recurrent layers
def sequence(step, x, states, mask, drop, reverse):
    """(hs, *final states) of step(x_t, dropped h, *states) -> the next states"""
    B, T, F = x.shape
    outs, seen = [], None
    for t in range(T)[::-1] if reverse else range(T):
        new = step(reshape(part(x, 1, t, t + 1), shape=(B, F)), states[0] if drop is None else mul(states[0], drop), *states)
        if mask is not None:
            on = part(mask, 1, t, t + 1)
            seen = on if seen is None else logical_or(seen, on)
            new = [where(on, a, b) for a, b in zip(new, states)]
        states = new
        y = new[0] if mask is None else where(seen, new[0], 0.0)
        outs.append(reshape(y, shape=(B, 1, y.shape[1])))
    return concat(*outs, axis=1), *states


def lstm(x, h0, c0, w, u, b, mask, drop, reverse):
    def step(xt, hd, h, c):
        z, n = add(add(matmul(xt, w), matmul(hd, u)), b), u.shape[0]
        i, f, g, o = (act(part(z, 1, k * n, k * n + n)) for k, act in enumerate((sigmoid, sigmoid, tanh, sigmoid)))
        c = add(mul(f, c), mul(i, g))
        return mul(o, tanh(c)), c
    return sequence(step, x, (h0, c0), mask, drop, reverse)


def gru(x, h0, w, u, b, mask, drop, reverse, after):
    n = u.shape[0]
    bias = [reshape(part(b, 0, k, k + 1), shape=(3 * n,)) for k in (0, 1)] if after else [b, None]
    gates = lambda a, count: [part(a, -1, k * n, k * n + n) for k in range(count)]

    def step(xt, hd, h):
        xz, xr, xg = gates(add(matmul(xt, w), bias[0]), 3)
        if after:
            hz, hr, p = gates(add(matmul(hd, u), bias[1]), 3)
            z, r = sigmoid(add(xz, hz)), sigmoid(add(xr, hr))
            p = mul(r, p)
        else:
            hz, hr = gates(matmul(hd, part(u, 1, 0, 2 * n)), 2)
            z, r = sigmoid(add(xz, hz)), sigmoid(add(xr, hr))
            p = matmul(mul(r, hd), part(u, 1, 2 * n, 3 * n))
        g = tanh(add(xg, p))
        return add(mul(z, h), mul(sub(1.0, z), g)),
    return sequence(step, x, (h0,), mask, drop, reverse)


def simple_rnn(x, h0, w, u, b, mask, drop, reverse, act):
    f = {None: lambda z: z, "relu": relu, "tanh": tanh}[act]
    return sequence(lambda xt, hd, h: (f(add(add(matmul(xt, w), matmul(hd, u)), b)),), x, (h0,), mask, drop, reverse)


# ---------------------------------------------------------------- attention
def attention(q, k, v, mask, scale, causal, low):
    (B, Tq, H, _), (Tk, Hk) = q.shape, k.shape[1:3]

    def heads(t):                                      # [B, H, T, D], a key head repeated for its group
        t = transpose(t, axes=(0, 2, 1, 3))
        shape = (B, t.shape[1], H // t.shape[1], *t.shape[2:])
        return reshape(broadcast_to(reshape(t, shape=(*shape[:2], 1, *shape[3:])), shape=shape), shape=(B, H, *shape[3:]))
    scores = mul(matmul(heads(q), heads(k), tb=True), scale)
    if causal:
        mask = Tensor(np.tril(np.ones((1, 1, Tq, Tk), bool)))
    if mask is not None:
        scores = where(mask, scores, low)
    return transpose(matmul(softmax(scores), heads(v)), axes=(0, 2, 1, 3))


# ---------------------------------------------------------------- CTC
def ctc(x, label, label_length, length, blank):
    """The loss of every row; 0 where it is infinite, for no gradient comes from there."""
    (B, T, C), L = x.shape, label.shape[1]
    full = lambda value, *shape: Tensor(np.full(shape, value, x.dtype))
    rows = lambda t: reshape(t, shape=(B, 1))
    gap = np.zeros((B, L, 1, C), x.dtype)
    gap[..., blank] = 1
    symbols = concat(Tensor(gap), reshape(cast(one_hot(label, depth=C), dtype=x.dtype), shape=(B, L, 1, C)), axis=2)
    symbols = concat(reshape(symbols, shape=(B, 2 * L, C)), Tensor(np.ascontiguousarray(gap[:, 0])), axis=1)
    log_p = matmul(log_softmax(x), symbols, tb=True)
    jumps = where(not_equal(part(label, 1, 1, L), part(label, 1, 0, L - 1)), 0.0, full(LOW, B, L - 1)) if L > 1 else full(LOW, B, 0)
    jumps = reshape(concat(reshape(jumps, shape=(B, L - 1, 1)), full(LOW, B, L - 1, 1), axis=2), shape=(B, 2 * L - 2)) if L > 1 else jumps
    later = lambda a, k: concat(full(LOW, B, k), part(a, 1, 0, 2 * L + 1 - k), axis=1)
    at = lambda t: reshape(part(log_p, 1, t, t + 1), shape=(B, 2 * L + 1))
    a = add(at(0), concat(full(0, B, 2), full(LOW, B, 2 * L - 1), axis=1))
    for t in range(1, T):
        jumped = add(later(a, 2), concat(full(LOW, B, 3), jumps, axis=1) if L > 1 else full(LOW, B, 3))
        a = where(greater(rows(length), t), add(logaddexp(logaddexp(a, later(a, 1)), jumped), at(t)), a)
    ends = mul(label_length, 2)
    pick = lambda k: sum(mul(a, cast(one_hot(k, depth=2 * L + 1), dtype=x.dtype)), axis=1)
    before = where(greater(label_length, 0), pick(sub(ends, 1)), LOW)
    loss = neg(logaddexp(pick(ends), before))
    return where(logical_and(less(loss, -LOW / 2), greater(length, 0)), loss, 0.0)
