"""Random numbers by counting: element k of a draw is a hash of (seed, k), the same for any number of threads.

A seed is a uint32[2] tensor (seed, counter). The hash is two keyed rounds of multiply-and-xorshift (constants of
C. Wellons' prospector); tests/test_random.py measures its uniformity and correlation.
"""
import numpy as np

from ..core.primitive import primitive, unit

SEED = np.array([12345, 7], "uint32")
seed = lambda rng: rng.integers(0, 2 ** 32, 2, dtype="uint64").astype("uint32")


def mix(x):
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x21f0aaad)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(0xd35a2d97)
    return x ^ (x >> np.uint32(15))


def bits(key, n, stream=0):
    with np.errstate(over="ignore"):
        a = mix(np.asarray(key[0] + np.uint32(0x9e3779b9) * np.uint32(stream + 1), "uint32"))
        b = mix(np.asarray(key[1] ^ a, "uint32") + np.uint32(0x85ebca6b))
        return mix(mix(np.arange(n, dtype="uint32") * np.uint32(0x9e3779b9) + a) ^ b)


def uniform(key, shape, stream=0):
    """24 bits a number, in [0, 1)."""
    n = int(np.prod(shape))
    return ((bits(key, n, stream) >> np.uint32(8)) * np.float32(2 ** -24)).reshape(shape)


def normal(key, shape):
    u = 1 - uniform(key, shape).astype("float64")
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * uniform(key, shape, 1).astype("float64"))


def erfinv(x):
    """Winitzki's approximation, polished by Newton steps."""
    import math
    w = -np.log((1 - x) * (1 + x))
    a = 0.147
    t = 2 / (np.pi * a) - w / 2
    y = np.sign(x) * np.sqrt(np.maximum(np.sqrt(t * t + w / a) - t, 0))
    erf = np.vectorize(math.erf, otypes=["float64"])
    for _ in range(3):
        y = y - (erf(y) - x) * np.sqrt(np.pi) / 2 * np.exp(y * y) if y.size else y
    return y


def seeded(ins, attrs):
    return ins[0].dtype == "uint32" and ins[0].size == 2


def largest(lo, hi):
    """The last float32 before hi: rounding must not reach hi itself."""
    return np.nextafter(np.float32(hi), np.float32(lo)) if hi > lo else np.float32(hi)


@primitive
class random_bits:
    """y = 32 random bits each"""
    samples = [([seed], dict(shape=(3, 50))), ([seed], dict(shape=(9001,)))]
    differentiable = False

    def shape(key, *, shape):
        return tuple(shape), "uint32"

    def ref(key, *, shape):
        return bits(key, int(np.prod(shape))).reshape(shape)

    def calls(y, key, *, shape):
        yield "random_bits", [y], [key], [y.size]
    supports = seeded


@primitive
class random_uniform:
    """y ~ U[lo, hi)"""
    samples = [([seed], dict(shape=(3, 50), lo=-1.0, hi=2.0)), ([seed], dict(shape=(9001,), lo=-1.0, hi=2.0)), ([seed], dict(shape=()))]
    differentiable = False

    def shape(key, *, shape, lo=0.0, hi=1.0):
        return tuple(shape), "float32"

    def ref(key, *, shape, lo=0.0, hi=1.0):
        return np.minimum(uniform(key, shape) * np.float32(hi - lo) + np.float32(lo), largest(lo, hi)).astype("float32")

    def calls(y, key, *, shape, lo=0.0, hi=1.0):
        yield "random_uniform", [y], [key], [y.size], [lo, hi - lo, float(largest(lo, hi))]
    supports = seeded


@primitive
class random_normal:
    """y ~ N(mean, std^2), by Box and Muller, one number a pair"""
    samples = [([seed], dict(shape=(3, 50), mean=1.0, std=2.0)), ([seed], dict(shape=(9001,), mean=1.0, std=2.0)), ([seed], dict(shape=()))]
    differentiable = False

    def shape(key, *, shape, mean=0.0, std=1.0):
        return tuple(shape), "float32"

    def ref(key, *, shape, mean=0.0, std=1.0):
        return (normal(key, shape) * std + mean).astype("float32")

    def calls(y, key, *, shape, mean=0.0, std=1.0):
        yield "random_normal", [y], [key], [y.size], [mean, std]
    supports = seeded


@primitive
class random_truncated_normal:
    """y ~ N(mean, std^2) cut at two standard deviations, by the inverse of its distribution"""
    samples = [([seed], dict(shape=(3, 50), mean=1.0, std=2.0)), ([seed], dict(shape=(9001,), mean=1.0, std=2.0)), ([seed], dict(shape=()))]
    differentiable = False

    def shape(key, *, shape, mean=0.0, std=1.0):
        return tuple(shape), "float32"

    def ref(key, *, shape, mean=0.0, std=1.0):
        u = uniform(key, shape).astype("float64")
        z = np.sqrt(2) * erfinv((2 * u - 1) * 0.9544997361036416)
        return (np.clip(z, -2, 2) * std + mean).astype("float32")

    def calls(y, key, *, shape, mean=0.0, std=1.0):
        yield "random_truncated_normal", [y], [key], [y.size], [mean, std]
    supports = seeded


@primitive
class dropout:
    """y = x keep / (1 - rate), keep = 1 with probability 1 - rate; the backward pass draws the same mask again"""
    samples = [([(33, 17), seed], dict(rate=0.3))]

    def shape(x, key, *, rate):
        return x.shape, x.dtype

    def ref(x, key, *, rate):
        return np.where(uniform(key, x.shape) >= np.float32(rate), x * x.dtype.type(1 / (1 - rate)), x.dtype.type(0))

    def calls(y, x, key, *, rate):
        yield "dropout", [y], [x, key], [x.size], [rate]

    def supports(ins, attrs):
        return ins[0].dtype == "float32"

    def vjp(g, y, x, key, need, *, rate):
        return dropout(g, key, rate=rate), None
    reuse = (0,)


def _drawn(name, doc, draw):
    """A distribution that NumPy draws from the key, with one tensor for each parameter."""
    def ref(key, *parameters, shape):
        generator = np.random.Generator(np.random.Philox([int(v) for v in key]))
        return draw(generator, *[p.astype("float64") for p in parameters], tuple(shape)).astype("float32")

    count = draw.__code__.co_argcount - 2
    return primitive(type(name, (), dict(__doc__=doc, ref=ref, shape=lambda key, *parameters, shape: (tuple(shape), "float32"), differentiable=False,
                                         samples=[([seed] + [lambda rng: rng.uniform(0.5, 2.0, (50,))] * count, dict(shape=(3, 50)))])))


random_gamma = _drawn("random_gamma", "y ~ Gamma(a, 1)", lambda g, a, shape: g.standard_gamma(a, shape))
random_beta = _drawn("random_beta", "y ~ Beta(a, b)", lambda g, a, b, shape: g.beta(a, b, shape))
