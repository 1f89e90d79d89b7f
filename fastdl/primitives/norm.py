"""Normalisation by the statistics of a batch, along the last axis: two looks at memory forward, two backward."""
import math

import numpy as np

from ..core.primitive import Prepared, Scratch, positive, primitive, reals
from ..core.tape import GradientTape
from ..core.tensor import Tensor
from .elementwise import add, mul, relu6_grad, relu_grad, rsqrt, sub
from .reduce import block_of, sum
from .update import update


def rows_of(x):
    return math.prod(x.shape[:-1])


def lead(x):
    return tuple(range(x.ndim - 1))


def supports(ins, attrs):
    return all(t.dtype == "float32" for t in ins)


GRADS = {"relu": relu_grad, "relu6": relu6_grad}


def fold(node, how, others, outs):
    prim, ins, made, attrs = node
    if how in GRADS and attrs.get("act") is None:
        return prim, ins, (*outs, *made[1:]), dict(attrs, act=how)


def apply(y, x, mean, var, gamma, beta, epsilon, act):
    k, C = Prepared(x.shape[-1]), x.shape[-1]
    yield "norm_scale", [k], [var, gamma], [C], [epsilon]
    yield "norm_apply", [y], [x, mean, k, beta], [rows_of(x), C, [None, *GRADS].index(act)]


def ended(y, act):
    return np.clip(y, 0, dict(relu=np.inf, relu6=6)[act]) if act else y


SHAPES = [(7, 5), (3, 4, 17), (600, 3), (2, 9, 10, 33), (301, 64), (2, 130), (64, 7, 7, 70)]


@primitive
class norm_apply:
    """y = act((x - mean) / sqrt(var + epsilon) gamma + beta)"""
    dims = "x: * c, mean: c, var: c, gamma: c, beta: c -> y: * c"
    domain = dict(x=reals, mean=reals, var=positive, gamma=reals, beta=reals)
    samples = [([s] + [s[-1:]] * 4, dict(epsilon=0.01)) for s in SHAPES] + [([(40, c)] + [(c,)] * 4, dict(act=act)) for c, act in ((19, "relu"), (70, "relu6"))]
    reuse = rows = (0,)
    pixels = True

    def ref(x, mean, var, gamma, beta, *, epsilon=1e-3, act=None):
        return ended((x - mean) * (gamma / np.sqrt(var + x.dtype.type(epsilon))) + beta, act)

    def calls(y, x, mean, var, gamma, beta, *, epsilon=1e-3, act=None):
        yield from apply(y, x, mean, var, gamma, beta, epsilon, act)

    def vjp(g, y, x, mean, var, gamma, beta, need, *, epsilon=1e-3, act=None):
        g = GRADS[act](g, y) if act else g
        inv = rsqrt(add(var, epsilon))
        k = mul(gamma, inv)
        total = sum(g, axis=lead(g)) if need[1] or need[4] else None
        along = sum(mul(g, sub(x, mean)), axis=lead(g)) if need[2] or need[3] else None
        return (mul(g, k) if need[0] else None, mul(mul(total, k), -1.0) if need[1] else None,
                mul(mul(along, mul(k, mul(inv, inv))), -0.5) if need[2] else None, mul(along, inv) if need[3] else None,
                total if need[4] else None)


def gather(*at):
    """Blocks of pixels give a part each, if there are several."""
    def how(ins, attrs):
        block = block_of(ins[at[0]])
        return (at, block, dict(block=block)) if block < rows_of(ins[at[0]]) else None
    return how


@primitive
class batch_stats:
    """mean, var of x over all but the last axis: the first half of batch_norm"""
    dims = "x: * c -> mean: c, var: c"
    samples = [([s], {}) for s in SHAPES]
    gather, pixels = gather(0), True

    def ref(x):
        axes = tuple(range(x.ndim - 1))
        return np.mean(x, axis=axes), np.var(x, axis=axes)

    def calls(mean, var, x, block=None):
        block = block or block_of(x)
        parts = Scratch(2 * -(-rows_of(x) // block) * x.shape[-1])
        yield "batch_stats", [parts], [x], [rows_of(x), x.shape[-1], block]
        yield "batch_stats_join", [mean, var], [parts], [rows_of(x), x.shape[-1], block]


batch_stats.supports = norm_apply.supports = supports
norm_apply.extra["again"] = True                # cheaper to make again than to write and read
norm_apply.extra["epilogue"] = lambda attrs: ("norm", attrs.get("epsilon", 1e-3), attrs.get("act"))


def _spread_of(t):
    """Did anything flow back into this output? What did not is a constant zero."""
    return t._a is None or bool(np.any(t._a))


@primitive
class batch_norm:
    """mean, var of x over all but the last axis; y = act((x - mean) / sqrt(var + epsilon) gamma + beta)"""
    dims = "x: * c, gamma: c, beta: c -> y: * c, mean: c, var: c"
    samples = [([s, s[-1:], s[-1:]], dict(epsilon=0.01)) for s in SHAPES] + [([(40, c), (c,), (c,)], dict(act=act)) for c, act in ((19, "relu"), (70, "relu6"))] + \
        [([lambda rng: 30 + rng.standard_normal((9000, 3)), (3,), (3,)], {})]
    reuse = (0,)

    def ref(x, gamma, beta, *, epsilon=1e-3, act=None):
        mean, var = batch_stats.ref(x)
        return ended((x - mean) * (gamma / np.sqrt(var + x.dtype.type(epsilon))) + beta, act), mean, var

    def calls(y, mean, var, x, gamma, beta, *, epsilon=1e-3, act=None):
        yield from batch_stats.calls(mean, var, x)
        yield from apply(y, x, mean, var, gamma, beta, epsilon, act)

    def split(prim, ins, outs, attrs):
        (x, gamma, beta), (y, mean, var) = ins, outs
        return [(batch_stats, (x,), (mean, var), {}), (norm_apply, (x, mean, var, gamma, beta), (y,), attrs)]

    def vjp(g, y, x, gamma, beta, need, *, epsilon=1e-3, act=None):
        (g, to_mean, to_var), (y, mean, var) = g, y
        dx, dgamma, dbeta = batch_norm_grad(GRADS[act](g, y) if act else g, x, gamma, mean, var, epsilon=epsilon)
        n = rows_of(x)
        if _spread_of(to_mean):
            dx = add(dx, mul(to_mean, 1 / n))
        if _spread_of(to_var):
            dx = add(dx, mul(sub(x, mean), mul(to_var, 2 / n)))
        return dx, dgamma, dbeta


batch_norm.supports = supports


def passed(g, x, mean, var, gamma, beta, epsilon, act):
    """g, where norm_apply of these let its activation pass"""
    if act is None:
        return g
    v = (x - mean) * (gamma / np.sqrt(var + x.dtype.type(epsilon))) + beta
    return np.where((v > 0) & (v < dict(relu=np.inf, relu6=6)[act]), g, g.dtype.type(0))


def mask(var, gamma, beta, epsilon, act):
    """(the rows that come first, more inputs, the last integer) of a kernel that looks for what the activation let pass"""
    if act is None:
        return [], [], 0
    k = Prepared(gamma.size)
    return [("norm_scale", [k], [var, gamma], [k.size], [epsilon])], [k, *beta], [None, *GRADS].index(act)


def _near(at, by):
    return lambda c: lambda rng: at + by * rng.uniform(-1, 1, c)


def _passing(s, act):
    """Inputs for which no activation's argument is near 0 or 6."""
    x = lambda rng: rng.choice([-1.0, 1.0], s) * (rng.choice([1.0, 2.0], s) + rng.uniform(0, 0.1, s))
    return [s, x, *[_near(*v)(s[-1:]) for v in ((4, 0.1), (0, 0.1), (1, 0.05), (0, 0.1))]], dict(epsilon=0.01, act=act)


_grads = [([s, s] + [s[-1:]] * 3, dict(epsilon=0.01)) for s in SHAPES] + \
    [_passing(s, act) for s, act in ((SHAPES[1], "relu"), (SHAPES[4], "relu6"), (SHAPES[5], "relu6"), (SHAPES[6], "relu"))]


@primitive
class batch_norm_sums:
    """What batch_norm_grad sums over the rows: dgamma, dbeta, and a, b, c of dx = a g + b (x - mean) + c"""
    domain = dict(g=reals, x=reals, gamma=reals, mean=reals, var=positive, beta=reals)
    samples = _grads
    gather, pixels = gather(0, 1), True

    def shape(g, x, gamma, mean, var, *beta, **attrs):
        return [(gamma.shape, x.dtype)] * 2 + [((3, *gamma.shape), x.dtype)]

    def ref(g, x, gamma, mean, var, *beta, epsilon=1e-3, act=None):
        axes, n, g = tuple(range(x.ndim - 1)), x.dtype.type(rows_of(x)), passed(g, x, mean, var, gamma, *beta or (None,), epsilon, act)
        inv = 1 / np.sqrt(var + x.dtype.type(epsilon))
        dgamma, dbeta, a = np.sum(g * (x - mean), axis=axes) * inv, np.sum(g, axis=axes), gamma * inv
        return dgamma, dbeta, np.stack([a, -a * inv * dgamma / n, -a * dbeta / n])

    def calls(dgamma, dbeta, abc, g, x, gamma, mean, var, *beta, epsilon=1e-3, act=None, block=None):
        block = block or block_of(x)
        rows, C, blocks = rows_of(x), x.shape[-1], -(-rows_of(x) // block)
        parts, (first, more, act) = Scratch(2 * blocks * C), mask(var, gamma, beta, epsilon, act)
        yield from first
        yield "batch_norm_sums", [parts], [g, x, mean, *more], [rows, C, block, act]
        yield "batch_norm_join", [dgamma, dbeta, abc], [parts, var, gamma], [rows, C, blocks], [epsilon]


@primitive
class batch_norm_dx:
    """dx = a g + b (x - mean) + c: the second half of batch_norm_grad"""
    domain = dict(g=reals, x=reals, mean=reals, abc=reals, gamma=reals, var=positive, beta=reals)
    samples = [([s, s, s[-1:], (3, s[-1])], {}) for s in SHAPES] + [([s[0], s[1], s[3], (3, *s[0][-1:]), s[2], *s[4:]], how) for s, how in _grads if "act" in how]
    reuse = rows = (0, 1)
    pixels = True

    def shape(g, x, *more, **attrs):
        return x.shape, x.dtype

    def ref(g, x, mean, abc, gamma=None, var=None, beta=None, *, epsilon=1e-3, act=None):
        return abc[0] * passed(g, x, mean, var, gamma, beta, epsilon, act) + abc[1] * (x - mean) + abc[2]

    def calls(dx, g, x, mean, abc, gamma=None, var=None, *beta, epsilon=1e-3, act=None):
        first, more, act = mask(var, gamma, beta, epsilon, act)
        yield from first
        yield "batch_norm_grad", [dx], [g, x, mean, abc, *more], [rows_of(x), x.shape[-1], act]


@primitive
class batch_norm_grad:
    """dx = gamma / s (g - dbeta / n - z dgamma / n), dgamma = sum g z, dbeta = sum g; s = sqrt(var + epsilon), z = (x - mean) / s;
    with act (and beta): of g where the activation of gamma z + beta let pass"""
    domain = batch_norm_sums.domain
    samples = _grads
    reuse = (0, 1)

    def shape(g, x, gamma, *more, **attrs):
        return [(x.shape, x.dtype)] + [(gamma.shape, x.dtype)] * 2

    def ref(g, x, gamma, mean, var, *beta, epsilon=1e-3, act=None):
        dgamma, dbeta, abc = batch_norm_sums.ref(g, x, gamma, mean, var, *beta, epsilon=epsilon, act=act)
        return batch_norm_dx.ref(g, x, mean, abc, gamma, var, *beta, epsilon=epsilon, act=act), dgamma, dbeta

    def calls(dx, dgamma, dbeta, g, x, gamma, mean, var, *beta, **how):
        abc = Scratch(3 * x.shape[-1])
        yield from batch_norm_sums.calls(dgamma, dbeta, abc, g, x, gamma, mean, var, *beta, **how)
        yield from batch_norm_dx.calls(dx, g, x, mean, abc, gamma, var, *beta, **how)

    def split(prim, ins, outs, attrs):
        (g, x, gamma, mean, var, *beta), (dx, dgamma, dbeta) = ins, outs
        abc = Tensor(None, (3, x.shape[-1]), x.dtype)
        return [(batch_norm_sums, ins, (dgamma, dbeta, abc), attrs),
                (batch_norm_dx, (g, x, mean, abc, *((gamma, var, *beta) if beta else ())), (dx,), attrs if beta else {})]

    def gate(node, before, maker):
        """Of relu_grad(g, y), where y came of this very normalisation: it finds in x what passed."""
        prim, ins, outs, attrs = node
        act = next((k for k, p in GRADS.items() if p is before[0]), None)
        if len(ins) == 5 and act and maker[0] is batch_norm and maker[1][0] is ins[1] and maker[3].get("act") == act and maker[2][1] is ins[3]:
            return prim, (before[1][0], *ins[1:], maker[1][2]), outs, dict(attrs, act=act)

    def vjp(h, y, g, x, gamma, mean, var, *beta, need, epsilon=1e-3, act=None):
        with GradientTape() as tape:                     # rarely asked for: in small steps
            ins = [mul(t, 1.0) for t in (g, x, gamma, mean, var, *beta)]
            tape.watch(ins)
            g, x, gamma, mean, var, *beta = [mul(t, 1.0) for t in ins]
            if act:
                g = GRADS[act](g, norm_apply(x, mean, var, gamma, *beta, epsilon=epsilon, act=act))
            inv, n = rsqrt(add(var, epsilon)), rows_of(x)
            z = mul(sub(x, mean), inv)
            dgamma, dbeta = sum(mul(g, z), axis=lead(g)), sum(g, axis=lead(g))
            dx = mul(mul(gamma, inv), sub(sub(g, mul(dbeta, 1 / n)), mul(z, mul(dgamma, 1 / n))))
        return tuple(tape.gradient([dx, dgamma, dbeta], ins, list(h)))


batch_norm_sums.supports = batch_norm_dx.supports = batch_norm_grad.supports = supports
for _p in (norm_apply, batch_norm):
    _p.extra["fold"] = fold
moving_update = update("moving_update", lambda v, x, *, momentum: v * v.dtype.type(momentum) + x * v.dtype.type(1 - momentum),
                       "v = momentum v + (1 - momentum) x", "v x", 1, ("momentum",))
