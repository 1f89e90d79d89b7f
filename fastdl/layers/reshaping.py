"""Layers that change shapes: Flatten, Reshape, Permute, RepeatVector, and along spatial axes ZeroPadding, Cropping, UpSampling."""
import math

import numpy as np

from fastdl import ops
from fastdl.core.tensor import convert_to_tensor
from fastdl.layers.layer import InputSpec, Layer


def _prod(sizes):
    n = 1
    for s in sizes:
        if s is None:
            return None
        n *= s
    return n


class Flatten(Layer):
    """(batch, a, b, ...) -> (batch, a*b*...)"""

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        from fastdl import config
        self.data_format = data_format or config.image_data_format()
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        s = tuple(inputs.shape)
        if self.data_format == "channels_first" and len(s) > 2:
            inputs = ops.transpose(inputs, (0, *range(2, len(s)), 1))
        return ops.reshape(inputs, (s[0], _prod(s[1:])))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], _prod(input_shape[1:]))


class Reshape(Layer):
    """(batch, ...) -> (batch, *target_shape); one size may be -1"""

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        target = target_shape if isinstance(target_shape, (list, tuple)) else (target_shape,)
        self.target_shape = tuple(-1 if s is None else int(s) for s in target)
        if self.target_shape.count(-1) > 1:
            raise ValueError(f"Reshape received target_shape={self.target_shape}; only one size may be -1.")

    def call(self, inputs):
        batch, n = inputs.shape[0], _prod(inputs.shape[1:])
        known = _prod(s for s in self.target_shape if s != -1)
        if n is not None and (n % known if -1 in self.target_shape and known else n != known):
            raise ValueError(f"Layer '{self.name}' (Reshape) received shape {tuple(inputs.shape)}, {n} numbers per sample; "
                             f"target_shape {self.target_shape} wants {'a multiple of ' if -1 in self.target_shape else ''}"
                             f"{known}. Choose a target_shape whose product is {n}.")
        target = tuple(n // known if s == -1 else s for s in self.target_shape)
        return ops.reshape(inputs, (batch, *target))


class Permute(Layer):
    """Axes after the batch in the order dims (counted from 1)."""

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"Permute received dims={self.dims}; it wants each of 1..{len(self.dims)} once "
                             "(the batch axis is not counted).")
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))


class RepeatVector(Layer):
    """(batch, features) -> (batch, n, features)"""

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(n, int):
            raise TypeError(f"RepeatVector received n={n!r}; it wants an int.")
        self.n, self.input_spec = n, InputSpec(ndim=2)

    def call(self, inputs):
        b, f = inputs.shape
        return ops.broadcast_to(ops.reshape(inputs, (b, 1, f)), (b, self.n, f))


# ---------------------------------------------------------------- spatial axes
class _Spatial(Layer):
    """Layers that act on each spatial axis by itself."""
    rank = None

    def _set(self, data_format=None):
        from fastdl import config
        self.data_format = data_format or config.image_data_format()
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(f"{type(self).__name__} received data_format={data_format!r}; it wants 'channels_last' or 'channels_first'.")
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _first(self):
        return 2 if self.data_format == "channels_first" else 1

    def _pairs(self, name, value):
        """((before, after), ...), one pair a spatial axis, from an int, one int an axis, or the pairs."""
        n = self.rank
        each = (value,) * n if isinstance(value, int) else tuple(value)
        if n == 1 and len(each) == 2:
            each = (each,)
        pairs = tuple((int(p), int(p)) if isinstance(p, (int, np.integer)) else tuple(int(v) for v in p) for p in each)
        if len(pairs) != n or any(len(p) != 2 or min(p) < 0 for p in pairs):
            raise ValueError(f"{type(self).__name__} received {name}={value!r}; it wants an int >= 0, or for each of its {n} axes an int "
                             "or a pair (before, after).")
        return pairs[0] if n == 1 else pairs

    def _all_axes(self, pairs):
        pairs = [pairs] if self.rank == 1 else list(pairs)
        return [(0, 0)] * self._first() + pairs + [(0, 0)] * (2 - self._first())


class _ZeroPadding(_Spatial):
    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(data_format)
        self.padding = self._pairs("padding", padding)

    def call(self, inputs):
        return ops.pad(inputs, self._all_axes(self.padding))


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps of (batch, steps, channels); padding: an int or (before, after)"""
    rank = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images; padding: an int, (rows, columns), or ((top, bottom), (left, right))"""
    rank = 2


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes; padding: an int, one int an axis, or one pair an axis"""
    rank = 3


class _Cropping(_Spatial):
    def __init__(self, cropping=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(data_format)
        self.cropping = self._pairs("cropping", cropping)

    def call(self, inputs):
        pairs, shape = self._all_axes(self.cropping), tuple(inputs.shape)
        sizes = tuple(n - a - b for n, (a, b) in zip(shape, pairs))
        if any(n <= 0 < n0 for n, n0 in zip(sizes, shape)):
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) received shape {shape}: cropping={self.cropping} leaves nothing "
                             "of it. Crop less, or give larger inputs.")
        return ops.slice(inputs, tuple(a for a, _ in pairs), sizes)


class Cropping1D(_Cropping):
    """Takes steps away at the start and the end; cropping: an int or (start, end)"""
    rank = 1

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(cropping, "channels_last", **kwargs)

    def get_config(self):
        config = super().get_config()
        config.pop("data_format", None)
        return config


class Cropping2D(_Cropping):
    """Takes the border of images away; cropping: an int, (rows, columns), or ((top, bottom), (left, right))"""
    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Takes the border of volumes away; cropping: an int, one int an axis, or one pair an axis"""
    rank = 3


def _sinc(t):
    return np.sinc(t)                                  # sin(pi t) / (pi t)


def _cubic(t):
    t = np.abs(t)                                      # Keys (1981), a = -1/2
    return np.where(t < 1, (1.5 * t - 2.5) * t * t + 1, np.where(t < 2, ((-0.5 * t + 2.5) * t - 4) * t + 2, 0))


KERNELS = dict(bilinear=lambda t: np.maximum(0, 1 - np.abs(t)), bicubic=_cubic,
               lanczos3=lambda t: np.where(np.abs(t) < 3, _sinc(t) * _sinc(t / 3), 0),
               lanczos5=lambda t: np.where(np.abs(t) < 5, _sinc(t) * _sinc(t / 5), 0))


def _interpolation(n, factor, kernel):
    """[n, n factor]: the weight of every pixel for every new one; pixels' centres lie at 1/2, 3/2, ..."""
    at = (np.arange(n * factor) + 0.5) / factor - 0.5
    w = KERNELS[kernel](np.arange(n)[:, None] - at[None, :])
    return (w / w.sum(axis=0)).astype("float32")


class _UpSampling(_Spatial):
    interpolation = "nearest"

    def __init__(self, size=2, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set(data_format)
        each = tuple(size) if isinstance(size, (list, tuple)) else (size,) * self.rank
        if len(each) != self.rank or any(isinstance(v, bool) or int(v) != v or v < 1 for v in each):
            raise ValueError(f"{type(self).__name__} received size={size!r}; it wants a positive int or a tuple of {self.rank} of them.")
        self.size = tuple(int(v) for v in each)

    def call(self, inputs):
        x = inputs
        for axis, factor in reversed(list(enumerate(self.size, self._first()))):
            if factor == 1:
                continue
            shape = tuple(x.shape)
            inner = math.prod(shape[axis + 1:])
            if self.interpolation == "nearest":
                x = ops.reshape(x, (math.prod(shape[:axis + 1]), 1, inner))
                x = ops.broadcast_to(x, (x.shape[0], factor, inner))
            else:
                w = convert_to_tensor(_interpolation(shape[axis], factor, self.interpolation).T.copy(), x.dtype)
                x = ops.matmul(w, ops.reshape(x, (math.prod(shape[:axis]), shape[axis], inner)))
            x = ops.reshape(x, (*shape[:axis], shape[axis] * factor, *shape[axis + 1:]))
        return x


class UpSampling1D(_UpSampling):
    """y[t size + k] = x[t], k = 0 ... size - 1"""
    rank = 1

    def __init__(self, size=2, **kwargs):
        super().__init__(size, "channels_last", **kwargs)

    def get_config(self):
        config = super().get_config()
        config.pop("data_format", None)
        return dict(config, size=self.size[0])


class UpSampling2D(_UpSampling):
    """Images size times as large; interpolation: 'nearest' repeats pixels, 'bilinear', 'bicubic', 'lanczos3', 'lanczos5'"""
    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(size, data_format, **kwargs)
        if interpolation != "nearest" and interpolation not in KERNELS:
            raise ValueError(f"UpSampling2D received interpolation={interpolation!r}; it wants 'nearest', {', '.join(map(repr, KERNELS))}.")
        self.interpolation = interpolation


class UpSampling3D(_UpSampling):
    """Volumes size times as large: every voxel repeated along each axis"""
    rank = 3
