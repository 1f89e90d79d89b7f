"""Convolution over one to three spatial axes, channels last; weights are [*kernel, channels / groups, filters]."""
import itertools
import math
from builtins import sum as builtins_sum

import numpy as np

from .. import config
from ..core import native
from ..core.primitive import Prepared, Scratch, positive, primitive, reals
from .elementwise import relu6_grad, relu_grad, sigmoid_grad, tanh_grad
from .linalg import ACTS, gemm
from .norm import ended
from .movement import copied, filled, steps_of
from .reduce import image_part, sum

WIDEST = 32                                    # columns of the widest micro-kernel


def out_size(n, k, step, pads, dilation):
    return (n + pads[0] + pads[1] - dilation * (k - 1) - 1) // step + 1


def out_shape(x, kernel, strides, pads, dilation):
    return tuple(out_size(*a) for a in zip(x[1:-1], kernel, strides, pads, dilation))


def taps(x, g, kernel, strides, pads, dilation):
    """(tap, slices of the padded input that meet it), for every tap of the kernel."""
    for t in itertools.product(*map(range, kernel)):
        at = [k * d for k, d in zip(t, dilation)]
        yield t, (slice(None), *[slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(at, g[1:-1], strides)])


def padded(x, pads):
    return np.pad(x, ((0, 0), *pads, (0, 0)))


def split(x, groups):
    """[..., channels] as [groups, ..., channels / groups]"""
    return np.moveaxis(x.reshape(*x.shape[:-1], groups, -1), -2, 0)


def join(x):
    x = np.moveaxis(x, 0, -2)
    return x.reshape(*x.shape[:-2], -1)


def geometry(C, Co, ins, outs, kernel, strides, pads, dilation, groups, flags, N, up=(1, 1, 1)):
    """The ints and doubles of a kernel call, and the floats of one thread's strip."""
    three = lambda t, fill: [fill] * (3 - len(t)) + [int(v) for v in t]
    outs, kernel, strides, dilation = three(outs, 1), three(kernel, 1), three(strides, 1), three(dilation, 1)
    pixels = max(96, 32768 // C) if groups == C == Co else 96         # a depthwise strip of 128 KB, and else enough for whole tiles
    rows = max(1, min(outs[1], -(-pixels // outs[2])))
    strip = kernel[0] * ((rows - 1) * strides[1] + (kernel[1] - 1) * dilation[1] + 1) * ((outs[2] - 1) * strides[2] + (kernel[2] - 1) * dilation[2] + 1) * C
    ints = [N, C, Co, *three(ins, 1), *outs, *kernel, *strides, *three([p[0] for p in pads], 0), *dilation, groups, flags, rows]
    return ints, three(up, 1), strip


def winograd(C, Co, kernel, out, strides, dilation, groups):
    """Does the fast algorithm pay? 3x3, stride 1, enough channels, and outputs that fill their 4x4 tiles."""
    if tuple(kernel) != (3, 3) or tuple(strides) != (1, 1) or tuple(dilation) != (1, 1) or groups != 1 or C < 16 or Co < 16:
        return False
    used = out[0] * out[1] / (16 * -(-out[0] // 4) * -(-out[1] // 4))
    return config.winograd() and used >= 0.35


def plain(kernel, strides, pads, groups):
    """A 1x1 convolution: one product of all pixels by the weights."""
    return groups == 1 and all(k == s == 1 and p == (0, 0) for k, s, p in zip(kernel, strides, pads))


def tiles_of(C, N, out):
    """Tiles of a block: what fits into half a megabyte (enough, where weights outweigh it), no more than there are; a few more
    where one block then reads the weights once for all."""
    most = -(-N * -(-out[0] // 4) * -(-out[1] // 4) // 12) * 12
    return min(max(12 if C <= 256 and most > 24 else 24, min(48, (1 << 19) // (36 * 4 * (C + 16)) // 12 * 12)), most)


def workspace(C, tiles):
    """The transformed tiles of all threads, in floats: no less than winograd.c uses at any width."""
    return Scratch(native.get_threads() * 36 * (tiles * (C + 32 + WIDEST) + 64))


def wino(y, x, w, bias, pads, flags, C, Co, back):
    N, out, ins = x.shape[0], y.shape[1:-1], x.shape[1:-1]
    tiles = tiles_of(C, N, out)
    U = Prepared(transformed(C, Co))
    yield "winograd_weights", [U], [w], [C, Co, back]
    own = workspace(C, tiles)
    yield "winograd", [y, own], [U, x, *bias], [N, C, Co, *ins, *out, pads[0][0], pads[1][0], flags, tiles]


def packed(w, taps, Cg, Cog, groups, back):
    to = Prepared(groups * taps * Cg * (Cog + WIDEST - 1))
    return to, ("conv_pack", [to], [w], [taps, Cg, Cog, groups, back])


def phases(dx, g, w, strides, pads, groups):
    """The input gradient of a strided convolution, without multiplying by the zeros between the strides: every residue of
    the position has taps of its own, which make a small convolution of stride 1."""
    kernel, C, Co, threads = w.shape[:-2], g.shape[-1], dx.shape[-1], native.get_threads()
    depthwise = groups == C == Co
    axes = []                                   # per axis: (first output, outputs, first tap, taps, padding)
    for n, k, s, (p, _) in zip(dx.shape[1:-1], kernel, strides, pads):
        each = []
        for a in range(s):
            first, taps = (a - p) % s, len(range(a, k, s))
            if taps and first < n:
                each.append((first, len(range(first, n, s)), a, taps, taps - 1 - (first + p - a) // s))
        axes.append((n, s, k, each))
    if any(builtins_sum(t[1] for t in each) < n for n, _, _, each in axes):
        yield filled(dx, 0.0)
    wide = steps_of(dx.shape)
    for part in itertools.product(*[each for _, _, _, each in axes]):
        own_w, counts = Prepared(math.prod(t[3] for t in part) * w.shape[-2] * w.shape[-1]), [t[3] for t in part]
        sw, tail = steps_of(w.shape), (w.shape[-2], w.shape[-1])
        yield copied(own_w, w, (*counts, *tail), steps_of((*counts, *tail)), [*[st * v for st, v in zip(sw, strides)], *sw[-2:]],
                     x0=builtins_sum(t[2] * st for t, st in zip(part, sw)))
        outs, one = [t[1] for t in part], (1,) * len(part)
        ints, up, strip = geometry(C, Co, g.shape[1:-1], outs, counts, one, [(t[4], 0) for t in part], one, groups, 8 * depthwise, g.shape[0])
        y, own = Scratch(g.shape[0] * math.prod(outs) * Co), Scratch(threads * strip)
        if depthwise:
            yield "depthwise", [y, own], [own_w, g], ints, up
        else:
            to, row = packed(own_w, math.prod(counts), C // groups, Co // groups, groups, 1)
            yield row
            yield "conv", [y, own], [to, g], ints, up
        yield copied(dx, y, (g.shape[0], *outs, Co), [wide[0], *[st * v for st, v in zip(wide[1:-1], strides)], 1], steps_of((g.shape[0], *outs, Co)),
                     y0=builtins_sum(t[0] * st for t, st in zip(part, wide[1:-1])))


def forward(y, x, w, b, more, strides, pads, dilation, groups, act):
    """The calls of a convolution; `more` (mean, k, beta, perhaps what is added) normalises its sums before they are written."""
    kernel, C, Co = w.shape[:-2], x.shape[-1], w.shape[-1]
    if as_product(kernel, strides, pads, groups, Co):
        yield from gemm(y, x, w, y.size // Co, Co, C, bias=b, act=act, more=more, keep=True)
        return
    flags = (b is not None) + 2 * (len(more) > 0) + 4 * (len(more) > 3) + 16 * ACTS[act]
    ints, up, strip = geometry(C, Co, x.shape[1:-1], y.shape[1:-1], kernel, strides, pads, dilation, groups, flags, x.shape[0])
    own, end = Scratch(native.get_threads() * strip), [*(() if b is None else (b,)), *more]
    if groups == C == Co:
        yield "depthwise", [y, own], [w, x, *end], ints, up
    elif winograd(C, Co, kernel, y.shape[1:-1], strides, dilation, groups):
        yield from wino(y, x, w, end, pads, flags, C, Co, 0)
    else:
        to, row = packed(w, math.prod(kernel), C // groups, Co // groups, groups, 0)
        yield row
        yield "conv", [y, own], [to, x, *end], ints, up


def along(ins, rest=()):
    """The inputs that go row by row: x and what is added. Not for one pixel: a vector times a matrix is summed in another order."""
    return [0, *[len(ins) - 1] * len(rest)] if math.prod(ins[0].shape[1:-1]) > 1 else []


def as_product(kernel, strides, pads, groups, Co):
    """Is it done as one product of all pixels by the weights?"""
    return plain(kernel, strides, pads, groups) and Co >= 16


def supports(ins, attrs):
    return all(t.dtype == "float32" for t in ins)


def case(x, kernel, filters, strides=1, pads=0, dilation=1, groups=1, **more):
    n = len(kernel)
    each = lambda v: v if isinstance(v, tuple) else (v,) * n
    attrs = dict(strides=each(strides), pads=tuple(p if isinstance(p, tuple) else (p, p) for p in each(pads)), dilation=each(dilation), groups=groups)
    return x, kernel + (x[-1] // groups, filters), attrs


CASES = [case((2, 7, 6, 3), (3, 3), 5), case((1, 9, 14, 17), (3, 2), 33, pads=((1, 1), (0, 1))), case((2, 8, 8, 4), (3, 3), 16, strides=2, pads=((0, 1), (0, 1))),
         case((3, 11, 2), (4,), 6, pads=(((3, 0)),)), case((2, 9, 9, 6), (3, 3), 8, dilation=2, pads=2, groups=2), case((2, 3, 4, 5, 3), (2, 3, 2), 4, pads=1),
         case((2, 6, 7, 20), (3, 3), 20, groups=20, pads=1), case((1, 7, 7, 3), (2, 2), 6, groups=3, strides=(2, 1)), case((2, 26, 13, 8), (5, 5), 70, strides=(1, 2), pads=2),
         case((1, 5, 5, 4), (1, 1), 40), case((2, 9, 11, 16), (3, 3), 17, pads=1), case((3, 6, 8, 33), (3, 3), 40, pads=((0, 1), (2, 0))),
         case((5, 8, 8, 20), (3, 3), 64), case((2, 6, 6, 33), (3, 3), 33, groups=33, strides=2, pads=((1, 1), (0, 1))), case((1, 12, 5), (3,), 7, dilation=2, strides=1),
         case((2, 7, 8, 5), (1, 1), 6, strides=2), case((2, 5, 6, 70), (1, 1), 64), case((3, 11, 33), (1,), 130), case((2, 9, 7, 3), (2, 3), 4, strides=3, pads=((1, 0), (1, 1))), case((1, 9, 9, 4), (3, 3), 6, strides=2, dilation=2),
         case((2, 7, 23, 3), (3, 3), 3, groups=3, pads=1), case((2, 6, 9, 5), (3, 2), 5, groups=5),
         case((1, 3, 3, 340), (1, 1), 80), case((1, 3, 3, 70), (1, 1), 96), case((1, 6, 6, 20), (1, 1), 48), case((2, 3, 3, 40), (3, 3), 40, groups=40, pads=1),
         case((1, 5, 1, 21), (3, 3), 21, groups=21, pads=1), case((1, 4, 10, 18), (3, 3), 18, groups=18, pads=2),
         case((1, 6, 13, 32), (3, 3), 32, groups=32, strides=2, pads=1), case((1, 5, 8, 16), (3, 3), 16, groups=16, strides=2, pads=((0, 1), (0, 1))),
         case((1, 4, 11, 17), (3, 3), 17, groups=17, pads=((1, 1), (3, 0)))]


def _g(shape, w, a):
    return (shape[0],) + out_shape(shape, w[:-2], a["strides"], a["pads"], a["dilation"]) + w[-1:]


@primitive
class conv:
    """y[o] = act(sum over taps t of x[o stride + t dilation - pad] w[t] + b)"""
    rows = lambda ins, attrs: along(ins)
    pixels = lambda ins, attrs: as_product(ins[1].shape[:-2], attrs["strides"], attrs["pads"], attrs["groups"], ins[1].shape[-1])
    samples = [([x, w], a) for x, w, a in CASES] + [([CASES[1][0], CASES[1][1], (33,)], dict(CASES[1][2], act=act)) for act in (None, "sigmoid")] + \
        [([CASES[6][0], CASES[6][1], (20,)], dict(CASES[6][2], act="tanh"))]

    def shape(x, w, b=None, *, strides, pads, dilation, groups, act=None):
        if x.ndim != w.ndim or x.shape[-1] != w.shape[-2] * groups or w.shape[-1] % groups:
            raise ValueError(f"conv: an input of shape {x.shape} and weights of shape {w.shape} do not fit with groups={groups}: the "
                             "weights are [*kernel, channels / groups, filters], and groups divides both channels and filters")
        spatial = out_shape(x.shape, w.shape[:-2], strides, pads, dilation)
        if any(n < 1 for n in spatial):
            raise ValueError(f"conv: the kernel {w.shape[:-2]} does not fit into the input of shape {x.shape} (padding included): "
                             "use padding='same', a smaller kernel or fewer pooling layers before")
        return x.shape[:1] + spatial + w.shape[-1:], x.dtype

    def ref(x, w, b=None, *, strides, pads, dilation, groups, act=None):
        kernel, xp, ws = w.shape[:-2], split(padded(x, pads), groups), split(w, groups)
        y = np.zeros((groups, x.shape[0]) + out_shape(x.shape, kernel, strides, pads, dilation) + (w.shape[-1] // groups,), x.dtype)
        for t, s in taps(x.shape, y.shape[1:], kernel, strides, pads, dilation):
            for k in range(groups):
                y[k] += xp[k][s] @ ws[k][t]
        y = join(y) if b is None else join(y) + b
        return {None: lambda v: v, "relu": lambda v: np.maximum(v, 0), "sigmoid": lambda v: 1 / (1 + np.exp(-v)), "tanh": np.tanh, "relu6": lambda v: np.clip(v, 0, 6)}[act](y)

    def calls(y, x, w, b=None, *, strides, pads, dilation, groups, act=None):
        yield from forward(y, x, w, b, (), strides, pads, dilation, groups, act)

    def vjp(g, y, x, w, *b, need, strides, pads, dilation, groups, act=None):
        g = {None: lambda h, v: h, "relu": relu_grad, "sigmoid": sigmoid_grad, "tanh": tanh_grad, "relu6": relu6_grad}[act](g, y)
        how = dict(strides=strides, pads=pads, dilation=dilation, groups=groups)
        dx = conv_input_grad(g, w, shape=x.shape, **how) if need[0] else None
        dw = conv_weight_grad(x, g, kernel=w.shape[:-2], **how) if need[1] else None
        return (dx, dw, sum(g, axis=tuple(range(g.ndim - 1))) if need[2] else None) if b else (dx, dw)

    def fold(node, how, others, outs):
        prim, ins, _, attrs = node
        if type(how) is tuple and attrs.get("act") is None and all(t.dtype == "float32" for t in (*ins, *others)):
            _, epsilon, act = how
            return conv_norm, (*ins[:2], *others, *ins[2:]), outs, dict(attrs, act=act, epsilon=epsilon, bias=len(ins) > 2)
        if how == "bias" and len(ins) == 2 and attrs.get("act") is None and others[0].shape == ins[1].shape[-1:] and others[0].dtype == "float32":
            return prim, (*ins, others[0]), outs, attrs
        if how in ACTS and attrs.get("act") is None and len(ins) == 3:
            return prim, ins, outs, dict(attrs, act=how)


conv.supports = supports


@primitive
class conv_norm:
    """y = act((conv(x, w) + b - mean) / sqrt(var + epsilon) gamma + beta + rest): what a plan makes of the separate steps"""
    rows = lambda ins, attrs: along(ins, ins[6 + attrs.get("bias", False):])
    pixels = conv.extra["pixels"]
    domain = dict(x=reals, w=reals, mean=reals, var=positive, gamma=reals, beta=reals)
    samples = [([x, w, *[w[-1:]] * (4 + bias)] + [_g(x, w, a)] * rest, dict(a, act=act, bias=bool(bias)))
               for x, w, a in CASES for bias, rest, act in ((0, 0, "relu6"), (0, 1, "relu"), (1, 1, None))]

    def shape(x, w, *more, bias=False, epsilon=1e-3, **how):
        return conv.rule(x, w, **how)

    def ref(x, w, mean, var, gamma, beta, *more, bias=False, epsilon=1e-3, act=None, **how):
        y = conv.ref(x, w, *more[:1] if bias else (), **how)
        y = (y - mean) * (gamma / np.sqrt(var + x.dtype.type(epsilon))) + beta
        return ended(y + more[-1] if len(more) > bias else y, act)

    def calls(y, x, w, mean, var, gamma, beta, *more, bias=False, epsilon=1e-3, act=None, **how):
        k = Prepared(w.shape[-1])
        yield "norm_scale", [k], [var, gamma], [k.size], [epsilon]
        yield from forward(y, x, w, more[0] if bias else None, (mean, k, beta, *more[bias:]), act=act, **how)

    def fold(node, how, others, outs):
        prim, ins, _, attrs = node
        if attrs["act"] is None and how in ("relu", "relu6"):
            return prim, ins, outs, dict(attrs, act=how)
        if attrs["act"] is None and how == "bias" and len(ins) == 6 + attrs["bias"] and others[0].shape == outs[0].shape and others[0].dtype == "float32":
            return prim, (*ins, others[0]), outs, attrs


conv_norm.supports = supports


@primitive
class conv_input_grad:
    """dx[o stride + t dilation - pad] += g[o] w[t]^T: also the transposed convolution"""
    rows = lambda ins, attrs: along(ins)
    pixels = lambda ins, attrs: as_product(ins[1].shape[:-2], attrs["strides"], attrs["pads"], attrs["groups"], attrs["shape"][-1])
    samples = [([_g(*c), c[1]], dict(c[2], shape=c[0])) for c in CASES]

    def shape(g, w, *, shape, strides, pads, dilation, groups):
        return (g.shape[0], *shape[1:]), g.dtype

    def ref(g, w, *, shape, strides, pads, dilation, groups):
        gs, ws = split(g, groups), split(w, groups)
        full = np.zeros((groups, g.shape[0]) + tuple(n + a + b for n, (a, b) in zip(shape[1:-1], pads)) + (shape[-1] // groups,), g.dtype)
        for t, s in taps(shape, g.shape, w.shape[:-2], strides, pads, dilation):
            for k in range(groups):
                full[k][s] += gs[k] @ ws[k][t].T
        return join(full)[(slice(None), *[slice(a, a + n) for n, (a, _) in zip(shape[1:-1], pads)])]

    def calls(dx, g, w, *, shape, strides, pads, dilation, groups):
        kernel, C, Co, one = w.shape[:-2], g.shape[-1], shape[-1], (1,) * len(strides)
        back = [(d * (k - 1) - p[0], 0) for d, k, p in zip(dilation, kernel, pads)]
        depthwise = groups == C == Co
        if as_product(kernel, strides, pads, groups, Co):
            yield from gemm(dx, g, w, g.size // C, Co, C, tb=1)
            return
        if any(s > 1 for s in strides) and all(d == 1 for d in dilation):
            yield from phases(dx, g, w, strides, pads, groups)
            return
        ints, up, strip = geometry(C, Co, g.shape[1:-1], shape[1:-1], kernel, one, back, dilation, groups, 8 * depthwise, g.shape[0], strides)
        own = Scratch(native.get_threads() * strip)
        if depthwise:
            yield "depthwise", [dx, own], [w, g], ints, up
            return
        if winograd(C, Co, kernel, shape[1:-1], strides, dilation, groups):
            yield from wino(dx, g, w, [], back, 0, C, Co, 1)
            return
        to, row = packed(w, math.prod(kernel), C // groups, Co // groups, groups, 1)
        yield row
        yield "conv", [dx, own], [to, g], ints, up

    def vjp(h, dx, g, w, need, *, shape, **how):
        return (conv(h, w, **how) if need[0] else None, conv_weight_grad(h, g, kernel=w.shape[:-2], **how) if need[1] else None)


conv_input_grad.supports = supports


def one_by_one(x, g, *, kernel, strides, pads, groups, **_):
    return plain(kernel, strides, pads, groups) and min(x.shape[-1], g.shape[-1]) >= 16


def transformed(C, Co):
    """Floats of the transformed weights of Winograd's convolution, at any width of panels."""
    return 36 * C * (Co + WIDEST - 1)


def part_of(x, g, *, kernel, strides, pads, dilation, groups):
    """Pixels of x that make one part of the weights' gradient: fixed by the shapes, never by the threads. Parts of few weights
    may be many."""
    N, C, Co, pixels = x.shape[0], x.shape[-1], g.shape[-1], math.prod(x.shape[1:-1])
    size = math.prod(kernel) * C // groups * Co
    if one_by_one(x, g, kernel=kernel, strides=strides, pads=pads, groups=groups):
        return equal_part(N, pixels, max(512, 4 * size // (C + Co)))
    if groups == C == Co:
        parts = min(N, max(1, pixels * N // 72))
    elif winograd(C, Co, kernel, g.shape[1:-1], strides, dilation, groups):
        tiles = N * -(-g.shape[1] // 4) * -(-g.shape[2] // 4)
        parts = max(1, min(N, -(-16 // -(-Co // 16)), (1 << 21) // transformed(C, Co), tiles // 64))
    elif N * size <= (math.prod(x.shape) + math.prod(g.shape)) // 8:
        parts = N
    else:
        parts = max(1, min(N, -(-16 // (groups * -(-(Co // groups) // 16))), (1 << 21) // size))
    return -(-N // parts) * pixels


def equal_part(N, pixels, least):
    """At least so many pixels, an equal part of an image or of the batch."""
    if pixels >= least:
        return image_part(pixels, least)
    return pixels * min((m for m in range(1, N + 1) if N % m == 0 and m * pixels >= least), default=N)


@primitive
class conv_weight_grad:
    """dw[t] = sum over o of x[o stride + t dilation - pad]^T g[o]"""
    pixels = lambda ins, attrs: one_by_one(*ins, **attrs)
    samples = [([c[0], _g(*c)], dict(c[2], kernel=c[1][:-2])) for c in [*CASES, case((2, 64, 64, 17), (1, 1), 18)]]

    def shape(x, g, *, kernel, strides, pads, dilation, groups):
        return tuple(kernel) + (x.shape[-1] // groups, g.shape[-1]), x.dtype

    def ref(x, g, *, kernel, strides, pads, dilation, groups):
        xp, gs = split(padded(x, pads), groups), split(g, groups)
        dw = np.zeros((groups,) + tuple(kernel) + (x.shape[-1] // groups, g.shape[-1] // groups), x.dtype)
        for t, s in taps(x.shape, g.shape, kernel, strides, pads, dilation):
            for k in range(groups):
                a, b = xp[k][s], gs[k]
                dw[k][t] = a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])
        return join(dw)

    def gather(ins, attrs):
        part, all_ = part_of(*ins, **attrs), math.prod(ins[0].shape[:-1])
        return ((0, 1), part, dict(part=part)) if part < all_ and (not one_by_one(*ins, **attrs) or all_ % part == 0) else None

    def calls(dw, x, g, *, part=None, **how):
        N, C, Co, size, pixels = x.shape[0], x.shape[-1], g.shape[-1], dw.size, x.size // x.shape[-1]
        part = min(part or part_of(x, g, **how), pixels)
        images = max(1, part * N // pixels)              # of a part
        if one_by_one(x, g, **how):
            parts = pixels // part if pixels % part == 0 else 8 if pixels % 8 == 0 else 1
            to, part = dw if parts == 1 else Scratch(parts * size), pixels // parts
            yield from gemm(to, x, g, C, Co, part, ta=1, batch=parts, strides=(part * C, part * Co, size))
            if parts > 1:
                yield "add_parts", [dw], [to], [size, parts]
            return
        parts = -(-N // images)
        kernel, strides, pads, dilation, groups = (how[k] for k in ("kernel", "strides", "pads", "dilation", "groups"))
        if winograd(C, Co, kernel, g.shape[1:-1], strides, dilation, groups):
            tiles, one = tiles_of(C, N, g.shape[1:-1]), transformed(C, Co)
            dU, own = Scratch(parts * one), workspace(C, tiles)
            yield "winograd_weight_grad", [dU, own], [x, g], [N, C, Co, *x.shape[1:-1], *g.shape[1:-1], pads[0][0], pads[1][0], images, tiles, one]
            yield "winograd_weights_grad", [dw], [dU], [C, Co, parts, one]
            return
        ints, up, strip = geometry(C, Co, x.shape[1:-1], g.shape[1:-1], kernel, strides, pads, dilation, groups, images, N)
        to = dw if parts == 1 else Scratch(parts * size)
        yield "depthwise_weight_grad" if groups == C == Co else "conv_weight_grad", [to, Scratch(native.get_threads() * strip)], [x, g], ints, up
        if parts > 1:
            yield "add_parts", [dw], [to], [size, parts]

    def vjp(h, dw, x, g, need, *, kernel, **how):
        return (conv_input_grad(g, h, shape=x.shape, **how) if need[0] else None, conv(x, h, **how) if need[1] else None)


conv_weight_grad.supports = supports
