"""Scaled dot-product attention, whole: the scores of a tile of queries and keys live in the cache and nowhere else.

q is [batch, queries, heads, depth], k and v [batch, keys, heads or a divisor of it, depth]; an optional boolean mask
[batch or 1, heads or 1, queries or 1, keys] says where to look; a query that may look nowhere takes the mean.
"""
import numpy as np

from ..core import native
from ..core.primitive import Scratch, primitive
from . import twice

TILE_Q, ROW, WIDEST = 48, 144, 32                      # as in the kernel
BLOCK = 4 * TILE_Q                                         # queries for which a thread packs the keys once
LOW = -0.7 * float(np.finfo("float32").max)


def _check(q, k, v, *mask, causal=False):
    if q.ndim != 4 or k.ndim != 4 or v.ndim != 4 or k.shape[:3] != v.shape[:3] or q.shape[0] != k.shape[0] or q.shape[3] != k.shape[3] \
            or q.shape[2] % k.shape[2]:
        raise ValueError(f"attention: query {q.shape}, key {k.shape} and value {v.shape} do not fit: wanted (batch, length, heads, depth), equal "
                         "batch, key and value equal but for their depth, query and key of equal depth, query heads a multiple of key heads")
    if mask:
        m, full = mask[0].shape, (q.shape[0], q.shape[2], q.shape[1], k.shape[1])
        if causal or len(m) != 4 or m[3] != full[3] or any(a not in (1, b) for a, b in zip(m, full)):
            raise ValueError(f"attention: a mask of shape {m} for scores of shape {full}: each size must be that or 1, the last one that; "
                             "and causal is part of the mask where there is one")


def _heads(x, heads):
    """[B, heads, T, D], a key head repeated for its group"""
    x = np.swapaxes(x, 1, 2)
    return np.repeat(x, heads // x.shape[1], axis=1)


def _seen(q, k, mask, causal):
    keep = mask[0].astype(bool) if mask else np.ones((1, 1, 1, 1), bool)
    return keep & np.tril(np.ones((q.shape[1], k.shape[1]), bool)) if causal else keep


def _scores(q, k, mask, scale, causal):
    x = _heads(q, q.shape[2]) @ np.swapaxes(_heads(k, q.shape[2]), -1, -2) * scale
    return np.where(_seen(q, k, mask, causal), x, LOW)


def _ints(q, k, v, mask, causal, local):
    (B, Tq, H, D), (Tk, Hk), Dv = q.shape, k.shape[1:3], v.shape[3]
    m = mask[0].shape if mask else (1, 1, 1, 0)
    steps = [0 if n == 1 else size for n, size in zip(m, (m[1] * m[2] * m[3], m[2] * m[3], m[3]))]
    room = (local + 15) // 16 * 16
    return Scratch(room * native.get_threads()), [B, Tq, Tk, H, Hk, D, Dv, int(causal), len(mask), *steps, BLOCK, room]


def _columns(n):
    return n + WIDEST


def _cases():
    """(B, Tq, Tk, H, Hk, D, Dv, mask's shape or None, causal)"""
    keep = lambda shape: lambda rng: rng.random(shape) < 0.6
    for B, Tq, Tk, H, Hk, D, Dv, m, causal in [(2, 5, 7, 2, 2, 4, 4, None, False), (1, 60, 60, 2, 1, 8, 5, None, True), (2, 50, 70, 4, 2, 3, 17, (2, 1, 1, 70), False),
                                               (1, 9, 130, 2, 2, 16, 33, (1, 2, 9, 130), False), (1, 100, 33, 1, 1, 33, 2, None, True),
                                               (2, 3, 3, 1, 1, 2, 2, (2, 1, 3, 3), False), (1, 200, 70, 2, 2, 6, 6, None, False)]:
        yield [(B, Tq, H, D), (B, Tk, Hk, D), (B, Tk, Hk, Dv)], [keep(m)] if m else [], dict(scale=D ** -0.5, causal=causal)


def supports(ins, attrs):
    return all(t.dtype in ("float32", "bool") for t in ins)


@primitive
class attention:
    """y = softmax(scale q k^T) v for every head, scores only where the mask (or causal: key <= query) is True

    Also what the gradient needs: for every row the largest score and one over the sum of exponentials."""
    samples = [(qkv + mask, attrs) for qkv, mask, attrs in _cases()]
    saved = (1,)

    def shape(q, k, v, *mask, scale, causal=False):
        _check(q, k, v, *mask, causal=causal)
        return [((*q.shape[:3], v.shape[3]), q.dtype), ((q.shape[0], q.shape[2], q.shape[1], 2), q.dtype)]

    def ref(q, k, v, *mask, scale, causal=False):
        x = _scores(q, k, mask, scale, causal)
        top = x.max(-1, keepdims=True)
        p = np.exp(x - top)
        by = 1 / p.sum(-1, keepdims=True)
        return np.swapaxes(p * by @ _heads(v, q.shape[2]), 1, 2), np.concatenate([top, by], -1)

    def calls(y, stats, q, k, v, *mask, scale, causal=False):
        (Tk, D), Dv = (k.shape[1], k.shape[3]), v.shape[3]
        work, ints = _ints(q, k, v, mask, causal, _columns(Tk) * D + Tk * _columns(Dv) + TILE_Q * ROW)
        yield "attention", [y, stats, work], [q, k, v, *mask], ints, [scale]

    def vjp(g, y, q, k, v, *mask, need, scale, causal=False):
        return (*attention_grad(g[0], q, k, v, y[0], y[1], *mask, scale=scale, causal=causal), *[None] * len(mask))


attention.supports = supports


def _grad_cases():
    """Consistent inputs: outputs and row statistics that belong to q, k, v."""
    for (q, k, v), mask, attrs in _cases():
        held = {}

        def made(name, q=q, k=k, v=v, mask=mask, attrs=attrs, held=held):
            def draw(rng):
                if name == "q":
                    held.clear()
                    held.update(q=rng.standard_normal(q), k=rng.standard_normal(k), v=rng.standard_normal(v), mask=[m(rng) for m in mask])
                    held["y"], held["stats"] = attention.ref(*[held[n].astype("float32") for n in "qkv"], *held["mask"], **attrs)
                return np.ascontiguousarray(held["mask"][0] if name == "mask" else held[name])
            return draw
        yield [(*q[:3], v[3]), *map(made, ["q", "k", "v", "y", "stats"]), *[made("mask") for _ in mask]], attrs


@primitive
class attention_grad:
    """dq, dk, dv of attention from the gradient of y: p = softmax, d = p (g v^T - sum(g y)) scale, dq = d k, dk = d^T q, dv = p^T g"""
    samples = list(_grad_cases())
    of = "attention"

    def shape(g, q, k, v, y, stats, *mask, scale, causal=False):
        return [(t.shape, q.dtype) for t in (q, k, v)]

    def ref(g, q, k, v, y, stats, *mask, scale, causal=False):
        H, Hk = q.shape[2], k.shape[2]
        heads = lambda t: _heads(t, H)
        grouped = lambda t: np.swapaxes(t.reshape(t.shape[0], Hk, H // Hk, *t.shape[2:]).sum(2), 1, 2)
        p = np.exp(_scores(q, k, mask, scale, causal) - stats[..., :1]) * stats[..., 1:]
        d = p * (heads(g) @ np.swapaxes(heads(v), -1, -2) - np.sum(heads(g) * heads(y), -1, keepdims=True)) * scale
        d = np.where(_seen(q, k, mask, causal), d, 0)
        return np.swapaxes(d @ heads(k), 1, 2), grouped(np.swapaxes(d, -1, -2) @ heads(q)), grouped(np.swapaxes(p, -1, -2) @ heads(g))

    def calls(dq, dk, dv, g, q, k, v, y, stats, *mask, scale, causal=False):
        (Tk, D), Dv = (k.shape[1], k.shape[3]), v.shape[3]
        work, ints = _ints(q, k, v, mask, causal, _columns(Tk) * (D + Dv) + Tk * _columns(D) + 2 * TILE_Q * ROW)
        yield "attention_grad", [dq, dk, dv, work], [g, q, k, v, y, stats, *mask], ints, [scale]

    def vjp(bars, grads, g, q, k, v, y, stats, *mask, need, scale, causal=False):
        plain = lambda q, k, v: [twice.attention(q, k, v, mask[0] if mask else None, scale, causal, LOW)]
        of_inputs, of_g = twice.gradients(plain, [q, k, v], [g], bars)
        return (*of_g, *of_inputs, None, None, *[None] * len(mask))


attention_grad.supports = supports
