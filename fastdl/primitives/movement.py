"""Movement: values keep, places change."""
import builtins
import math

import numpy as np

from ..core.primitive import ints, primitive
from .elementwise import drawn
from .reduce import sum_to


@primitive
class reshape:
    """y = x in another shape, the same memory"""
    alias = 0
    samples = [([(6, 4)], dict(shape=(3, 8)))]

    def shape(x, *, shape):
        if math.prod(shape) != x.size:
            raise ValueError(f"cannot reshape {x.shape} ({x.size} values) to {tuple(shape)} ({math.prod(shape)} values)")
        return tuple(shape), x.dtype

    def ref(x, *, shape):
        return x.reshape(shape)

    def calls(y, x, *, shape):
        return ()

    def vjp(g, y, x, need, *, shape):
        return (reshape(g, shape=x.shape),)


WORDS = ("float32", "int32", "uint32")


def steps_of(shape):
    """A contiguous tensor's strides, in elements."""
    out, step = [], 1
    for d in reversed(shape):
        out.append(step)
        step *= d
    return out[::-1]


def merged(n, sy, sx):
    """The same walk over y and x with as few axes as possible: [(n, sy, sx)], at least one."""
    axes = []
    for d, a, b in zip(n, sy, sx):
        if d == 1:
            continue
        if axes and axes[-1][1:] == (a * d, b * d):
            axes[-1] = (axes[-1][0] * d, a, b)
        else:
            axes.append((d, a, b))
    return axes or [(1, 1, 1)]


def copied(y, x, n, sy, sx, y0=0, x0=0):
    """The call that copies n elements along each axis, from x0 on with strides sx, to y0 on with strides sy."""
    axes = merged(n, sy, sx)
    pad = [0] * (7 - len(axes))
    return "copy" if x.dtype in WORDS else "copy_bool", [y], [x], [len(axes), *[v for k in range(3) for v in [a[k] for a in axes] + pad], y0, x0]


def filled(y, value):
    """The call that writes one value everywhere."""
    if y.dtype == "bool":
        return "fill_bool", [y], [], [y.size, int(bool(value))]
    return "fill", [y], [], [y.size, int(np.asarray(value).astype(y.dtype).view("int32"))]


def moved(name, rule, ref, vjp, samples, places, before=None):
    """Declare a movement: `places(y shape, x shape, attrs)` says from where to where (see copied), `before` what to fill y with first."""
    def calls(y, x, **attrs):
        if before is not None:
            yield filled(y, before(**attrs))
        yield copied(y, x, *places(y.shape, x.shape, **attrs))

    def supports(ins, attrs):
        shape = rule(ins[0], **attrs)[0]
        return len(merged(*places(shape, ins[0].shape, **attrs)[:3])) <= 7

    kinds = [([drawn(d, s[0])], a) for d in ("int32", "uint32", "bool") for s, a in samples[:1]]
    return primitive(type(name, (), dict(__doc__=f"y = {name}(x)", shape=rule, ref=ref, vjp=vjp, samples=samples + kinds, calls=calls, supports=supports)))


def _turned(y, x, *, axes):
    steps = steps_of(x)
    return y, steps_of(y), [steps[a] for a in axes]


def _stretched(y, x, *, shape):
    x = (1,) * (len(y) - len(x)) + tuple(x)
    return y, steps_of(y), [0 if d == 1 else s for d, s in zip(x, steps_of(x))]


def _flipped(y, x, *, axes):
    axes, steps = {a % len(x) for a in axes}, steps_of(x)
    return y, steps, [-s if k in axes else s for k, s in enumerate(steps)], 0, builtins.sum((x[k] - 1) * steps[k] for k in axes)


def _cut(y, x, *, start, stop, step):
    steps = steps_of(x)
    return y, steps_of(y), [s * k for s, k in zip(steps, step)], 0, builtins.sum(a * s for a, s in zip(start, steps))


def _put_back(y, x, *, shape, **where):
    n, sx, sy, _, y0 = _cut(x, y, **where)
    return n, sy, sx, y0, 0


def _inside(y, x, *, paddings, value=0.0):
    steps = steps_of(y)
    return x, steps, steps_of(x), builtins.sum(a * s for (a, _), s in zip(paddings, steps)), 0


transpose = moved("transpose", lambda x, *, axes: (tuple(x.shape[a] for a in axes), x.dtype), lambda x, *, axes: np.transpose(x, axes),
                  lambda g, y, x, need, *, axes: (transpose(g, axes=tuple(int(k) for k in np.argsort(axes))),),
                  [([(3, 4, 5)], dict(axes=(2, 0, 1))), ([(70, 37)], dict(axes=(1, 0))), ([(2, 33, 3, 17)], dict(axes=(0, 2, 1, 3))),
                   ([(2, 19, 18, 16)], dict(axes=(0, 3, 1, 2))), ([(2, 2, 3, 2, 2, 3, 2, 2)], dict(axes=(7, 1, 5, 3, 4, 2, 6, 0))),
                   ([(2, 1, 3, 5, 2, 17)], dict(axes=(4, 5, 2, 1, 3, 0))), ([(9,)], dict(axes=(0,))), ([(300, 260)], dict(axes=(1, 0)))], _turned)
broadcast_to = moved("broadcast_to", lambda x, *, shape: (tuple(shape), x.dtype), lambda x, *, shape: np.broadcast_to(x, shape),
                     lambda g, y, x, need, *, shape: (sum_to(g, shape=x.shape),),
                     [([(4, 1)], dict(shape=(3, 4, 5))), ([()], dict(shape=(7, 1000))), ([(17,)], dict(shape=(3, 17))), ([(3, 1, 5, 1)], dict(shape=(3, 2, 5, 9)))],
                     _stretched)
flip = moved("flip", lambda x, *, axes: (x.shape, x.dtype), lambda x, *, axes: np.flip(x, axes),
             lambda g, y, x, need, *, axes: (flip(g, axes=axes),),
             [([(3, 5)], dict(axes=(1,))), ([(9, 5, 3)], dict(axes=(0, -1))), ([(4, 3, 33)], dict(axes=(1,)))], _flipped)
copy = moved("copy", lambda x: (x.shape, x.dtype), lambda x: x.copy(), lambda g, y, x, need: (g,), [([(3, 5)], {}), ([(20001,)], {}), ([()], {})],
             lambda y, x: (y, steps_of(y), steps_of(y)))


def _sliced(x, start, stop, step):
    return tuple(np.s_[a:(None if b < 0 else b):s] for a, b, s in zip(start, stop, step))


SLICES = [((6, 8), dict(start=(1, 7), stop=(5, -1), step=(2, -3))), ((6, 40, 9), dict(start=(0, 3, 0), stop=(6, 37, 9), step=(1, 1, 1))),
          ((50, 33), dict(start=(49, 1), stop=(-1, 30), step=(-1, 1))), ((3, 17), dict(start=(0, 0), stop=(3, 17), step=(1, 4)))]
slice = moved("slice", lambda x, *, start, stop, step: (tuple(len(range(a, b, s)) for a, b, s in zip(start, stop, step)), x.dtype),
              lambda x, *, start, stop, step: x[_sliced(x, start, stop, step)].copy(),
              lambda g, y, x, need, **how: (slice_grad(g, shape=x.shape, **how),), [([s], a) for s, a in SLICES], _cut)


def _unsliced(g, *, shape, start, stop, step):
    out = np.zeros(shape, g.dtype)
    out[_sliced(out, start, stop, step)] = g
    return out


slice_grad = moved("slice_grad", lambda g, *, shape, start, stop, step: (shape, g.dtype), _unsliced,
                   lambda h, y, g, need, *, shape, **how: (slice(h, **how),),
                   [([tuple(len(range(a, b, c)) for a, b, c in zip(*how.values()))], dict(how, shape=s)) for s, how in SLICES],
                   _put_back, before=lambda **_: 0)
pad = moved("pad", lambda x, *, paddings, value=0.0: (tuple(a + d + b for d, (a, b) in zip(x.shape, paddings)), x.dtype),
            lambda x, *, paddings, value=0.0: np.pad(x, paddings, constant_values=value),
            lambda g, y, x, need, *, paddings, value=0.0: (slice(g, start=tuple(a for a, _ in paddings), stop=tuple(a + d for d, (a, _) in zip(x.shape, paddings)),
                                                                 step=(1,) * x.ndim),),
            [([(3, 4)], dict(paddings=((1, 2), (0, 1)))), ([(2, 9, 9, 3)], dict(paddings=((0, 0), (1, 1), (1, 1), (0, 0)), value=-1.5)),
             ([(5001,)], dict(paddings=((3, 0),), value=7.0))], _inside, before=lambda *, paddings, value=0.0: value)

pad.extra["rows"] = lambda ins, attrs: (0,) if attrs["paddings"] and attrs["paddings"][0] == (0, 0) else ()

@primitive
class iota:
    """y = 0, 1, ..., n-1"""
    samples = [([], dict(n=5)), ([], dict(n=9001))]

    def shape(*, n):
        return (n,), "int32"

    def ref(*, n):
        return np.arange(n, dtype="int32")

    def calls(y, *, n):
        yield "iota", [y], [], [n]


@primitive
class concat:
    """y = the xs one after the other along axis"""
    rows = lambda ins, attrs: range(len(ins)) if attrs["axis"] % ins[0].ndim else ()
    samples = [([(3, 4), (3, 2)], dict(axis=1)), ([(5, 3, 7), (2, 3, 7), (1, 3, 7)], dict(axis=0)), ([(4, 33, 5), (4, 1, 5)], dict(axis=-2)),
               ([(60, 9), (60, 130)], dict(axis=-1)), ([drawn("bool", (3, 4)), drawn("bool", (3, 2))], dict(axis=1))]

    def shape(*xs, axis):
        axis %= xs[0].ndim
        for x in xs[1:]:
            if x.ndim != xs[0].ndim or any(a != b for k, (a, b) in enumerate(zip(x.shape, xs[0].shape)) if k != axis):
                raise ValueError(f"cannot concatenate along axis {axis}: shapes {', '.join(str(t.shape) for t in xs)} must agree on every other axis")
        out = list(xs[0].shape)
        out[axis] = int(np.sum([x.shape[axis] for x in xs]))
        return tuple(out), xs[0].dtype

    def ref(*xs, axis):
        return np.concatenate(xs, axis)

    def calls(y, *xs, axis):
        axis %= y.ndim
        row, at = math.prod(y.shape[axis:]), 0
        for x in xs:
            n = math.prod(x.shape[axis:])
            yield copied(y, x, (y.size // row, n), (row, 1), (n, 1), at)
            at += n

    def supports(ins, attrs):
        return all(x.dtype == ins[0].dtype for x in ins)

    def vjp(g, y, *xs, need, axis):
        axis, at, out = axis % g.ndim, 0, []
        for x in xs:
            start = tuple(at if k == axis else 0 for k in range(g.ndim))
            out.append(slice(g, start=start, stop=tuple(a + d for a, d in zip(start, x.shape)), step=(1,) * g.ndim))
            at += x.shape[axis]
        return tuple(out)


def checked(idx, n, what):
    bad = (idx < -n) | (idx >= n)
    if np.any(bad):
        raise IndexError(f"{what}: index {int(idx[bad].flat[0])} is out of range: there are {n} rows, so indices go from 0 to {n - 1}")
    return idx


# rows, indices, axis, the table's shape
TAKEN = [(7, (3, 2), 0, (7, 4)), (50, (300,), 0, (50, 67)), (5, (9,), 1, (3, 5, 2)), (11, (4, 3), -1, (6, 11)), (300, (40,), 0, (300,)),
         (9, (2000,), -2, (2, 9, 33)), (3, (), 0, (3, 5))]


@primitive
class take:
    """y = rows idx of x along axis"""
    samples = [([rest, (lambda n, m: lambda rng: rng.integers(-n, n, m).astype("int32"))(n, m)], dict(axis=axis))
               for n, m, axis, rest in TAKEN]
    samples += [([drawn(d, (7, 4)), drawn("int32", (9,))], dict(axis=0)) for d in ("int32", "uint32", "bool")]

    def shape(x, idx, *, axis):
        axis %= x.ndim
        return x.shape[:axis] + idx.shape + x.shape[axis + 1:], x.dtype

    def ref(x, idx, *, axis):
        return np.take(x, checked(idx, x.shape[axis], "take"), axis)

    def calls(y, x, idx, *, axis):
        axis %= x.ndim
        inner = math.prod(x.shape[axis + 1:]) * (1 if x.dtype == "bool" else 4)
        yield "take", [y], [x, idx], [math.prod(x.shape[:axis]), x.shape[axis], inner, idx.size]

    def supports(ins, attrs):
        return ins[1].dtype == "int32"

    def vjp(g, y, x, idx, need, *, axis):
        return take_grad(g, idx, shape=x.shape, axis=axis), None


@primitive
class take_grad:
    """dx[idx] += g, in the order of idx"""
    samples = [([s[:axis % len(s)] + m + s[axis % len(s) + 1:], (lambda n, m: lambda rng: rng.integers(-n, n, m).astype("int32"))(n, m)],
                dict(shape=s, axis=axis)) for n, m, axis, s in TAKEN]

    def shape(g, idx, *, shape, axis):
        return tuple(shape), g.dtype

    def ref(g, idx, *, shape, axis):
        axis %= len(shape)
        out = np.zeros(shape, g.dtype)
        front = np.moveaxis(g, tuple(range(axis, axis + idx.ndim)), tuple(range(idx.ndim)))
        np.add.at(np.moveaxis(out, axis, 0), checked(idx, shape[axis], "take_grad"), front)
        return out

    def calls(y, g, idx, *, shape, axis):
        axis %= len(shape)
        yield "take_grad", [y], [g, idx], [math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1:]), idx.size]

    def supports(ins, attrs):
        return ins[0].dtype == "float32" and ins[1].dtype == "int32"

    def vjp(h, y, g, idx, need, *, shape, axis):
        return take(h, idx, axis=axis), None


@primitive
class one_hot:
    """y[..., k] = 1 where idx = k"""
    samples = [([drawn("int32", (3, 4))], dict(depth=5)), ([drawn("int32", (700,))], dict(depth=33)), ([drawn("int32", ())], dict(depth=5000))]

    def shape(idx, *, depth):
        return idx.shape + (depth,), "float32"

    def ref(idx, *, depth):
        return (idx[..., None] == np.arange(depth)).astype("float32")

    def calls(y, idx, *, depth):
        yield "one_hot", [y], [idx], [idx.size, depth]

    def supports(ins, attrs):
        return ins[0].dtype == "int32"


sort = primitive(type("sort", (), dict(__doc__="y = x in ascending order along axis", shape=lambda x, *, axis: (x.shape, x.dtype),
                                       ref=lambda x, *, axis: np.sort(x, axis, kind="stable"), samples=[([(3, 9)], dict(axis=-1))])))
argsort = primitive(type("argsort", (), dict(__doc__="y = the order that sorts x along axis", shape=lambda x, *, axis: (x.shape, "int32"),
                                             ref=lambda x, *, axis: np.argsort(x, axis, kind="stable").astype("int32"), samples=[([(3, 9)], dict(axis=-1))])))


@primitive
class top_k:
    """(values, indices) of the k largest along the last axis, largest first"""
    samples = [([(3, 9)], dict(k=4))]

    def shape(x, *, k):
        return [(x.shape[:-1] + (k,), x.dtype), (x.shape[:-1] + (k,), "int32")]

    def ref(x, *, k):
        order = np.argsort(-x, -1, kind="stable")[..., :k].astype("int32")
        return np.take_along_axis(x, order, -1), order
