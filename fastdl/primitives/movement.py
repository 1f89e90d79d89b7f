"""Movement: values keep, places change."""
import math

import numpy as np

from ..core.primitive import ints, primitive
from .reduce import sum, sum_to


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


def moved(name, rule, ref, vjp, samples):
    """Declare a primitive that NumPy's `ref` computes and whose shape `rule` gives."""
    return primitive(type(name, (), dict(__doc__=f"y = {name}(x)", shape=rule, ref=ref, vjp=vjp, samples=samples)))


transpose = moved("transpose", lambda x, *, axes: (tuple(x.shape[a] for a in axes), x.dtype), lambda x, *, axes: np.transpose(x, axes),
                  lambda g, y, x, need, *, axes: (transpose(g, axes=tuple(int(k) for k in np.argsort(axes))),), [([(3, 4, 5)], dict(axes=(2, 0, 1)))])
broadcast_to = moved("broadcast_to", lambda x, *, shape: (tuple(shape), x.dtype), lambda x, *, shape: np.broadcast_to(x, shape),
                     lambda g, y, x, need, *, shape: (sum_to(g, shape=x.shape),), [([(4, 1)], dict(shape=(3, 4, 5)))])
flip = moved("flip", lambda x, *, axes: (x.shape, x.dtype), lambda x, *, axes: np.flip(x, axes),
             lambda g, y, x, need, *, axes: (flip(g, axes=axes),), [([(3, 5)], dict(axes=(1,)))])
copy = moved("copy", lambda x: (x.shape, x.dtype), lambda x: x.copy(), lambda g, y, x, need: (g,), [([(3, 5)], {})])
iota = primitive(type("iota", (), dict(__doc__="y = 0, 1, ..., n-1", shape=lambda *, n: ((n,), "int32"), ref=lambda *, n: np.arange(n, dtype="int32"),
                                       samples=[([], dict(n=5))])))


def _sliced(x, start, stop, step):
    return tuple(np.s_[a:(None if b < 0 else b):s] for a, b, s in zip(start, stop, step))


slice = moved("slice", lambda x, *, start, stop, step: (tuple(len(range(a, b, s)) for a, b, s in zip(start, stop, step)), x.dtype),
              lambda x, *, start, stop, step: x[_sliced(x, start, stop, step)].copy(),
              lambda g, y, x, need, **how: (slice_grad(g, shape=x.shape, **how),), [([(6, 8)], dict(start=(1, 7), stop=(5, -1), step=(2, -3)))])


def _unsliced(g, *, shape, start, stop, step):
    out = np.zeros(shape, g.dtype)
    out[_sliced(out, start, stop, step)] = g
    return out


slice_grad = moved("slice_grad", lambda g, *, shape, start, stop, step: (shape, g.dtype), _unsliced,
                   lambda h, y, g, need, *, shape, **how: (slice(h, **how),),
                   [([(2, 3)], dict(shape=(6, 8), start=(1, 7), stop=(5, -1), step=(2, -3)))])
pad = moved("pad", lambda x, *, paddings, value=0.0: (tuple(a + d + b for d, (a, b) in zip(x.shape, paddings)), x.dtype),
            lambda x, *, paddings, value=0.0: np.pad(x, paddings, constant_values=value),
            lambda g, y, x, need, *, paddings, value=0.0: (slice(g, start=tuple(a for a, _ in paddings), stop=tuple(a + d for d, (a, _) in zip(x.shape, paddings)),
                                                                 step=(1,) * x.ndim),), [([(3, 4)], dict(paddings=((1, 2), (0, 1))))])


@primitive
class concat:
    """y = the xs one after the other along axis"""
    samples = [([(3, 4), (3, 2)], dict(axis=1))]

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


@primitive
class take:
    """y = rows idx of x along axis"""
    samples = [([(7, 4), lambda rng: rng.integers(0, 7, (3, 2)).astype("int32")], dict(axis=0))]

    def shape(x, idx, *, axis):
        axis %= x.ndim
        return x.shape[:axis] + idx.shape + x.shape[axis + 1:], x.dtype

    def ref(x, idx, *, axis):
        return np.take(x, checked(idx, x.shape[axis], "take"), axis)

    def vjp(g, y, x, idx, need, *, axis):
        return take_grad(g, idx, shape=x.shape, axis=axis), None


@primitive
class take_grad:
    """dx[idx] += g, in the order of idx"""
    samples = [([(3, 2, 4), lambda rng: rng.integers(0, 7, (3, 2)).astype("int32")], dict(shape=(7, 4), axis=0))]

    def shape(g, idx, *, shape, axis):
        return tuple(shape), g.dtype

    def ref(g, idx, *, shape, axis):
        axis %= len(shape)
        out = np.zeros(shape, g.dtype)
        front = np.moveaxis(g, tuple(range(axis, axis + idx.ndim)), tuple(range(idx.ndim)))
        np.add.at(np.moveaxis(out, axis, 0), idx, front)
        return out

    def vjp(h, y, g, idx, need, *, shape, axis):
        return take(h, idx, axis=axis), None


@primitive
class one_hot:
    """y[..., k] = 1 where idx = k"""
    samples = [([lambda rng: rng.integers(0, 5, (3, 4)).astype("int32")], dict(depth=5))]

    def shape(idx, *, depth):
        return idx.shape + (depth,), "float32"

    def ref(idx, *, depth):
        return (idx[..., None] == np.arange(depth)).astype("float32")


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
