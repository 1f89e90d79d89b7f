"""Primitives by NumPy alone (no kernel): rarer words of keras.ops that a composition would say badly."""
import numpy as np

from ..core.primitive import ints, nonzero, positive, primitive
from .elementwise import binary, div, floor_divide, mul, neg, one, pair, sigmoid, square, sub, unary
from .movement import checked

bits = dict(domain=ints(30, 1))

cbrt = unary("cbrt", np.cbrt, one(lambda g, y, x: div(g, mul(square(y), 3.0))), domain=nonzero, doc="y^3 = x")
trunc = unary("trunc", np.trunc, None, doc="y = x without its fraction")
signbit = unary("signbit", np.signbit, None, doc="y = is the sign bit of x set")
signbit.dtype, signbit.reuse = "bool", ()
bitwise_not = unary("bitwise_not", np.invert, None, domain=ints(30), doc="y = every bit of x turned over")

logaddexp = binary("logaddexp", np.logaddexp, pair(lambda g, z, x, y: mul(g, sigmoid(sub(x, y))),
                                                   lambda g, z, x, y: mul(g, sigmoid(sub(y, x)))), doc="z = log(e^x + e^y)")
hypot = binary("hypot", np.hypot, pair(lambda g, z, x, y: div(mul(g, x), z), lambda g, z, x, y: div(mul(g, y), z)),
               domain=nonzero, doc="z = sqrt(x^2 + y^2)")
remainder = binary("remainder", np.mod, pair(lambda g, z, x, y: g, lambda g, z, x, y: neg(mul(g, floor_divide(x, y)))),
                   domain=positive, doc="z = x - floor(x / y) y, of the sign of y")
fmod = binary("fmod", np.fmod, pair(lambda g, z, x, y: g, lambda g, z, x, y: neg(mul(g, trunc(div(x, y))))),
              domain=nonzero, doc="z = x - trunc(x / y) y, of the sign of x")
nextafter = binary("nextafter", np.nextafter, doc="z = the number after x on the way to y")
for _name, _f in dict(bitwise_and=np.bitwise_and, bitwise_or=np.bitwise_or, bitwise_xor=np.bitwise_xor, gcd=np.gcd,
                      lcm=np.lcm).items():
    globals()[_name] = binary(_name, _f, **bits)
left_shift = binary("left_shift", np.left_shift, domain=ints(8, 1), doc="z = x 2^y in whole numbers")
right_shift = binary("right_shift", np.right_shift, domain=ints(8, 1), doc="z = floor(x / 2^y)")


@primitive
class take_along:
    """y[..., i, ...] = x[..., idx[..., i, ...], ...]: an index of its own for every line along axis"""
    samples = [([(4, 7), lambda rng: rng.integers(-7, 7, (4, 3)).astype("int32")], dict(axis=1)),
               ([(5, 3), lambda rng: rng.integers(0, 5, (6, 3)).astype("int32")], dict(axis=0))]

    def shape(x, idx, *, axis):
        return idx.shape, x.dtype

    def ref(x, idx, *, axis):
        return np.take_along_axis(x, checked(idx, x.shape[axis], "take_along_axis"), axis)

    def vjp(g, y, x, idx, need, *, axis):
        return take_along_grad(g, idx, shape=x.shape, axis=axis), None


@primitive
class take_along_grad:
    """dx[..., idx[..., i, ...], ...] += g[..., i, ...], in the order of i"""
    samples = [([(4, 3), lambda rng: rng.integers(0, 7, (4, 3)).astype("int32")], dict(shape=(4, 7), axis=1))]

    def shape(g, idx, *, shape, axis):
        return tuple(shape), g.dtype

    def ref(g, idx, *, shape, axis):
        out = np.zeros(shape, g.dtype)
        where = list(np.ogrid[tuple(np.s_[:n] for n in idx.shape)])
        where[axis] = idx
        np.add.at(out, tuple(where), g)
        return out

    def vjp(h, y, g, idx, need, *, shape, axis):
        return take_along(h, idx, axis=axis), None


@primitive
class searchsorted:
    """i = how many elements of the ascending row are < v (side left) or <= v (side right)"""
    samples = [([lambda rng: np.sort(rng.standard_normal(9)), (4, 5)], dict(side=s)) for s in ("left", "right")]

    def shape(row, v, *, side):
        return v.shape, "int32"

    def ref(row, v, *, side):
        return np.asarray(np.searchsorted(row, v, side), "int32")


@primitive
class view:
    """y = the bytes of x read as another dtype; the last axis takes up the difference in width"""
    samples = [([lambda rng: rng.integers(0, 2**31, (3, 8)).astype("uint32")], dict(dtype="int32")), ([lambda rng: rng.integers(0, 9, (2, 4)).astype("int32")], dict(dtype="uint8"))]

    def shape(x, *, dtype):
        old, new = np.dtype(x.dtype).itemsize, np.dtype(dtype).itemsize
        if old == new:
            return x.shape, dtype
        if not x.shape or x.shape[-1] * old % new:
            raise ValueError(f"view: {x.shape} of {x.dtype} does not fill whole numbers of {dtype}")
        return x.shape[:-1] + (x.shape[-1] * old // new,), dtype

    def ref(x, *, dtype):
        return x.view(dtype)


@primitive
class det_sign:
    """y = -1, 0 or 1: the sign of det(x), also where the determinant itself would overflow"""
    samples = [([(4, 4)], {}), ([(2, 3, 3)], {})]

    def shape(x):
        if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
            raise ValueError(f"a determinant needs square matrices, got shape {x.shape}")
        return x.shape[:-2], x.dtype

    def ref(x):
        return np.linalg.slogdet(x)[0].astype(x.dtype)
