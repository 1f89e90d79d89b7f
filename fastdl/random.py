"""Random numbers by counting: a draw is a function of its key (seed, counter), the same for any number of threads.

`seed` of every function: an int (the same numbers at every call), a SeedGenerator (the next numbers), or None
(the next numbers of the global generator, which fastdl.utils.set_random_seed restarts).
"""
import os
import threading

import numpy as np

from fastdl import config
from fastdl.core import modes
from fastdl.core.tensor import Tensor, Variable, convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.ops import symbolic
from fastdl.primitives import elementwise as E
from fastdl.primitives import movement, reduce, update
from fastdl.primitives import random as draws


def _whole(seed):
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2 ** 32:
        raise bad_argument("seed", repr(seed), "None, a SeedGenerator or a whole number from 0 to 2**32 - 1", "pass for example seed=42")
    return int(seed)


class SeedGenerator:
    """key_k = (seed, k): a counter that gives every draw a key of its own.

    The counter is a Variable, so compiled steps advance it too.

    >>> g = SeedGenerator(7); g.next().numpy().tolist(), g.next().numpy().tolist()
    ([7, 0], [7, 1])
    """

    def __init__(self, seed=None, name=None, **kwargs):
        if kwargs:
            raise TypeError(f"SeedGenerator does not take {sorted(kwargs)}: it takes seed and name")
        self.name = name or symbolic.auto_name("seed_generator")
        self._initial_seed = None if seed is None else _whole(seed)
        start = _fresh_seed() if seed is None else self._initial_seed
        self.state = Variable(np.array([start, 0], "uint32"), trainable=False, name="seed_generator_state")
        self.state.path = f"{self.name}/seed_generator_state"

    seed = property(lambda self: self._initial_seed)

    def next(self, ordered=True):
        """The key of this draw, a uint32[2] tensor; the counter moves on."""
        key = movement.copy(self.state)             # the backward pass needs this draw's key after the counter moved
        update.seed_next(self.state)
        return key

    def get_config(self):
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


_lock = threading.Lock()
_global = None


def _entropy():
    return int.from_bytes(os.urandom(4), "little")


def global_generator():
    """The generator behind seed=None."""
    global _global
    with _lock:
        if _global is None:
            with modes.reading(modes.eager):
                _global = SeedGenerator(_entropy(), name="global_seed_generator")
    return _global


def set_global_seed(seed):
    """Restart the global generator; None takes a seed from the operating system."""
    seed = _entropy() if seed is None else _whole(seed)
    global_generator().state.numpy()[...] = (seed, 0)       # in place: compiled steps keep its address


def _fresh_seed():
    """A new seed for a generator that got none; it is a constant even inside a trace."""
    with modes.reading(modes.eager):
        return int(draws.random_bits(global_generator().next(), shape=(1,)).numpy()[0])


def key(seed=None):
    """The uint32[2] key of one draw from an int, a SeedGenerator or None."""
    if seed is None:
        return global_generator().next()
    if hasattr(seed, "next") and hasattr(seed, "state"):
        return seed.next()
    return Tensor(np.array([_whole(seed), 0], "uint32"))


def _shape(shape):
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(s is None for s in shape):
        raise bad_argument("shape", shape, "sizes that are known", "use ops.shape(x) of the input instead of None")
    return tuple(int(s) for s in shape)


def _number(x):
    return isinstance(x, (int, float, np.integer, np.floating)) and not isinstance(x, bool)


def _float(x, dtype):
    dtype = dtype or config.floatx()
    if "float" not in str(dtype):
        raise bad_argument("dtype", dtype, "a float dtype", "use fastdl.random.randint for whole numbers")
    return convert_to_tensor(x, dtype)


def _affine(draw, seed, shape, a, b, dtype, names):
    """b * z + a in the dtype asked for; tensors may stand for a and b."""
    if _number(a) and _number(b):
        return _float(draw(key(seed), shape=_shape(shape), **{names[0]: float(a), names[1]: float(b)}), dtype)
    z = _float(draw(key(seed), shape=_shape(shape)), dtype)
    return E.add(E.mul(z, convert_to_tensor(b, z.dtype)), convert_to_tensor(a, z.dtype))


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """y ~ U[minval, maxval)"""
    if _number(minval) and _number(maxval):
        return _affine(draws.random_uniform, seed, shape, minval, maxval, dtype, ("lo", "hi"))
    width = E.sub(convert_to_tensor(maxval, "float32"), convert_to_tensor(minval, "float32"))
    return _affine(draws.random_uniform, seed, shape, minval, width, dtype, None)


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """y ~ N(mean, stddev^2)"""
    return _affine(draws.random_normal, seed, shape, mean, stddev, dtype, ("mean", "std"))


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """y ~ N(mean, stddev^2), redrawn beyond two standard deviations"""
    return _affine(draws.random_truncated_normal, seed, shape, mean, stddev, dtype, ("mean", "std"))


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """y ~ whole numbers minval, ..., maxval - 1, each as likely"""
    if "int" not in str(dtype):
        raise bad_argument("dtype", dtype, "an integer dtype", "use fastdl.random.uniform for fractions")
    if _number(minval) and _number(maxval) and minval >= maxval:
        raise bad_argument("maxval", maxval, f"more than minval={minval}", "maxval itself is never drawn: pass the largest value + 1")
    u = E.mul(E.cast(draws.random_bits(key(seed), shape=_shape(shape)), dtype="float64"), 2.0 ** -32)
    low, high = convert_to_tensor(minval, "float64"), convert_to_tensor(maxval, "float64")
    return E.cast(E.floor(E.add(E.mul(u, E.sub(high, low)), low)), dtype=str(dtype))


def categorical(logits, num_samples, dtype="int32", seed=None):
    """y[i, j] ~ class k with probability softmax(logits[i])[k]: argmax_k(logits[i, k] + Gumbel noise)"""
    logits = convert_to_tensor(logits)
    if logits.ndim != 2:
        raise bad_argument("logits", f"shape {logits.shape}", "shape (batch, classes)", "reshape to two dimensions")
    rows, classes = logits.shape
    u = E.add(draws.random_uniform(key(seed), shape=(rows, int(num_samples), classes)), 2.0 ** -25)
    noise = E.neg(E.log(E.neg(E.log(u))))
    logits = movement.reshape(convert_to_tensor(logits, "float32"), shape=(rows, 1, classes))
    return convert_to_tensor(reduce.argmax(E.add(noise, logits), axis=-1), dtype)


def dropout(inputs, rate, noise_shape=None, seed=None):
    """y = x m / (1 - rate), m = 0 with probability rate, else 1; axes where noise_shape is 1 share their m"""
    if not _number(rate) or not 0 <= rate <= 1:
        raise bad_argument("rate", repr(rate), "a number from 0 to 1", "rate is the share that is set to 0, for example 0.5")
    x = convert_to_tensor(inputs)
    if rate == 0:
        return x
    if rate == 1:
        return Tensor(np.zeros(x.shape, x.dtype))
    if noise_shape is None:
        return draws.dropout(x, key(seed), rate=float(rate))
    if len(noise_shape) != x.ndim or any(n not in (None, 1, s) for n, s in zip(noise_shape, x.shape)):
        raise bad_argument("noise_shape", tuple(noise_shape), f"for each size of {x.shape} that size, 1 or None",
                           "use 1 on the axes that share a mask")
    ones = np.ones([s if n is None else int(n) for n, s in zip(noise_shape, x.shape)], x.dtype)
    return E.mul(x, draws.dropout(Tensor(ones), key(seed), rate=float(rate)))


def shuffle(x, axis=0, seed=None):
    """y = x with its slices along axis in random order"""
    x = convert_to_tensor(x)
    axis = reduce.axes_of(axis, x.ndim)[0]
    order = movement.argsort(draws.random_bits(key(seed), shape=(x.shape[axis],)), axis=0)
    return movement.take(x, order, axis=axis)


def _numpy(seed):
    """NumPy's generator on this draw's key: for distributions that only data preparation needs."""
    return np.random.Generator(np.random.Philox([int(v) for v in key(seed).numpy()]))


def _value(x):
    return np.asarray(x.numpy() if isinstance(x, Tensor) else x, "float64")


def gamma(shape, alpha, dtype=None, seed=None):
    """y ~ Gamma(alpha, 1)"""
    return _float(draws.random_gamma(key(seed), convert_to_tensor(alpha, "float32"), shape=_shape(shape)), dtype)


def beta(shape, alpha, beta, dtype=None, seed=None):
    """y ~ Beta(alpha, beta)"""
    a, b = (convert_to_tensor(v, "float32") for v in (alpha, beta))
    return _float(draws.random_beta(key(seed), a, b, shape=_shape(shape)), dtype)


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """y = how many of `counts` trials succeed, each with probability `probabilities`"""
    made = _numpy(seed).binomial(_value(counts).astype("int64"), _value(probabilities), _shape(shape))
    return convert_to_tensor(made, dtype or config.floatx())


from fastdl.errors import names_of as _names_of  # noqa: E402

__getattr__ = _names_of(globals())
