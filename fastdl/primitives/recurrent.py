"""Recurrent layers over whole sequences: x is [batch, time, features], outputs come in the order of the steps.

After the weights two inputs are optional: a boolean mask [batch, time] (False: the state is carried on and the output
repeated, zeros before the first True) and a float drop [batch, units] that multiplies the state before its product.
"""
import numpy as np

from ..core import native
from ..core.primitive import Scratch, primitive
from . import twice

WIDEST = 32                                    # columns of the widest micro-kernel
STEPS = 12                                     # of a chunk: whole tiles for every micro-kernel
MASK, DROP, KEEP, DX, GRADS, AFTER, BACK, ACT = 1, 2, 4, 8, (16, 32, 64), 128, 256, 512


def options(more):
    """(mask, drop) of the optional inputs; the mask is the boolean one."""
    mask = drop = None
    for t in more:
        if str(t.dtype) == "bool":
            mask = t
        else:
            drop = t
    return mask, drop


def check(name, gates, x, states, w, u, more):
    if x.ndim != 3 or w.ndim != 2 or u.ndim != 2:
        raise ValueError(f"{name}: an input of shape {x.shape} with weights {w.shape} and {u.shape}: the input is "
                         "[batch, time, features], the weights are [features, gates units] and [units, gates units]")
    B, T, F, H = *x.shape, u.shape[0]
    if T < 1:
        raise ValueError(f"{name}: the input of shape {x.shape} has no time steps; it needs at least one")
    if u.shape[1] != gates * H or w.shape != (F, gates * H) or any(s.shape != (B, H) for s in states):
        raise ValueError(f"{name}: an input of shape {x.shape} and states of shape {[s.shape for s in states]} do not fit weights {w.shape} and "
                         f"{u.shape}: wanted states {(B, H)}, weights {(F, gates * H)} and {(H, gates * H)}")
    mask, drop = options(more)
    if mask is not None and mask.shape != (B, T) or drop is not None and drop.shape != (B, H):
        raise ValueError(f"{name}: the mask must be bool of shape {(B, T)} and the state's dropout mask of shape {(B, H)}, got "
                         f"{[(t.shape, t.dtype) for t in more]}")
    return B, T, F, H


def supports(ins, attrs):
    return all(t.dtype in ("float32", "bool") for t in ins)


def flags(more, reverse):
    mask, drop = options(more)
    return MASK * (mask is not None) + DROP * (drop is not None) + BACK * reverse, [t for t in (mask, drop) if t is not None]


def pad(n):
    """n floats as whole cache lines, an odd number of them: rows do not crowd into the same cache sets."""
    return 16 * (-(-n // 16) | 1)


def slices(B):
    """How many a batch is cut into."""
    return -(-B // 32) * 2 if B >= 32 else min(2, -(-B // 4))


class Layout:
    """Slices of the batch, and the places in one scratch buffer: packed weights, partial sums, each thread's own memory.

    joint: where a slice has rows enough for a product, a step's is that of [h x] with [u; w], whose panels are one."""

    def __init__(self, x, u, columns, packs, sums=0, joint=False):
        self.B, self.T, self.F, self.H = *x.shape, u.shape[0]
        B = self.B
        self.slices = slices(B)
        self.S, self.ldz, self.ldh = -(-B // self.slices), pad(columns), pad(self.H + joint * self.F)
        self.joint = int(joint and self.S > 3)
        self.parts = max(1, min(self.slices, (1 << 23) // max(1, sums)))
        self.packs, self.at, end = packs[::-1] if self.joint else packs, [], 0
        for _, K, N, _, _ in packs:
            self.at.append(end)
            end += K * (N + WIDEST - 1) // 16 * 16 + 16
        self.sums, self.at_parts = sums, end
        end += (self.parts * sums + 15) // 16 * 16
        z, h = self.S * self.ldz + 16, self.S * self.ldh + 16
        self.local, self.at_local = (STEPS + 1) * z + (4 * STEPS + 4) * h, end
        self.work = Scratch(end + self.local * native.get_threads())

    def pack(self):
        above, height = 0, sum(p[1] for p in self.packs)
        for (w, K, N, start, transposed), at in zip(self.packs, self.at):
            yield "rnn_pack", [self.work], [w], [K, N, w.shape[1], start, transposed, *((self.at[0], height, above) if self.joint else (at, K, 0))]
            above += K

    def ints(self, flags):
        at = [0, self.at[0], 0] if self.joint else (self.at + [0, 0])[:3]
        return [self.B, self.T, self.F, self.H, self.slices, self.parts, flags, STEPS, self.S, self.ldz, self.ldh, *at,
                self.at_parts, self.at_local, self.local, self.joint]

    def add(self, *outs):
        """The weights' gradients: partial sums of the slices, added in order."""
        at = self.at_parts
        for y in outs:
            yield "add_slices", [y], [self.work], [y.size, self.parts, self.sums, at]
            at += y.size


class Kept:
    """What the gradient reads, [B, n] floats in its order: of every slice, of every chunk of steps, the states before it, then the gates."""

    def __init__(self, B, T, states, gates):
        self.shape = B, -(-T // STEPS) * states + T * gates
        self.sizes = (B, T, states, gates)

    @property
    def parts(self):
        """(rows, steps) of every chunk of every slice"""
        B, T = self.sizes[:2]
        return [(slice(B * k // slices(B), B * (k + 1) // slices(B)), slice(t, min(t + STEPS, T))) for k in range(slices(B)) for t in range(0, T, STEPS)]

    def pack(self, states, gates):
        """states: those before every step, [T, B, states]; gates: [T, B, gates]"""
        return np.concatenate([a.ravel() for rows, steps in self.parts for a in (states[steps.start, rows], gates[steps, rows])]).reshape(self.shape)

    def unpack(self, kept):
        """(states, gates) again; only the states before a chunk are filled in."""
        B, T, n, m = self.sizes
        states, gates, kept = np.zeros((T, B, n), kept.dtype), np.zeros((T, B, m), kept.dtype), kept.ravel()
        for rows, steps in self.parts:
            for a in (states[steps.start, rows], gates[steps, rows]):
                a[...] = kept[:a.size].reshape(a.shape)
                kept = kept[a.size:]
        return states, gates


def sigmoid(v):
    return 0.5 * (1 + np.tanh(0.5 * v))


class Steps:
    """NumPy's view of a sequence: inputs and masks in the order of the steps."""

    def __init__(self, x, H, more, reverse):
        order = slice(None, None, -1) if reverse else slice(None)
        mask, drop = options(more)
        self.x, self.T, self.H = x[:, order], x.shape[1], H
        self.mask = np.ones(x.shape[:2], bool) if mask is None else mask[:, order].astype(bool)
        self.drop = np.ones((1, H), x.dtype) if drop is None else drop
        self.seen = np.logical_or.accumulate(self.mask, axis=1)
        self.order = order

    def on(self, t):
        return self.mask[:, t, None]

    def forward(self, step, *states):
        """hs, the final states, and the states before every step; step(t, *states) -> the next states, of which the first is the output."""
        hs, past = [], []
        for t in range(self.T):
            past.append(np.concatenate(states, -1))
            new = step(t, *states)
            states = tuple(np.where(self.on(t), a, b) for a, b in zip(new, states))
            hs.append(np.where(self.seen[:, t, None], states[0], 0))
        return np.stack(hs, 1), states, np.stack(past)

    def again(self, kept, count, width, step):
        """(states before every step, gates) from what was kept; step(gates, *states) -> the next states, alike in every chunk."""
        states, gates = Kept(len(self.x), self.T, count * self.H, width * self.H).unpack(kept)
        for t in range(self.T - 1):
            if (t + 1) % STEPS:
                before = np.split(states[t], count, -1)
                states[t + 1] = np.concatenate([np.where(self.on(t), a, b) for a, b in zip(step(np.split(gates[t], width, -1), *before), before)], -1)
        return states, gates

    def before(self, t, h0, hs):
        """The state before step t."""
        return h0 if t == 0 else np.where(self.seen[:, t - 1, None], hs[:, t - 1], h0)

    def gain(self, t, dh, ghs):
        return dh if ghs is None else dh + np.where(self.seen[:, t, None], ghs[:, t], 0)


def incoming(rest, given):
    """The gradients that came in (None where none did), and the optional inputs after them."""
    rest = list(rest)
    return [rest.pop(0) if g else None for g in given], rest


def again(plain, inputs, kept, rest, given, bars, dx):
    """The gradient's own gradient: of inputs, what was kept (none: it follows from inputs), the gradients that came in, the masks."""
    gs = rest[:sum(given)]
    bars = bars if dx else (None, *bars)
    of_inputs, of_gs = twice.gradients(lambda *ins: [y for y, g in zip(plain(*ins), given) if g], inputs, gs, bars)
    return (*of_inputs, *[None] * kept, *of_gs, *[None] * (len(rest) - len(gs)))


def scaled(*shape, by=None):
    """Weights as a layer would draw them: the state neither dies nor explodes."""
    return lambda rng: rng.standard_normal(shape) / np.sqrt(by or shape[0])


def bools(*shape):
    return lambda rng: rng.random(shape) < 0.7


def zero_ones(*shape):
    return lambda rng: (rng.random(shape) < 0.6) / 0.6


#         B, T, F, H, mask, drop, reverse
CASES = [(3, 4, 5, 1, 0, 0, False), (2, 13, 3, 5, 1, 0, False), (17, 5, 1, 16, 0, 1, True), (35, 3, 17, 17, 1, 1, True),
         (5, 25, 7, 32, 1, 0, True), (33, 2, 33, 33, 0, 0, False), (1, 1, 1, 5, 0, 0, True), (48, 14, 16, 32, 0, 1, False)]


def extras(B, T, H, mask, drop):
    return [bools(B, T)] * mask + [zero_ones(B, H)] * drop


@primitive
class lstm_sequence:
    """i, f, g, o = x_t w + drop h u + b; c = sigmoid(f) c + sigmoid(i) tanh(g); h = sigmoid(o) tanh(c)

    Inputs x, h0, c0, w, u, b, (mask), (drop); outputs hs, h, c and, with keep, what the gradient needs: see Kept."""
    takes_none, saved = True, (3,)
    samples = [([(B, T, F), (B, H), (B, H), scaled(F, 4 * H), scaled(H, 4 * H), (4 * H,), *extras(B, T, H, m, d)], dict(reverse=r, keep=k % 3 != 1))
               for k, (B, T, F, H, m, d, r) in enumerate(CASES)]

    def shape(x, h0, c0, w, u, b, *more, reverse=False, keep=True):
        B, T, F, H = check("lstm_sequence", 4, x, (h0, c0), w, u, more)
        if b.shape != (4 * H,):
            raise ValueError(f"lstm_sequence: the bias has shape {b.shape}, wanted {(4 * H,)}")
        outs = [(B, T, H), (B, H), (B, H)] + [Kept(B, T, 2 * H, 4 * H).shape] * keep
        return [(s, x.dtype) for s in outs]

    def ref(x, h0, c0, w, u, b, *more, reverse=False, keep=True):
        s, gates = Steps(x, u.shape[0], more, reverse), []

        def step(t, h, c):
            i, f, g, o = np.split(s.x[:, t] @ w + (h * s.drop) @ u + b, 4, axis=-1)
            i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
            gates.append(np.where(s.on(t), np.concatenate([i, f, g, o], -1), 0))
            c = f * c + i * g
            return o * np.tanh(c), c
        hs, (h, c), past = s.forward(step, h0, c0)
        return (hs, h, c) + ((Kept(*x.shape[:2], 2 * s.H, 4 * s.H).pack(past, np.stack(gates)),) if keep else ())

    def calls(hs, h, c, *rest, reverse=False, keep=True):
        kept, (x, h0, c0, w, u, b), more = rest[:keep], rest[keep:keep + 6], rest[keep + 6:]
        H, F = u.shape[0], w.shape[0]
        bits, more = flags(more, reverse)
        plan = Layout(x, u, 4 * H, [(w, F, 4 * H, 0, 0), (u, H, 4 * H, 0, 0)], joint=True)
        yield from plan.pack()
        yield "lstm", [hs, h, c, *kept, plan.work], [x, h0, c0, b, *more], plan.ints(bits + KEEP * keep)

    def vjp(g, y, x, h0, c0, w, u, b, *more, need, reverse=False, keep=True):
        y = y if keep else lstm_sequence(x, h0, c0, w, u, b, *more, reverse=reverse, keep=True)
        given = tuple(v is not None for v in g[:3])
        if not any(given):
            return (None,) * (6 + len(more))
        dx, *others = lstm_sequence_grad(x, h0, c0, w, u, b, y[3], *[v for v in g[:3] if v is not None], *more,
                                         given=given, reverse=reverse, dx=need[0])
        return ((dx, *others) if need[0] else (None, dx, *others)) + (None,) * len(more)


lstm_sequence.supports = supports


@primitive
class lstm_sequence_grad:
    """(dx), dh0, dc0, dw, du, db of lstm_sequence from what it kept and the gradients of hs, h, c that are given"""
    of = "lstm_sequence"
    samples = [([(B, T, F), (B, H), (B, H), scaled(F, 4 * H), scaled(H, 4 * H), (4 * H,), scaled(*Kept(B, T, 2 * H, 4 * H).shape, by=4),
                 *[v for v, on in zip([(B, T, H), (B, H), (B, H)], given) if on], *extras(B, T, H, m, d)], dict(given=given, reverse=r, dx=k != 2))
               for k, (B, T, F, H, m, d, r) in enumerate(CASES) for given in [[(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 1, 1)][k % 4]]]

    def shape(x, h0, c0, w, u, b, kept, *rest, given, reverse, dx):
        return [(t.shape, x.dtype) for t in ((x,) if dx else ()) + (h0, c0, w, u, b)]

    def ref(x, h0, c0, w, u, b, kept, *rest, given, reverse, dx):
        (ghs, gh, gc), more = incoming(rest, given)
        s = Steps(x, u.shape[0], more, reverse)
        states, gates = s.again(kept, 2, 4, lambda z, h, c: (z[3] * np.tanh(z[1] * c + z[0] * z[2]), z[1] * c + z[0] * z[2]))
        dh, dc = (np.zeros_like(h0) if v is None else v for v in (gh, gc))
        dxs, dw, du, db = np.zeros_like(s.x), np.zeros_like(w), np.zeros_like(u), np.zeros_like(w[0])
        for t in range(s.T)[::-1]:
            dh = s.gain(t, dh, ghs)
            i, f, g, o = np.split(gates[t], 4, axis=-1)
            h, c = np.split(states[t], 2, -1)
            tanh = np.tanh(np.where(s.on(t), f * c + i * g, c))
            e = dc + dh * o * (1 - tanh * tanh)
            dz = np.concatenate([e * g * i * (1 - i), e * c * f * (1 - f), e * i * (1 - g * g), dh * tanh * o * (1 - o)], -1)
            dz = np.where(s.on(t), dz, 0)
            dc = np.where(s.on(t), e * f, dc)
            dh = np.where(s.on(t), 0, dh) + s.drop * (dz @ u.T)
            dxs[:, t] = dz @ w.T
            dw += s.x[:, t].T @ dz
            du += (s.drop * h).T @ dz
            db += dz.sum(0)
        return ((dxs[:, s.order],) if dx else ()) + (dh, dc, dw, du, db)

    def calls(*tensors, given, reverse, dx):
        outs, (x, _, _, w, u, _, kept, *rest) = tensors[:5 + dx], tensors[5 + dx:]
        front, (dw, du, db) = outs[:-3], outs[-3:]
        count = int(np.sum(given))
        bits, more = flags(rest[count:], reverse)
        bits += DX * dx + int(np.dot(GRADS, given))
        H, F = u.shape[0], w.shape[0]
        plan = Layout(x, u, 4 * H, [(w, 4 * H, F, 0, 1), (u, 4 * H, H, 0, 1)], dw.size + du.size + db.size)
        yield from plan.pack()
        yield "lstm_grad", [*front, plan.work], [x, kept, *rest[:count], *more], plan.ints(bits)
        yield from plan.add(dw, du, db)

    def vjp(bars, grads, x, h0, c0, w, u, b, kept, *rest, need, given, reverse, dx):
        plain = lambda *ins: twice.lstm(*ins, *options(rest[sum(given):]), reverse)
        return again(plain, [x, h0, c0, w, u, b], 1, rest, given, bars, dx)


lstm_sequence_grad.supports = supports


def gru_bias(H, after):
    return (2, 3 * H) if after else (3 * H,)


@primitive
class gru_sequence:
    """z, r = sigmoid(x_t w + h u + b); g = tanh(x_t w + r (h u + b')) or tanh(x_t w + (r h) u + b); h = z h + (1 - z) g

    Inputs x, h0, w, u, b, (mask), (drop); outputs hs, h and, with keep, what the gradient needs. The bias is [2, 3 units] with reset_after."""
    takes_none, saved = True, (2,)
    samples = [([(B, T, F), (B, H), scaled(F, 3 * H), scaled(H, 3 * H), gru_bias(H, a), *extras(B, T, H, m, d)],
                dict(reset_after=a, reverse=r, keep=k % 4 != 1)) for a in (True, False) for k, (B, T, F, H, m, d, r) in enumerate(CASES)]

    def shape(x, h0, w, u, b, *more, reset_after=True, reverse=False, keep=True):
        B, T, F, H = check("gru_sequence", 3, x, (h0,), w, u, more)
        if b.shape != gru_bias(H, reset_after):
            raise ValueError(f"gru_sequence: the bias has shape {b.shape}, wanted {gru_bias(H, reset_after)} with reset_after={reset_after}")
        return [(s, x.dtype) for s in [(B, T, H), (B, H)] + [Kept(B, T, H, (3 + reset_after) * H).shape] * keep]

    def ref(x, h0, w, u, b, *more, reset_after=True, reverse=False, keep=True):
        H = u.shape[0]
        s, gates = Steps(x, H, more, reverse), []

        def step(t, h):
            hd = h * s.drop
            xz, xr, xg = np.split(s.x[:, t] @ w + (b[0] if reset_after else b), 3, axis=-1)
            hz, hr = np.split(hd @ u[:, :2 * H] + (b[1, :2 * H] if reset_after else 0), 2, axis=-1)
            z, r = sigmoid(xz + hz), sigmoid(xr + hr)
            p = hd @ u[:, 2 * H:] + b[1, 2 * H:] if reset_after else (r * hd) @ u[:, 2 * H:]
            g = np.tanh(xg + r * p if reset_after else xg + p)
            gates.append(np.where(s.on(t), np.concatenate([z, r, g] + [p] * reset_after, -1), 0))
            return (z * h + (1 - z) * g,)
        hs, (h,), past = s.forward(step, h0)
        return (hs, h) + ((Kept(*x.shape[:2], H, (3 + reset_after) * H).pack(past, np.stack(gates)),) if keep else ())

    def calls(hs, h, *rest, reset_after=True, reverse=False, keep=True):
        kept, (x, h0, w, u, b), more = rest[:keep], rest[keep:keep + 5], rest[keep + 5:]
        H, F = u.shape[0], w.shape[0]
        bits, more = flags(more, reverse)
        packs = [(u, H, 3 * H, 0, 0)] if reset_after else [(u, H, 2 * H, 0, 0), (u, H, H, 2 * H, 0)]
        plan = Layout(x, u, 3 * H, [(w, F, 3 * H, 0, 0), *packs])
        yield from plan.pack()
        yield "gru", [hs, h, *kept, plan.work], [x, h0, b, *more], plan.ints(bits + KEEP * keep + AFTER * reset_after)

    def vjp(g, y, x, h0, w, u, b, *more, need, reset_after=True, reverse=False, keep=True):
        y = y if keep else gru_sequence(x, h0, w, u, b, *more, reset_after=reset_after, reverse=reverse, keep=True)
        given = tuple(v is not None for v in g[:2])
        if not any(given):
            return (None,) * (5 + len(more))
        dx, *others = gru_sequence_grad(x, h0, w, u, b, y[2], *[v for v in g[:2] if v is not None], *more,
                                        given=given, reset_after=reset_after, reverse=reverse, dx=need[0])
        return ((dx, *others) if need[0] else (None, dx, *others)) + (None,) * len(more)


gru_sequence.supports = supports


@primitive
class gru_sequence_grad:
    """(dx), dh0, dw, du, db of gru_sequence from what it kept and the gradients of hs, h that are given"""
    of = "gru_sequence"
    samples = [([(B, T, F), (B, H), scaled(F, 3 * H), scaled(H, 3 * H), gru_bias(H, a), scaled(*Kept(B, T, H, (3 + a) * H).shape, by=4),
                 *[v for v, on in zip([(B, T, H), (B, H)], given) if on], *extras(B, T, H, m, d)], dict(given=given, reset_after=a, reverse=r, dx=k != 2))
               for a in (True, False) for k, (B, T, F, H, m, d, r) in enumerate(CASES) for given in [[(1, 1), (1, 0), (0, 1)][k % 3]]]

    def shape(x, h0, w, u, b, kept, *rest, given, reset_after, reverse, dx):
        return [(t.shape, x.dtype) for t in ((x,) if dx else ()) + (h0, w, u, b)]

    def ref(x, h0, w, u, b, kept, *rest, given, reset_after, reverse, dx):
        (ghs, gh), more = incoming(rest, given)
        H = u.shape[0]
        s = Steps(x, H, more, reverse)
        states, gates = s.again(kept, 1, 3 + reset_after, lambda z, h: (z[0] * h + (1 - z[0]) * z[2],))
        dh = np.zeros_like(h0) if gh is None else gh
        dxs, dw, du, db = np.zeros_like(s.x), np.zeros_like(w), np.zeros_like(u), np.zeros(gru_bias(H, reset_after), w.dtype)
        for t in range(s.T)[::-1]:
            dh = s.gain(t, dh, ghs)
            z, r, g, *p = np.split(gates[t], 3 + reset_after, axis=-1)
            h = states[t]
            hd = h * s.drop
            e = np.where(s.on(t), dh * (1 - z) * (1 - g * g), 0)
            dz = np.where(s.on(t), dh * (h - g) * z * (1 - z), 0)
            if reset_after:
                dr, drec, operand = e * p[0] * r * (1 - r), e * r, hd
                back = drec @ u[:, 2 * H:].T
            else:
                back = e @ u[:, 2 * H:].T
                dr, drec, operand = back * hd * r * (1 - r), e, r * hd
                back = back * r
            back = back + np.concatenate([dz, dr], -1) @ u[:, :2 * H].T
            dh = np.where(s.on(t), dh * z, dh) + s.drop * back
            both = np.concatenate([dz, dr, e], -1)
            dxs[:, t] = both @ w.T
            dw += s.x[:, t].T @ both
            du[:, :2 * H] += hd.T @ both[:, :2 * H]
            du[:, 2 * H:] += operand.T @ drec
            db += np.stack([both.sum(0), np.concatenate([dz, dr, drec], -1).sum(0)]) if reset_after else both.sum(0)
        return ((dxs[:, s.order],) if dx else ()) + (dh, dw, du, db)

    def calls(*tensors, given, reset_after, reverse, dx):
        outs, (x, _, w, u, _, kept, *rest) = tensors[:4 + dx], tensors[4 + dx:]
        front, (dw, du, db) = outs[:-3], outs[-3:]
        count = int(np.sum(given))
        bits, more = flags(rest[count:], reverse)
        bits += DX * dx + int(np.dot(GRADS[:2], given)) + AFTER * reset_after
        H, F = u.shape[0], w.shape[0]
        # dz lies as [candidate, z, r]: the input's weights are turned round to meet it
        packs = [(u, 3 * H, H, 0, 1)] if reset_after else [(u, 2 * H, H, 0, 1), (u, H, H, 2 * H, 1)]
        plan = Layout(x, u, (3 + reset_after) * H, [(w, 3 * H, F, 2 * H, 1), *packs], dw.size + du.size + db.size)
        yield from plan.pack()
        yield "gru_grad", [*front, plan.work], [x, kept, *rest[:count], *more], plan.ints(bits)
        yield from plan.add(dw, du, db)

    def vjp(bars, grads, x, h0, w, u, b, kept, *rest, need, given, reset_after, reverse, dx):
        plain = lambda *ins: twice.gru(*ins, *options(rest[sum(given):]), reverse, reset_after)
        return again(plain, [x, h0, w, u, b], 1, rest, given, bars, dx)


gru_sequence_grad.supports = supports
SIMPLE = {None: 0, "relu": 1, "tanh": 3}


@primitive
class simple_rnn_sequence:
    """h = act(x_t w + drop h u + b), act one of None, "relu", "tanh"

    Inputs x, h0, w, u, b, (mask), (drop); outputs hs, h."""
    takes_none = True
    samples = [([(B, T, F), (B, H), scaled(F, H), scaled(H, H, by=4 * H), (H,), *extras(B, T, H, m, d)], dict(act=a, reverse=r))
               for a in SIMPLE for k, (B, T, F, H, m, d, r) in enumerate(CASES) if a != "relu" or k < 4]

    def shape(x, h0, w, u, b, *more, act="tanh", reverse=False):
        B, T, F, H = check("simple_rnn_sequence", 1, x, (h0,), w, u, more)
        if b.shape != (H,) or act not in SIMPLE:
            raise ValueError(f"simple_rnn_sequence: got a bias of shape {b.shape} and act={act!r}, wanted {(H,)} and one of {list(SIMPLE)}")
        return [((B, T, H), x.dtype), ((B, H), x.dtype)]

    def ref(x, h0, w, u, b, *more, act="tanh", reverse=False):
        s = Steps(x, u.shape[0], more, reverse)
        f = {None: lambda v: v, "relu": lambda v: np.maximum(v, 0), "tanh": np.tanh}[act]
        hs, (h,), _ = s.forward(lambda t, h: (f(s.x[:, t] @ w + (h * s.drop) @ u + b),), h0)
        return hs, h

    def calls(hs, h, x, h0, w, u, b, *more, act="tanh", reverse=False):
        H, F = u.shape[0], w.shape[0]
        bits, more = flags(more, reverse)
        plan = Layout(x, u, H, [(w, F, H, 0, 0), (u, H, H, 0, 0)])
        yield from plan.pack()
        yield "simple_rnn", [hs, h, plan.work], [x, h0, b, *more], plan.ints(bits + ACT * SIMPLE[act])

    def vjp(g, y, x, h0, w, u, b, *more, need, act="tanh", reverse=False):
        given = tuple(v is not None for v in g)
        dx, *others = simple_rnn_sequence_grad(x, h0, w, u, b, y[0], *[v for v in g if v is not None], *more,
                                               given=given, act=act, reverse=reverse, dx=need[0])
        return ((dx, *others) if need[0] else (None, dx, *others)) + (None,) * len(more)


simple_rnn_sequence.supports = supports


@primitive
class simple_rnn_sequence_grad:
    """(dx), dh0, dw, du, db of simple_rnn_sequence from its outputs hs and the gradients of hs, h that are given"""
    of = "simple_rnn_sequence"
    samples = [([(B, T, F), (B, H), scaled(F, H), scaled(H, H, by=4 * H), (H,), (B, T, H), *[v for v, on in zip([(B, T, H), (B, H)], given) if on],
                 *extras(B, T, H, m, d)], dict(given=given, act=[None, "relu", "tanh"][k % 3], reverse=r, dx=k != 2))
               for k, (B, T, F, H, m, d, r) in enumerate(CASES) for given in [[(1, 1), (1, 0), (0, 1)][k % 3]]]

    def shape(x, h0, w, u, b, hs, *rest, given, act, reverse, dx):
        return [(t.shape, x.dtype) for t in ((x,) if dx else ()) + (h0, w, u, b)]

    def ref(x, h0, w, u, b, hs, *rest, given, act, reverse, dx):
        (ghs, gh), more = incoming(rest, given)
        s = Steps(x, u.shape[0], more, reverse)
        slope = {None: lambda y: np.ones_like(y), "relu": lambda y: (y > 0).astype(y.dtype), "tanh": lambda y: 1 - y * y}[act]
        dh = np.zeros_like(h0) if gh is None else gh
        dxs, dw, du, db = np.zeros_like(s.x), np.zeros_like(w), np.zeros_like(u), np.zeros_like(u[0])
        for t in range(s.T)[::-1]:
            dh = s.gain(t, dh, ghs)
            dz = np.where(s.on(t), dh * slope(hs[:, t]), 0)
            dh = np.where(s.on(t), 0, dh) + s.drop * (dz @ u.T)
            dxs[:, t] = dz @ w.T
            dw += s.x[:, t].T @ dz
            du += (s.drop * s.before(t, h0, hs)).T @ dz
            db += dz.sum(0)
        return ((dxs[:, s.order],) if dx else ()) + (dh, dw, du, db)

    def calls(*tensors, given, act, reverse, dx):
        outs, (x, h0, w, u, _, hs, *rest) = tensors[:4 + dx], tensors[4 + dx:]
        front, (dw, du, db) = outs[:-3], outs[-3:]
        count = int(np.sum(given))
        bits, more = flags(rest[count:], reverse)
        bits += DX * dx + int(np.dot(GRADS[:2], given)) + ACT * SIMPLE[act]
        H, F = u.shape[0], w.shape[0]
        plan = Layout(x, u, H, [(w, H, F, 0, 1), (u, H, H, 0, 1)], dw.size + du.size + db.size)
        yield from plan.pack()
        yield "simple_rnn_grad", [*front, plan.work], [x, h0, hs, *rest[:count], *more], plan.ints(bits)
        yield from plan.add(dw, du, db)

    def vjp(bars, grads, x, h0, w, u, b, hs, *rest, need, given, act, reverse, dx):
        plain = lambda *ins: twice.simple_rnn(*ins, *options(rest[sum(given):]), reverse, act)
        return again(plain, [x, h0, w, u, b], 1, rest, given, bars, dx)


simple_rnn_sequence_grad.supports = supports
