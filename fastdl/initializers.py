"""Initializers: functions (shape, dtype) -> the values a new weight starts with.

They run when a variable is made, never inside a plan, so they work on random bits with NumPy, block by block (a block
stays in cache). A class's config is what Keras writes, so that files travel both ways.
"""
import math

import numpy as np

from fastdl import config, random
from fastdl.core import modes
from fastdl.core.tensor import Tensor
from fastdl.errors import bad_argument, did_you_mean
from fastdl.primitives import random as draws
from fastdl.utils.identifiers import meant_by

TRUNCATED_STD = 0.87962566103423978                 # of N(0, 1) cut at two standard deviations
BLOCK = 1 << 15


def _blocks(n):
    return (slice(k, min(k + BLOCK, n)) for k in range(0, n, BLOCK))


def _bits(key, n):
    return draws.random_bits(key, shape=(n,)).numpy()


def _uniform(key, n, low, high):
    """low + (high - low) u, u = 24 random bits / 2^24"""
    bits, y = _bits(key, n), np.empty(n, np.float32)
    for b in _blocks(n):
        np.multiply((bits[b] >> np.uint32(8)).astype(np.float32), np.float32((high - low) * 2.0 ** -24), out=y[b])
        y[b] += np.float32(low)
    return np.minimum(y, np.nextafter(np.float32(high), np.float32(low)), out=y) if high > low else y


def _normal(key, n, mean, std):
    """mean + std sqrt(-2 ln u) (cos, sin)(2 pi v): Box and Muller, two numbers from two draws of 32 bits"""
    half = (n + 1) // 2
    bits, y = _bits(key, 2 * half), np.empty(2 * half, np.float32)
    for b in _blocks(half):
        other = slice(half + b.start, half + b.stop)
        radius = np.log((bits[b] + 0.5) * 2.0 ** -32)                   # float64: u near 1 needs its 32 bits
        radius = np.sqrt(np.multiply(radius, -2.0 * std * std, out=radius), out=radius).astype(np.float32)
        angle = (bits[other] * (2 * math.pi * 2.0 ** -32)).astype(np.float32)
        y[b] = radius * np.cos(angle) + np.float32(mean)
        y[other] = radius * np.sin(angle) + np.float32(mean)
    return y[:n]


# The normal quantile at 1/2 + q is q P(t) / Q(t), t = 0.23 - q^2, for |q| <= P(0 < z < 2); fitted to erf, error 4e-7.
_P = [4113.017862358373, 11379.306504734428, 3447.0354959562223, 243.11291465343143, 4.264563232268787]
_Q = [4765.475363353273, 5485.354576845512, 1143.9305952712498, 65.17872889061256, 1.0]
_REACH = 0.4772498680518208


def _horner(coefficients, t):
    y = np.full_like(t, coefficients[0])
    for c in coefficients[1:]:
        y *= t
        y += np.float32(c)
    return y


def _truncated_normal(key, n, mean, std):
    """mean + std z, |z| < 2, by the inverse of the distribution function"""
    bits, y = _bits(key, n), np.empty(n, np.float32)
    for b in _blocks(n):
        q = (bits[b] >> np.uint32(8)).astype(np.float32)
        q -= np.float32(2.0 ** 23 - 0.5)                    # symmetric about 0
        q *= np.float32(2 * _REACH * 2.0 ** -24)
        t = np.float32(0.23) - q * q
        q *= _horner(_P, t)
        q /= _horner(_Q, t)
        np.clip(q, -2, 2, out=q)
        q *= np.float32(std)
        np.add(q, np.float32(mean), out=y[b])
    return y


class Initializer:
    """values = initializer(shape, dtype)"""

    def __call__(self, shape, dtype=None):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype=None), which returns the values")

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def clone(self):
        return type(self).from_config(self.get_config())

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


def _sizes(shape):
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(s is None or s < 0 for s in shape):
        raise bad_argument("shape", shape, "known sizes of 0 or more", "build the layer on an input whose sizes are known")
    return tuple(int(s) for s in shape)


def _dtype(dtype):
    return np.dtype(dtype or config.floatx())


class Zeros(Initializer):
    """y = 0"""

    def __call__(self, shape, dtype=None):
        return Tensor(np.zeros(_sizes(shape), _dtype(dtype)))


class Ones(Initializer):
    """y = 1"""

    def __call__(self, shape, dtype=None):
        return Tensor(np.ones(_sizes(shape), _dtype(dtype)))


class Constant(Initializer):
    """y = value, a number or an array that broadcasts to the shape"""

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        value = self.value.numpy() if isinstance(self.value, Tensor) else np.asarray(self.value)
        try:
            return Tensor(np.array(np.broadcast_to(value, _sizes(shape)), _dtype(dtype), order="C"))
        except ValueError:
            raise bad_argument("value", f"shape {value.shape}", f"a shape that broadcasts to {_sizes(shape)}",
                               "give one number, or an array of the weight's shape") from None

    def get_config(self):
        from fastdl.saving import serialization
        return {"value": serialization.serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config):
        from fastdl.saving import serialization
        return cls(serialization.deserialize_keras_object(config.get("value", 0.0)))


class Identity(Initializer):
    """y = gain I, for matrices"""

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        shape = _sizes(shape)
        if len(shape) != 2:
            raise bad_argument("shape", shape, "two sizes, because Identity makes matrices", 'use "orthogonal" for other weights')
        return Tensor(np.asarray(np.eye(*shape) * self.gain, _dtype(dtype)))

    def get_config(self):
        return {} if self.gain == 1 else {"gain": self.gain}            # Keras writes no gain


class RandomInitializer(Initializer):
    """An initializer with a seed: an int gives the same values at every call, None the global generator's next ones."""

    def __init__(self, seed=None):
        if isinstance(seed, dict):
            from fastdl.saving import serialization
            seed = serialization.deserialize_keras_object(seed)
        if seed is not None and not isinstance(seed, random.SeedGenerator):
            random.key(seed)                                            # refuses what is no seed, here rather than in build()
        self.seed = seed

    def _make(self, draw, shape, dtype, *how):
        shape, dtype = _sizes(shape), _dtype(dtype)
        if dtype.kind != "f":
            raise bad_argument("dtype", dtype.name, "a float dtype, because the values are random fractions",
                               'use initializer="zeros" or "ones" for whole numbers')
        with modes.reading(modes.eager):                                # values, also where a graph is being traced
            y = draw(random.key(self.seed), math.prod(shape), *map(float, how))
        return Tensor(np.asarray(y.reshape(shape), dtype))

    def get_config(self):
        if isinstance(self.seed, random.SeedGenerator):
            from fastdl.saving import serialization
            return {"seed": serialization.serialize_keras_object(self.seed)}
        return {"seed": None if self.seed is None else int(self.seed)}


class RandomNormal(RandomInitializer):
    """y ~ N(mean, stddev^2)"""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape, dtype=None):
        return self._make(_normal, shape, dtype, self.mean, self.stddev)

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """y ~ N(mean, stddev^2), redrawn beyond two standard deviations"""

    def __call__(self, shape, dtype=None):
        return self._make(_truncated_normal, shape, dtype, self.mean, self.stddev)


class RandomUniform(RandomInitializer):
    """y ~ U[minval, maxval)"""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape, dtype=None):
        return self._make(_uniform, shape, dtype, self.minval, self.maxval)

    def get_config(self):
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


def compute_fans(shape, input_axes=None, output_axes=None):
    """(numbers that one output adds up, numbers that one input feeds).

    The last two axes of a kernel are channels in and out; the axes before them (a convolution's window) multiply both.
    input_axes and output_axes, given together, say it otherwise.
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


class VarianceScaling(RandomInitializer):
    """variance(y) = scale / n, n = fan_in, fan_out or their mean (fan_avg)"""

    def __init__(self, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None, input_axes=None, output_axes=None):
        super().__init__(seed)
        if not scale > 0:
            raise bad_argument("scale", scale, "a number above 0", "2.0 suits ReLU, 1.0 most others")
        distribution = {"normal": "truncated_normal"}.get(str(distribution).lower(), str(distribution).lower())
        for name, value, known in (("mode", mode, ("fan_in", "fan_out", "fan_avg")),
                                   ("distribution", distribution, ("truncated_normal", "untruncated_normal", "uniform"))):
            if value not in known:
                raise ValueError(f"VarianceScaling: {name}={value!r} is unknown.{did_you_mean(value, known)} Known: {', '.join(known)}.")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape, dtype=None):
        shape = _sizes(shape)
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = max(1.0, {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode])
        std = math.sqrt(self.scale / n)
        if self.distribution == "uniform":
            limit = std * math.sqrt(3)
            return self._make(_uniform, shape, dtype, -limit, limit)
        if self.distribution == "untruncated_normal":
            return self._make(_normal, shape, dtype, 0, std)
        return self._make(_truncated_normal, shape, dtype, 0, std / TRUNCATED_STD)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "mode": self.mode, "distribution": self.distribution,
                "input_axes": self.input_axes, "output_axes": self.output_axes}


def _scaled(name, doc, scale, mode, distribution):
    """A VarianceScaling whose three choices its name fixes."""
    def __init__(self, seed=None, input_axes=None, output_axes=None):
        VarianceScaling.__init__(self, scale, mode, distribution, seed, input_axes, output_axes)

    def get_config(self):
        return {**RandomInitializer.get_config(self), "input_axes": self.input_axes, "output_axes": self.output_axes}

    return type(name, (VarianceScaling,), dict(__doc__=doc, __module__=__name__, __init__=__init__, get_config=get_config))


GlorotUniform = _scaled("GlorotUniform", "y ~ U(-a, a), a = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)",
                        1.0, "fan_avg", "uniform")
GlorotNormal = _scaled("GlorotNormal", "y ~ N(0, 2 / (fan_in + fan_out)), truncated (Glorot and Bengio 2010)",
                       1.0, "fan_avg", "truncated_normal")
HeUniform = _scaled("HeUniform", "y ~ U(-a, a), a = sqrt(6 / fan_in) (He et al. 2015)", 2.0, "fan_in", "uniform")
HeNormal = _scaled("HeNormal", "y ~ N(0, 2 / fan_in), truncated (He et al. 2015)", 2.0, "fan_in", "truncated_normal")
LecunUniform = _scaled("LecunUniform", "y ~ U(-a, a), a = sqrt(3 / fan_in) (LeCun et al. 1998)", 1.0, "fan_in", "uniform")
LecunNormal = _scaled("LecunNormal", "y ~ N(0, 1 / fan_in), truncated (Klambauer et al. 2017)", 1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """y^T y = gain^2 I (rows instead where there are fewer of them); leading axes are taken together (Saxe et al. 2014)"""

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape, dtype=None):
        shape = _sizes(shape)
        if len(shape) < 2:
            raise bad_argument("shape", shape, "two sizes or more", 'use "zeros" or "random_normal" for vectors')
        rows, columns = math.prod(shape[:-1]), shape[-1]
        a = self._make(_normal, (max(rows, columns), min(rows, columns)), "float32", 0, 1).numpy()
        q, r = np.linalg.qr(a)
        q *= np.where(np.diagonal(r) < 0, -1, 1)                        # unique, hence uniform over the rotations
        q = q.T if rows < columns else q
        return Tensor(np.ascontiguousarray(q.reshape(shape) * self.gain, _dtype(dtype)))

    def get_config(self):
        return {**super().get_config(), "gain": self.gain}


OrthogonalInitializer, IdentityInitializer = Orthogonal, Identity
zeros = zero = Zeros
ones = one = Ones
constant, identity, orthogonal, variance_scaling = Constant, Identity, Orthogonal, VarianceScaling
random_normal = normal = RandomNormal
random_uniform = uniform = RandomUniform
truncated_normal = TruncatedNormal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal


def serialize(initializer):
    """The initializer as {"module", "class_name", "config", "registered_name"}."""
    from fastdl.saving import serialization
    return serialization.serialize_keras_object(initializer)


def deserialize(config, custom_objects=None):
    """The initializer that `config` (a dict, or a name) describes."""
    from fastdl.saving import serialization
    return serialization.from_config_of("initializers", config, custom_objects)


def get(identifier):
    """None, a name, a config, a class, an array (Constant), an initializer or a function (shape, dtype) -> an initializer.

    >>> get("he_normal").get_config()["seed"] is None
    True
    """
    if isinstance(identifier, (Tensor, np.ndarray, np.generic)):
        return Constant(identifier)
    return meant_by(identifier, deserialize, "initializer", "a name, an Initializer or a function (shape, dtype)",
                    'use for example "glorot_uniform", or Constant(...) for a number')


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
