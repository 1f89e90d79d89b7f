"""Elementwise primitives: one output element from one element of each input, with NumPy broadcasting."""
import inspect
import math

import numpy as np

from ..core.primitive import REGISTRY, ints, nonzero, positive, primitive, reals, unit
from ..core.tensor import Tensor

F32 = ("float32",)
_erf = np.vectorize(math.erf, otypes=["float64"])
_lgamma = np.vectorize(math.lgamma, otypes=["float64"])


def erf64(x):
    return _erf(x).astype(x.dtype) if x.size else x


def unary(name, ref, vjp, kernel=None, domain=reals, doc="", doubles=()):
    """Declare y = ref(x). `doubles` names the attributes that the kernel takes."""
    usual = {k: v.default for k, v in inspect.signature(ref).parameters.items()} if doubles else {}

    def calls(y, x, **attrs):
        yield kernel, [y], [x], [y.size], [attrs.get(k, usual[k]) for k in doubles]
    body = dict(__doc__=doc or f"y = {name}(x)", dims="x: * -> y: *", ref=ref, domain=dict(x=domain), reuse=(0,), rows=(0,), pixels=True)
    if vjp:
        body["vjp"] = vjp
    if kernel:
        body.update(calls=calls, supports=lambda ins, attrs: ins[0].dtype == "float32")
    return primitive(type(name, (), body))


def keep(x, f):
    """f(x) in x's own float dtype."""
    return np.asarray(f, dtype=x.dtype) if x.dtype.kind == "f" else np.asarray(f)


one = lambda f: (lambda g, y, x, need: (f(g, y, x),))

neg = unary("neg", lambda x: -x, one(lambda g, y, x: neg(g)), "neg")
sign = unary("sign", np.sign, None, "sign")
abs = unary("abs", np.abs, one(lambda g, y, x: mul(g, sign(x))), "abs_", nonzero)
square = unary("square", lambda x: x * x, one(lambda g, y, x: mul(g, mul(x, 2.0))), "square")
sqrt = unary("sqrt", np.sqrt, one(lambda g, y, x: div(mul(g, 0.5), y)), "sqrt_", positive)
rsqrt = unary("rsqrt", lambda x: 1 / np.sqrt(x), one(lambda g, y, x: mul(mul(g, -0.5), mul(y, mul(y, y)))), "rsqrt", positive)
exp = unary("exp", np.exp, one(lambda g, y, x: mul(g, y)), "exp_")
expm1 = unary("expm1", np.expm1, one(lambda g, y, x: mul(g, add(y, 1.0))), "expm1_")
log = unary("log", np.log, one(lambda g, y, x: div(g, x)), "log_", positive)
log1p = unary("log1p", np.log1p, one(lambda g, y, x: div(g, add(x, 1.0))), "log1p_", positive)
sin = unary("sin", np.sin, one(lambda g, y, x: mul(g, cos(x))), "sin_")
cos = unary("cos", np.cos, one(lambda g, y, x: neg(mul(g, sin(x)))), "cos_")
tanh = unary("tanh", np.tanh, one(lambda g, y, x: tanh_grad(g, y)), "tanh_")
sigmoid = unary("sigmoid", lambda x: keep(x, np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))),
                one(lambda g, y, x: sigmoid_grad(g, y)), "sigmoid")
erf = unary("erf", erf64, one(lambda g, y, x: mul(mul(g, 2 / math.sqrt(math.pi)), exp(neg(square(x))))), "erf_")
floor = unary("floor", np.floor, None, "floor_")
ceil = unary("ceil", np.ceil, None, "ceil_")
round = unary("round", np.round, None, "round_")
softplus = unary("softplus", lambda x: keep(x, np.logaddexp(x, 0)), one(lambda g, y, x: mul(g, sigmoid(x))), "softplus")
relu = unary("relu", lambda x: np.maximum(x, 0), one(lambda g, y, x: relu_grad(g, y)), "relu", nonzero, "y = max(x, 0)")
silu = unary("silu", lambda x: keep(x, x / (1 + np.exp(-x))),
             one(lambda g, y, x: mul(g, add(sigmoid(x), mul(y, sub(1.0, sigmoid(x)))))), "silu", doc="y = x sigmoid(x)")
selu = unary("selu", lambda x: keep(x, 1.0507009873554805 * np.where(x < 0, 1.6732632423543772 * np.expm1(np.minimum(x, 0)), x)),
             one(lambda g, y, x: mul(g, where(less(x, 0.0), add(y, 1.7580993408473766), 1.0507009873554805))), "selu", nonzero)
hard_sigmoid = unary("hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1).astype(x.dtype),
                     one(lambda g, y, x: mul(mul(g, 1 / 6), cast(logical_and(greater(y, 0.0), less(y, 1.0)), dtype=g.dtype))), "hard_sigmoid")
tan = unary("tan", np.tan, one(lambda g, y, x: mul(g, add(square(y), 1.0))))
asin = unary("asin", np.arcsin, one(lambda g, y, x: mul(g, rsqrt(sub(1.0, square(x))))), domain=unit)
acos = unary("acos", np.arccos, one(lambda g, y, x: neg(mul(g, rsqrt(sub(1.0, square(x)))))), domain=unit)
atan = unary("atan", np.arctan, one(lambda g, y, x: div(g, add(square(x), 1.0))))
sinh = unary("sinh", np.sinh, one(lambda g, y, x: mul(g, cosh(x))))
cosh = unary("cosh", np.cosh, one(lambda g, y, x: mul(g, sinh(x))))
asinh = unary("asinh", np.arcsinh, one(lambda g, y, x: mul(g, rsqrt(add(square(x), 1.0)))))
acosh = unary("acosh", np.arccosh, one(lambda g, y, x: mul(g, rsqrt(sub(square(x), 1.0)))), domain=lambda rng, s: rng.uniform(1.2, 3, s))
atanh = unary("atanh", np.arctanh, one(lambda g, y, x: div(g, sub(1.0, square(x)))), domain=unit)
lgamma = unary("lgamma", lambda x: keep(x, _lgamma(x)), None, domain=positive)
relu6 = unary("relu6", lambda x, lo=0.0, hi=6.0: np.clip(x, lo, hi).astype(x.dtype), lambda g, y, x, need: (relu6_grad(g, y),), "clip", nonzero,
              "y = min(max(x, 0), 6)", doubles=("lo", "hi"))
leaky_relu = unary("leaky_relu", lambda x, slope=0.2: np.where(x < 0, x * x.dtype.type(slope), x),
                   lambda g, y, x, need, slope=0.2: (where(less(x, 0.0), mul(g, slope), g),), "leaky_relu", nonzero, doubles=("slope",))
elu = unary("elu", lambda x, alpha=1.0: keep(x, np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)),
            lambda g, y, x, need, alpha=1.0: (where(less(x, 0.0), mul(g, add(y, alpha)), g),), "elu", nonzero, doubles=("alpha",))
clip = unary("clip", lambda x, lo, hi: np.clip(x, lo, hi).astype(x.dtype),
             lambda g, y, x, need, lo, hi: (mul(g, cast(logical_and(greater_equal(x, lo), less_equal(x, hi)), dtype=g.dtype)),),
             "clip", doubles=("lo", "hi"))
sin.samples = cos.samples = [([(lambda m, n: lambda rng: rng.uniform(-m, m, n))(m, n)], {}) for m, n in ((3, ()), (3, 67), (100, 5003))]
clip.samples = [([(17,)], dict(lo=-0.5, hi=0.7))]
leaky_relu.samples = [([(17,)], dict(slope=0.3)), ([(3, 33)], {})]
elu.samples = [([(19,)], dict(alpha=1.5)), ([(3, 33)], {})]


@primitive
class gelu:
    """y = x Phi(x), exactly by erf, or approximately by tanh"""
    dims = "x: * -> y: *"
    samples = [([s], dict(approximate=a)) for a in (False, True) for s in ((), (3, 67), (9001,))]

    def ref(x, *, approximate=False):
        inside = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)) if approximate else erf64(x / math.sqrt(2))
        return keep(x, 0.5 * x * (1 + inside))

    def calls(y, x, *, approximate=False):
        yield "gelu_tanh" if approximate else "gelu", [y], [x], [y.size]

    def vjp(g, y, x, need, *, approximate=False):
        if not approximate:
            return (gelu_grad(g, x),)
        c = math.sqrt(2 / math.pi)
        t = tanh(mul(add(x, mul(mul(square(x), x), 0.044715)), c))
        dt = mul(mul(sub(1.0, square(t)), c), add(mul(square(x), 3 * 0.044715), 1.0))
        return (mul(g, mul(add(add(t, 1.0), mul(x, dt)), 0.5)),)


def collapse(out, *shapes):
    """Axes that every operand steps through alike become one: (n, strides per operand)."""
    rank = len(out)
    strides = []
    for s in shapes:
        s = (1,) * (rank - len(s)) + tuple(s)
        step, own = 1, []
        for d in reversed(s):
            own.append(0 if d == 1 else step)
            step *= d
        strides.append(own[::-1])
    dims = []
    for k in range(rank):
        if out[k] == 1:
            continue
        here = [s[k] for s in strides]
        if dims and all(p == h * out[k] for p, h in zip(dims[-1][1], here)):
            dims[-1] = (dims[-1][0] * out[k], here)
        else:
            dims.append((out[k], here))
    return dims or [(1, [0] * len(shapes))]


def broadcast_rule(dtype=None):
    def shape(x, y, **attrs):
        try:
            return np.broadcast_shapes(x.shape, y.shape), dtype or x.dtype
        except ValueError:
            raise ValueError(f"shapes {x.shape} and {y.shape} cannot be combined element by element: aligned at the right, "
                             "each pair of sizes must be equal or one of them 1") from None
    return shape


def joined(kernel, z, x, y, doubles=()):
    """The call of a kernel that joins two operands element by element."""
    dims = collapse(z.shape, x.shape, y.shape)
    pad = [0] * (6 - len(dims))
    return kernel, [z], [x, y], [len(dims), *[d[0] for d in dims], *pad, *[d[1][0] for d in dims], *pad,
                                 *[d[1][1] for d in dims], *pad], list(doubles)


SHAPES = ((7, 17), (7, 17)), ((33, 5), (5,)), ((4, 1), (4, 9)), ((), (3,)), ((2, 3, 1, 5), (3, 4, 1)), ((3, 1, 5000), (1, 2, 5000)), ((5003, 3), (3,)), ((31,), (70, 31))
FEW = SHAPES[0], SHAPES[4], SHAPES[5], SHAPES[6]


def drawn(dtype, shape):
    """A sample's input of ints (small ones, so that many are equal) or booleans."""
    if dtype == "bool":
        return lambda rng: rng.random(shape) > 0.5
    return lambda rng: rng.integers(0 if dtype == "uint32" else -4, 5, shape).astype(dtype)


def along(ins, attrs):
    """The operands that have rows of their own where the first axis of the result has several."""
    rank = max(t.ndim for t in ins)
    return [k for k, t in enumerate(ins) if t.ndim == rank and rank and t.shape[0] > 1]


def binary(name, ref, vjp=None, kernel=None, out=None, domain=reals, doc="", doubles=(), cases=({},), **other):
    """Declare z = ref(x, y) with broadcasting. `kernel` is for float32, `other` names the kernels of other dtypes."""
    kernels = dict(other, **(dict(float32=kernel) if kernel else {}))

    def calls(z, x, y, **attrs):
        yield joined(kernels[x.dtype], z, x, y, [attrs[k] for k in doubles])

    def supports(ins, attrs):
        x, y = ins
        return x.dtype == y.dtype and x.dtype in kernels and len(collapse(np.broadcast_shapes(x.shape, y.shape), x.shape, y.shape)) <= 6

    body = dict(__doc__=doc or f"z = {name}(x, y)", shape=broadcast_rule(out), ref=ref, domain=dict(x=domain, y=domain),
                reuse=(0, 1), rows=along, pixels=lambda ins, attrs: all(t.ndim < 2 or t.shape[:-1] == ins[0].shape[:-1] for t in ins), samples=[(list(s), a) for a in cases for s in SHAPES] if kernel or not other else [])
    body["samples"] += [([drawn(d, x), drawn(d, y)], a) for d in other for a in cases for x, y in FEW]
    if out:
        body["reuse"] = ()
    if vjp:
        body["vjp"] = vjp
    if kernels:
        body.update(calls=calls, supports=supports)
    return primitive(type(name, (), body))


def sum_to(g, like):
    from .reduce import sum_to as reduce_to
    return g if g.shape == like.shape else reduce_to(g, shape=like.shape)


def pair(fx, fy):
    def vjp(g, z, x, y, need, **attrs):
        return (sum_to(fx(g, z, x, y, **attrs), x) if need[0] else None, sum_to(fy(g, z, x, y, **attrs), y) if need[1] else None)
    return vjp


add = binary("add", lambda x, y: x + y, pair(lambda g, z, x, y: g, lambda g, z, x, y: g), "add", int32="add_i32", uint32="add_i32")
sub = binary("sub", lambda x, y: x - y, pair(lambda g, z, x, y: g, lambda g, z, x, y: neg(g)), "sub", int32="sub_i32", uint32="sub_i32")
mul = binary("mul", lambda x, y: x * y, pair(lambda g, z, x, y: mul(g, y), lambda g, z, x, y: mul(g, x)), "mul", int32="mul_i32", uint32="mul_i32")
div = binary("div", lambda x, y: np.true_divide(x, y).astype(np.result_type(x, y) if x.dtype.kind == "f" else "float32"),
             pair(lambda g, z, x, y: div(g, y), lambda g, z, x, y: neg(div(mul(g, z), y))), "div_", domain=nonzero)
maximum = binary("maximum", np.maximum, pair(lambda g, z, x, y: mul(g, cast(greater_equal(x, y), dtype=g.dtype)),
                                             lambda g, z, x, y: mul(g, cast(less(x, y), dtype=g.dtype))), "maximum", int32="maximum_i32")
minimum = binary("minimum", np.minimum, pair(lambda g, z, x, y: mul(g, cast(less_equal(x, y), dtype=g.dtype)),
                                             lambda g, z, x, y: mul(g, cast(greater(x, y), dtype=g.dtype))), "minimum", int32="minimum_i32")


def _log_or_zero(x):
    return where(greater(x, 0.0), log(where(greater(x, 0.0), x, 1.0)), 0.0)


power = binary("power", lambda x, y: np.power(x, y), pair(lambda g, z, x, y: mul(g, mul(y, power(x, sub(y, 1.0)))),
                                            lambda g, z, x, y: mul(g, mul(z, _log_or_zero(x)))), "power", domain=positive)
for _p in (relu, relu6, tanh, sigmoid):
    _p.extra["epilogue"] = _p.name               # a matrix product can end with it: see dense
add.extra["epilogue"] = "bias"
scale_add = binary("scale_add", lambda x, y, a: x.dtype.type(a) * x + y,
                   pair(lambda g, z, x, y, a: mul(g, a), lambda g, z, x, y, a: g), "scale_add", doc="z = a x + y", doubles=("a",),
                   cases=(dict(a=0.3),))
relu_grad = binary("relu_grad", lambda g, y: np.where(y > 0, g, g.dtype.type(0)),
                   lambda h, z, g, y, need: (relu_grad(h, y), None), "relu_grad", doc="dx = g where y > 0, else 0")
relu6_grad = binary("relu6_grad", lambda g, y: np.where((y > 0) & (y < 6), g, g.dtype.type(0)),
                    lambda h, z, g, y, need: (relu6_grad(h, y), None), "relu6_grad", doc="dx = g where 0 < y < 6, else 0")
tanh_grad = binary("tanh_grad", lambda g, y: g * (1 - y * y),
                   lambda h, z, g, y, need: (tanh_grad(h, y), mul(mul(h, g), mul(y, -2.0))), "tanh_grad", doc="dx = g (1 - y^2)")
sigmoid_grad = binary("sigmoid_grad", lambda g, y: g * y * (1 - y),
                      lambda h, z, g, y, need: (sigmoid_grad(h, y), mul(mul(h, g), sub(1.0, mul(y, 2.0)))), "sigmoid_grad",
                      doc="dx = g y (1 - y)")
gelu_grad = binary("gelu_grad", lambda g, x: keep(x, g * (0.5 * (1 + erf64(x / math.sqrt(2))) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))),
                   lambda h, z, g, x, need: (gelu_grad(h, x), mul(mul(h, g), mul(sub(2.0, square(x)), mul(exp(mul(square(x), -0.5)), 1 / math.sqrt(2 * math.pi))))),
                   "gelu_grad")
relu_grad.extra["epilogue"] = "relu_grad"      # the gradient of a pool can end with it
for _p in (relu_grad, relu6_grad, tanh_grad, sigmoid_grad, gelu_grad):
    _p.samples = [([(7, 17), (7, 17)], {}), ([(33,), (33,)], {})]
atan2 = binary("atan2", np.arctan2, pair(lambda g, z, x, y: div(mul(g, y), add(square(x), square(y))),
                                         lambda g, z, x, y: neg(div(mul(g, x), add(square(x), square(y))))), domain=nonzero)
mod = binary("mod", np.mod, kernel="mod", domain=nonzero, int32="mod_i32")
floor_divide = binary("floor_divide", np.floor_divide, kernel="floor_divide", domain=nonzero, int32="floor_divide_i32")
for _name, _f in dict(equal=np.equal, not_equal=np.not_equal).items():
    globals()[_name] = binary(_name, _f, kernel=_name, out="bool", int32=_name + "_i32", uint32=_name + "_i32", bool=_name + "_bool")
for _name, _f in dict(less=np.less, less_equal=np.less_equal, greater=np.greater, greater_equal=np.greater_equal).items():
    globals()[_name] = binary(_name, _f, kernel=_name, out="bool", int32=_name + "_i32")
logical_and = binary("logical_and", np.logical_and, out="bool", bool="logical_and")
logical_or = binary("logical_or", np.logical_or, out="bool", bool="logical_or")


def special(rng):
    return rng.choice([0.0, -1.5, np.nan, np.inf, -np.inf, 3e38, 1e-40], (5, 67))


for _name, _f, _kernel, _draw in (("logical_not", np.logical_not, "logical_not", drawn("bool", (5, 67))), ("isnan", np.isnan, "isnan_", special),
                                  ("isinf", np.isinf, "isinf_", special), ("isfinite", np.isfinite, "isfinite_", special)):
    globals()[_name] = unary(_name, _f, None, _kernel)
    globals()[_name].dtype, globals()[_name].reuse = "bool", ()
    globals()[_name].samples = [([_draw], {})]
logical_not.supports = lambda ins, attrs: ins[0].dtype == "bool"


@primitive
class where:
    """z = x where c, else y"""
    domain = dict(c=None, x=reals, y=reals)
    samples = [([drawn("bool", c), x, y], {}) for c, x, y in (((5, 7), (5, 7), (7,)), ((9, 1), (9, 130), ()), ((2, 1, 5000), (3, 1), (2, 3, 5000)))]
    samples += [([drawn("bool", (4, 67)), drawn(d, (4, 1)), drawn(d, (4, 67))], {}) for d in ("int32", "uint32", "bool")]

    def shape(c, x, y):
        return np.broadcast_shapes(c.shape, x.shape, y.shape), x.dtype

    def ref(c, x, y):
        return np.where(c, x, y).astype(x.dtype)

    def calls(z, c, x, y):
        dims = collapse(z.shape, c.shape, x.shape, y.shape)
        dims = [(1, [0, 0, 0])] * (6 - len(dims)) + dims
        yield "where_bool" if x.dtype == "bool" else "where", [z], [c, x, y], [d[0] for d in dims] + [d[1][k] for k in range(3) for d in dims]

    def supports(ins, attrs):
        c, x, y = ins
        return c.dtype == "bool" and x.dtype == y.dtype and len(collapse(np.broadcast_shapes(c.shape, x.shape, y.shape), c.shape, x.shape, y.shape)) <= 6

    def vjp(g, z, c, x, y, need):
        zero = Tensor(np.zeros((), g.dtype))
        return (None, sum_to(where(c, g, zero), x) if need[1] else None, sum_to(where(c, zero, g), y) if need[2] else None)


@primitive
class cast:
    """y = x in another dtype"""
    samples = [([(33,)], dict(dtype="int32")), ([drawn("int32", 19)], dict(dtype="float32")), ([drawn("int32", (3, 7))], dict(dtype="float32"))]
    samples += [([drawn(a, (3, 67))], dict(dtype=b)) for a, b in (("bool", "float32"), ("bool", "int32"), ("int32", "bool"))]
    samples += [([lambda rng: rng.choice([0.0, -0.0, 2.5, -1e9, 1e-40], 67)], dict(dtype=d)) for d in ("bool", "int32")]

    def shape(x, *, dtype):
        return x.shape, dtype

    def ref(x, *, dtype):
        return x.astype(dtype)

    def calls(y, x, *, dtype):
        short = dict(float32="f32", int32="i32", bool="bool")
        yield f"cast_{short[x.dtype]}_{short[dtype]}", [y], [x], [y.size]

    def supports(ins, attrs):
        return ins[0].dtype != attrs["dtype"] and {ins[0].dtype, attrs["dtype"]} <= {"float32", "int32", "bool"}

    def vjp(g, y, x, need, *, dtype):
        return (cast(g, dtype=x.dtype) if x.dtype.startswith("float") else None,)
