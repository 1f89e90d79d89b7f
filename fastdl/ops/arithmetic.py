"""Element by element: arithmetic, comparison, logic, bits. All of it broadcasts as NumPy does."""
import builtins
import math

import numpy as np

from ..core.tensor import convert_to_tensor
from ..primitives import elementwise as e
from ..primitives import more
from ..primitives.reduce import all as all_of
from ..primitives.reduce import mean as mean_of
from .promotion import as_dtype, constant, filled, floating, is_number, promote, public, signed
from .symbolic import op


def _named(f, name, equation):
    f.__name__ = f.__qualname__ = name
    f.__doc__ = equation
    return op(f)


def _unary(name, prim, equation, prepare=floating):
    """Declare the op y = prim(x); whole numbers become floats unless `prepare` keeps them."""
    return _named(lambda x: prim(prepare(x)), name, equation)


def _binary(name, prim, equation, least=None):
    """Declare the op z = prim(x1, x2) in the common dtype of both (and of `least`)."""
    return _named(lambda x1, x2: prim(*promote(x1, x2, least=least)), name, equation)


# ---------------------------------------------------------------- one argument
absolute = _unary("absolute", e.abs, "y = |x|", convert_to_tensor)
abs = _unary("abs", e.abs, "y = |x|", convert_to_tensor)
fabs = _unary("fabs", e.abs, "y = |x| as a float")
negative = _unary("negative", e.neg, "y = -x", convert_to_tensor)
sign = _unary("sign", e.sign, "y = -1, 0 or 1: the sign of x", convert_to_tensor)
square = _unary("square", e.square, "y = x^2", signed)
sqrt = _unary("sqrt", e.sqrt, "y^2 = x, y >= 0; NaN where x < 0")
cbrt = _unary("cbrt", more.cbrt, "y^3 = x")
exp = _unary("exp", e.exp, "y = e^x")
expm1 = _unary("expm1", e.expm1, "y = e^x - 1, exact near 0")
log = _unary("log", e.log, "y = ln x; -inf at 0, NaN below")
log1p = _unary("log1p", e.log1p, "y = ln(1 + x), exact near 0")
sin = _unary("sin", e.sin, "y = sin x")
cos = _unary("cos", e.cos, "y = cos x")
tan = _unary("tan", e.tan, "y = tan x")
sinh = _unary("sinh", e.sinh, "y = (e^x - e^-x) / 2")
cosh = _unary("cosh", e.cosh, "y = (e^x + e^-x) / 2")
tanh = _unary("tanh", e.tanh, "y = (e^x - e^-x) / (e^x + e^-x)")
arcsin = _unary("arcsin", e.asin, "sin y = x")
arccos = _unary("arccos", e.acos, "cos y = x")
arctan = _unary("arctan", e.atan, "tan y = x")
arcsinh = _unary("arcsinh", e.asinh, "sinh y = x")
arccosh = _unary("arccosh", e.acosh, "cosh y = x, y >= 0")
arctanh = _unary("arctanh", e.atanh, "tanh y = x")
floor = _unary("floor", e.floor, "y = the largest whole number <= x, as a float")
ceil = _unary("ceil", e.ceil, "y = the smallest whole number >= x, as a float")
isnan = _unary("isnan", e.isnan, "y = is x not a number")
isinf = _unary("isinf", e.isinf, "y = is x infinite")
isfinite = _unary("isfinite", e.isfinite, "y = is x neither infinite nor NaN")
signbit = _unary("signbit", more.signbit, "y = is x negative (or -0.0)")
logical_not = _unary("logical_not", e.logical_not, "y = not x", convert_to_tensor)
bitwise_not = _unary("bitwise_not", more.bitwise_not, "y = every bit of x turned over", convert_to_tensor)
bitwise_invert = _unary("bitwise_invert", more.bitwise_not, "y = every bit of x turned over", convert_to_tensor)
conj = _unary("conj", lambda x: x, "y = x: the numbers here are real", convert_to_tensor)
conjugate = _unary("conjugate", lambda x: x, "y = x: the numbers here are real", convert_to_tensor)
real = _unary("real", lambda x: x, "y = x: the numbers here are real", convert_to_tensor)
imag = _unary("imag", lambda x: filled(x.shape, 0, x.dtype), "y = 0: the numbers here are real", convert_to_tensor)
isreal = _unary("isreal", lambda x: filled(x.shape, True, "bool"), "y = True: the numbers here are real", convert_to_tensor)
log2 = _unary("log2", lambda x: e.div(e.log(x), math.log(2)), "2^y = x")
log10 = _unary("log10", lambda x: e.div(e.log(x), math.log(10)), "10^y = x")
exp2 = _unary("exp2", lambda x: e.power(2.0, x), "y = 2^x")
reciprocal = _unary("reciprocal", lambda x: e.div(1.0, x), "y = 1 / x")
deg2rad = _unary("deg2rad", lambda x: e.mul(x, math.pi / 180), "y = x pi / 180")
rad2deg = _unary("rad2deg", lambda x: e.mul(x, 180 / math.pi), "y = x 180 / pi")
angle = _unary("angle", lambda x: e.atan2(0.0, x), "y = 0 where x >= 0, pi where x < 0: the angle of a real number")
isposinf = _unary("isposinf", lambda x: e.equal(x, math.inf), "y = is x +infinity")
isneginf = _unary("isneginf", lambda x: e.equal(x, -math.inf), "y = is x -infinity")


@op
def trunc(x):
    """y = x without its fraction; whole numbers stay as they are"""
    x = convert_to_tensor(x)
    return more.trunc(x) if "float" in x.dtype else x


@op
def round(x, decimals=0):
    """y = the nearest multiple of 10^-decimals; halves go to the even neighbour"""
    x = convert_to_tensor(x)
    if decimals == 0:
        return e.round(x) if "float" in x.dtype else x
    if "float" not in x.dtype:
        if decimals > 0:
            return x
        return e.cast(e.mul(e.round(e.div(floating(x), 10.0 ** -decimals)), 10.0 ** -decimals), dtype=x.dtype)
    scale = 10.0 ** builtins.abs(decimals)
    return e.div(e.round(e.mul(x, scale)), scale) if decimals > 0 else e.mul(e.round(e.div(x, scale)), scale)


@op
def sinc(x):
    """y = sin(pi x) / (pi x), 1 at 0"""
    x = floating(x)
    zero = e.equal(x, 0.0)
    angle = e.mul(e.where(zero, 1.0, x), math.pi)                # no 0 / 0, not in the gradient either
    return e.where(zero, 1.0, e.div(e.sin(angle), angle))


@op
def i0(x):
    """y = (1/pi) integral of e^(x cos t) dt over 0..pi: the modified Bessel function of order 0"""
    x = floating(x)
    nodes = np.cos((np.arange(64) + 0.5) * np.pi / 64)           # the midpoint rule converges faster than any power here
    from ..primitives.movement import reshape
    return mean_of(e.exp(e.mul(reshape(x, shape=x.shape + (1,)), constant(nodes, x.dtype))), axis=(x.ndim,))


@op
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """y = x with NaN and the infinities replaced (by the largest finite numbers unless told)"""
    x = convert_to_tensor(x)
    if "float" not in x.dtype:
        return x
    limit = float(np.finfo(x.dtype).max)
    x = e.where(e.isnan(x), filled((), nan, x.dtype), x)
    x = e.where(e.equal(x, math.inf), filled((), limit if posinf is None else posinf, x.dtype), x)
    return e.where(e.equal(x, -math.inf), filled((), -limit if neginf is None else neginf, x.dtype), x)


@op
def view(x, dtype=None):
    """y = the bytes of x read as another dtype"""
    x = convert_to_tensor(x)
    return x if dtype is None or as_dtype(dtype) == x.dtype else more.view(x, dtype=as_dtype(dtype))


# ---------------------------------------------------------------- two arguments
add = _binary("add", e.add, "z = x1 + x2")
subtract = _binary("subtract", e.sub, "z = x1 - x2")
multiply = _binary("multiply", e.mul, "z = x1 x2")
divide = _binary("divide", e.div, "z = x1 / x2; whole numbers give a float", float)
true_divide = _binary("true_divide", e.div, "z = x1 / x2; whole numbers give a float", float)
floor_divide = _binary("floor_divide", e.floor_divide, "z = floor(x1 / x2)", int)
mod = _binary("mod", more.remainder, "z = x1 - floor(x1 / x2) x2, of the sign of x2", int)
fmod = _binary("fmod", more.fmod, "z = x1 - trunc(x1 / x2) x2, of the sign of x1", int)
maximum = _binary("maximum", e.maximum, "z = the larger of x1 and x2; NaN wins")
minimum = _binary("minimum", e.minimum, "z = the smaller of x1 and x2; NaN wins")
arctan2 = _binary("arctan2", e.atan2, "z = the angle of the point (x2, x1), -pi < z <= pi", float)
hypot = _binary("hypot", more.hypot, "z = sqrt(x1^2 + x2^2)", float)
logaddexp = _binary("logaddexp", more.logaddexp, "z = ln(e^x1 + e^x2)", float)
nextafter = _binary("nextafter", more.nextafter, "z = the number after x1 on the way to x2", float)
gcd = _binary("gcd", more.gcd, "z = the greatest common divisor")
lcm = _binary("lcm", more.lcm, "z = the least common multiple")
equal = _binary("equal", e.equal, "z = (x1 == x2)")
not_equal = _binary("not_equal", e.not_equal, "z = (x1 != x2)")
less = _binary("less", e.less, "z = (x1 < x2)")
less_equal = _binary("less_equal", e.less_equal, "z = (x1 <= x2)")
greater = _binary("greater", e.greater, "z = (x1 > x2)")
greater_equal = _binary("greater_equal", e.greater_equal, "z = (x1 >= x2)")
logical_and = _binary("logical_and", e.logical_and, "z = x1 and x2")
logical_or = _binary("logical_or", e.logical_or, "z = x1 or x2")


def _truth(x):
    return convert_to_tensor(convert_to_tensor(x), "bool")


logical_xor = _named(lambda x1, x2: e.not_equal(_truth(x1), _truth(x2)), "logical_xor", "z = x1 or x2, not both")


@op
def power(x1, x2):
    """z = x1^x2; NaN where x1 < 0 and x2 is not whole"""
    plain = float(x2) if is_number(x2) else None
    x1, x2 = promote(x1, x2, least=int)
    if plain == 2:
        return e.square(x1)
    if plain == 1:
        return x1
    if "float" in x1.dtype:
        if plain == 0.5:
            return e.sqrt(x1)
        if plain == -0.5:
            return e.rsqrt(x1)
        if plain == -1:
            return e.div(1.0, x1)
    return e.power(x1, x2)


@op
def divide_no_nan(x1, x2):
    """z = x1 / x2, 0 where x2 = 0"""
    x1, x2 = promote(x1, x2, least=float)
    zero = e.equal(x2, 0.0)
    return e.where(zero, filled((), 0, x1.dtype), e.div(x1, e.where(zero, filled((), 1, x1.dtype), x2)))


@op
def logaddexp2(x1, x2):
    """z = log2(2^x1 + 2^x2)"""
    x1, x2 = promote(x1, x2, least=float)
    return e.div(more.logaddexp(e.mul(x1, math.log(2)), e.mul(x2, math.log(2))), math.log(2))


@op
def ldexp(x1, x2):
    """z = x1 2^x2"""
    x1, x2 = floating(x1), convert_to_tensor(x2)
    if "float" in x2.dtype:
        raise TypeError(f"ldexp: x2 counts powers of two and must be whole numbers, got dtype {x2.dtype}; use x1 * exp2(x2)")
    return e.mul(x1, e.power(2.0, e.cast(x2, dtype=x1.dtype)))


@op
def heaviside(x1, x2):
    """z = 0 where x1 < 0, x2 where x1 = 0, 1 where x1 > 0"""
    x1, x2 = promote(x1, x2, least=float)
    step = e.where(e.greater(x1, 0.0), filled((), 1, x1.dtype), e.mul(x1, 0.0))              # keeps NaN
    return e.where(e.equal(x1, 0.0), x2, e.where(e.isinf(x1), e.cast(e.greater(x1, 0.0), dtype=x1.dtype), step))


def _ignoring_nan(name, prim, equation):
    def f(x1, x2):
        x1, x2 = promote(x1, x2)
        if "float" not in x1.dtype:
            return prim(x1, x2)
        return e.where(e.isnan(x1), x2, e.where(e.isnan(x2), x1, prim(x1, x2)))
    return _named(f, name, equation)


fmax = _ignoring_nan("fmax", e.maximum, "z = the larger of x1 and x2; NaN loses")
fmin = _ignoring_nan("fmin", e.minimum, "z = the smaller of x1 and x2; NaN loses")


@op
def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """z = |x1 - x2| <= atol + rtol |x2|"""
    x1, x2 = promote(x1, x2, least=float)
    near = e.less_equal(e.abs(e.sub(x1, x2)), e.add(e.mul(e.abs(x2), rtol), atol))
    close = e.logical_or(e.equal(x1, x2), e.logical_and(near, e.isfinite(x2)))              # inf is close to inf alone
    return e.logical_or(close, e.logical_and(e.isnan(x1), e.isnan(x2))) if equal_nan else close


@op
def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """z = is |x1 - x2| <= atol + rtol |x2| everywhere"""
    return all_of(isclose(x1, x2, rtol, atol, equal_nan))


def _bits(name, prim, equation, least=None):
    """Declare an op on the bits of whole numbers; Keras calls its arguments x and y."""
    def f(x, y):
        x, y = promote(x, y, least=least)
        if "float" in x.dtype:
            raise TypeError(f"{name} works on the bits of whole numbers or booleans, got {x.dtype}: cast with ops.cast(x, 'int32')")
        return prim(x, y)
    return _named(f, name, equation)


bitwise_and = _bits("bitwise_and", more.bitwise_and, "z = the bits set in x and y")
bitwise_or = _bits("bitwise_or", more.bitwise_or, "z = the bits set in x or y")
bitwise_xor = _bits("bitwise_xor", more.bitwise_xor, "z = the bits set in one of x and y")
left_shift = _bits("left_shift", more.left_shift, "z = x 2^y in whole numbers", int)
right_shift = _bits("right_shift", more.right_shift, "z = floor(x / 2^y)", int)
bitwise_left_shift = _bits("bitwise_left_shift", more.left_shift, "z = x 2^y in whole numbers", int)
bitwise_right_shift = _bits("bitwise_right_shift", more.right_shift, "z = floor(x / 2^y)", int)


# ---------------------------------------------------------------- choosing
@op
def clip(x, x_min, x_max):
    """y = min(max(x, x_min), x_max); None leaves a side open"""
    if is_number(x_min) and is_number(x_max):
        x = promote(x, x_min, x_max, least=int)[0]
        return e.clip(x, lo=x_min, hi=x_max)
    x, *bounds = promote(x, *[b for b in (x_min, x_max) if b is not None], least=int)
    x = e.maximum(x, bounds[0]) if x_min is not None else x
    return e.minimum(x, bounds[-1]) if x_max is not None else x


@op
def where(condition, x1=None, x2=None):
    """z = x1 where condition, else x2; with the condition alone, the indices where it holds"""
    if (x1 is None) != (x2 is None):
        raise ValueError("where takes a condition, or a condition, x1 and x2; got only one of x1 and x2")
    if x1 is None:
        from .sorting import nonzero
        return nonzero(condition)
    x1, x2 = promote(x1, x2)
    return e.where(_truth(condition), x1, x2)


@op
def select(condlist, choicelist, default=0):
    """y = the choice of the first condition that holds, else default"""
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(f"select needs as many choices as conditions, and at least one; got {len(condlist)} conditions "
                         f"and {len(choicelist)} choices")
    *choices, out = promote(*choicelist, default)
    for c, x in zip(condlist[::-1], choices[::-1]):
        out = e.where(_truth(c), x, out)
    return out


__all__ = public(globals())
