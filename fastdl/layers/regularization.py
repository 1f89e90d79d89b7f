"""Layers that are noise while training and the identity afterwards, and ActivityRegularization."""
import math

from fastdl import ops
from fastdl import random as frandom
from fastdl.layers.layer import InputSpec, Layer


class _Noise(Layer):
    """A layer with its own random stream."""

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed, self.supports_masking = seed, True
        self.seed_generator = frandom.SeedGenerator(seed)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


def _rate(layer, rate):
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ValueError(f"{type(layer).__name__} received rate={rate!r}; it wants a number in [0, 1], the share to drop.")
    return rate


class Dropout(_Noise):
    """y = x * m / (1 - rate), m = 0 with probability rate, drawn while training"""

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.rate, self.noise_shape = _rate(self, rate), None if noise_shape is None else tuple(noise_shape)

    def _noise_shape(self, inputs):
        if self.noise_shape is None:
            return None
        return tuple(s if n is None else n for s, n in zip(inputs.shape, self.noise_shape))

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = self._noise_shape(inputs)
        if self.rate == 1:
            return ops.zeros_like(inputs)
        if shape is None:
            return frandom.dropout(inputs, self.rate, seed=self.seed_generator)
        ones = ops.ones(shape, dtype=inputs.dtype)
        return ops.multiply(inputs, frandom.dropout(ones, self.rate, seed=self.seed_generator))


class _SpatialDropout(Dropout):
    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        from fastdl import config
        self.data_format = data_format or config.image_data_format()
        self.input_spec = InputSpec(ndim=self.ndim)

    def _noise_shape(self, inputs):
        s = tuple(inputs.shape)
        ones = (1,) * (len(s) - 2)
        return s[:2] + ones if self.data_format == "channels_first" and self.ndim > 3 else (s[0], *ones, s[-1])

    def get_config(self):
        config = super().get_config()
        config.pop("noise_shape", None)
        return config


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of (batch, steps, channels)."""
    ndim = 3

    def __init__(self, rate, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)

    def get_config(self):
        config = super().get_config()
        config.pop("data_format", None)
        return config


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of (batch, height, width, channels)."""
    ndim = 4


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of (batch, d1, d2, d3, channels)."""
    ndim = 5


class GaussianNoise(_Noise):
    """y = x + n, n ~ N(0, stddev), while training"""

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        if stddev < 0:
            raise ValueError(f"GaussianNoise received stddev={stddev}; it wants a value >= 0.")
        self.stddev = stddev

    def call(self, inputs, training=False):
        if not training or self.stddev == 0:
            return inputs
        return ops.add(inputs, frandom.normal(tuple(inputs.shape), stddev=self.stddev, seed=self.seed_generator))


class GaussianDropout(_Noise):
    """y = x * n, n ~ N(1, sqrt(rate / (1 - rate))), while training"""

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.rate = _rate(self, rate)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        stddev = math.sqrt(self.rate / (1 - self.rate))
        return ops.multiply(inputs, frandom.normal(tuple(inputs.shape), mean=1.0, stddev=stddev, seed=self.seed_generator))


class AlphaDropout(_Noise):
    """Dropout that keeps mean and variance of SELU activations (Klambauer et al. 2017)."""

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.rate, self.noise_shape = _rate(self, rate), noise_shape

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        low = -1.6732632423543772 * 1.0507009873554805
        shape = tuple(inputs.shape) if self.noise_shape is None else \
            tuple(s if n is None else n for s, n in zip(inputs.shape, self.noise_shape))
        keep = ops.cast(ops.greater_equal(frandom.uniform(shape, seed=self.seed_generator), self.rate), inputs.dtype)
        a = ((1 - self.rate) * (1 + self.rate * low ** 2)) ** -0.5
        x = ops.add(ops.multiply(inputs, keep), ops.multiply(ops.subtract(1.0, keep), low))
        return ops.add(ops.multiply(x, a), -a * low * self.rate)


class ActivityRegularization(Layer):
    """y = x, adding l1 * sum|x| + l2 * sum x^2 (per sample) to the loss"""

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        from fastdl import regularizers
        kwargs.pop("activity_regularizer", None)
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2, self.supports_masking = l1, l2, True

    def call(self, inputs):
        return inputs

    def get_config(self):
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config
