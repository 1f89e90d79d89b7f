"""Convolution and pooling: keras.ops.conv and its family, for one to three spatial axes and both data formats."""
import numpy as np

from .. import config
from ..core.tensor import convert_to_tensor
from ..primitives import conv as _conv
from ..primitives import linalg, movement, pool, reduce
from .symbolic import op


def _each(value, n, what):
    """One number for every axis, or n of them."""
    out = tuple(int(v) for v in value) if isinstance(value, (tuple, list)) else (int(value),) * n
    if len(out) == 1:
        out *= n
    if len(out) != n or any(v < 1 for v in out):
        raise ValueError(f"{what}={value!r}: wanted a positive int, or {n} of them (one for each spatial axis)")
    return out


def _format(data_format):
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"data_format={data_format!r}: wanted 'channels_last' or 'channels_first'")
    return data_format


def _last(x, data_format):
    """Channels last inside, whatever the border says."""
    if _format(data_format) == "channels_last":
        return x
    return movement.transpose(x, axes=(0, *range(2, x.ndim), 1))


def _back(y, data_format):
    if _format(data_format) == "channels_last":
        return y
    return movement.transpose(y, axes=(0, y.ndim - 1, *range(1, y.ndim - 1)))


def pads_of(padding, sizes, kernel, strides, dilation):
    """Pairs of zeros for each spatial axis. Keras's 'same' puts the odd one at the end; 'causal' puts all at the start."""
    if isinstance(padding, str):
        padding = padding.lower()
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    if padding == "valid":
        return ((0, 0),) * len(sizes)
    if padding == "same":
        total = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(sizes, strides, reach)]
        return tuple((t // 2, t - t // 2) for t in total)
    if padding == "causal":
        return tuple((r - 1, 0) for r in reach)
    raise ValueError(f"padding={padding!r}: wanted 'valid', 'same' or, for one spatial axis, 'causal'")


def _inputs(x, kernel, name):
    kernel = convert_to_tensor(kernel)
    x = convert_to_tensor(x, kernel.dtype)
    if x.ndim != kernel.ndim or not 3 <= x.ndim <= 5:
        raise ValueError(f"{name}: an input of shape {x.shape} and a kernel of shape {kernel.shape}: both need 3 to 5 dimensions, the "
                         "input's being batch, spatial axes and channels. Is the axis of the batch or of the channels missing "
                         "(x[..., None])?")
    return x, kernel


def convolve(x, kernel, bias=None, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """conv with an optional bias in the same kernel call."""
    x, kernel = _inputs(x, kernel, "conv")
    x, n = _last(x, data_format), x.ndim - 2
    strides, dilation = _each(strides, n, "strides"), _each(dilation_rate, n, "dilation_rate")
    groups, rest = divmod(x.shape[-1], kernel.shape[-2])
    if rest or not groups:
        raise ValueError(f"conv: the input of shape {x.shape} has {x.shape[-1]} channels, the kernel of shape {kernel.shape} takes "
                         f"{kernel.shape[-2]} of each group. Is data_format right, or was the layer built for other images?")
    pads = pads_of(padding, x.shape[1:-1], kernel.shape[:-2], strides, dilation)
    y = _conv.conv(x, kernel, *(() if bias is None else (bias,)), strides=strides, pads=pads, dilation=dilation, groups=groups)
    return _back(y, data_format)


@op
def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """y[o] = sum over t of x[o stride + t dilation - pad] kernel[t]; kernel: [*size, channels / groups, filters]"""
    return convolve(inputs, kernel, None, strides, padding, data_format, dilation_rate)


@op
def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """One convolution for each channel; kernel: [*size, channels, multiplier], outputs in the order channel, multiplier"""
    kernel = convert_to_tensor(kernel)
    flat = movement.reshape(kernel, shape=kernel.shape[:-2] + (1, kernel.shape[-2] * kernel.shape[-1]))
    return convolve(inputs, flat, None, strides, padding, data_format, dilation_rate)


@op
def separable_conv(inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """A depthwise convolution, then a 1x1 convolution that mixes the channels."""
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return convolve(x, pointwise_kernel, None, 1, "valid", data_format, 1)


@op
def conv_transpose(inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1):
    """The gradient of conv with respect to its input, as an operation; kernel: [*size, filters, channels]"""
    x, kernel = _inputs(inputs, kernel, "conv_transpose")
    x, n = _last(x, data_format), x.ndim - 2
    if x.shape[-1] != kernel.shape[-1]:
        raise ValueError(f"conv_transpose: the input of shape {x.shape} has {x.shape[-1]} channels, the kernel of shape {kernel.shape} "
                         f"[*size, filters, channels] takes {kernel.shape[-1]}")
    strides, dilation = _each(strides, n, "strides"), _each(dilation_rate, n, "dilation_rate")
    more = tuple(output_padding) if isinstance(output_padding, (tuple, list)) else (output_padding,) * n
    sizes, pads = [], []
    for size, k, s, d, extra in zip(x.shape[1:-1], kernel.shape[:-2], strides, dilation, more):
        reach = d * (k - 1) + 1
        if padding == "valid":
            left = reach - 1
            right = left + (max(reach, s) - reach if extra is None else extra)
        elif padding == "same":
            total = s + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
            left = min(total // 2 + total % 2, reach - 1)
            right = total - left
        else:
            raise ValueError(f"padding={padding!r}: wanted 'valid' or 'same'")
        out, low = (size - 1) * s + 1 + left + right - (reach - 1), reach - 1 - left
        sizes.append(out)
        pads.append((low, max(0, (size - 1) * s + reach - out - low)))
    y = _conv.conv_input_grad(x, kernel, shape=(x.shape[0], *sizes, kernel.shape[-2]), strides=strides, pads=tuple(pads),
                              dilation=dilation, groups=1)
    return _back(y, data_format)


def _pool(prim, x, pool_size, strides, padding, data_format, name):
    x = convert_to_tensor(x)
    if not 3 <= x.ndim <= 5:
        raise ValueError(f"{name}: an input of shape {x.shape}; wanted 3 to 5 dimensions: batch, spatial axes, channels")
    x = _last(x if x.dtype.startswith("float") else convert_to_tensor(x, config.floatx()), data_format)
    n = x.ndim - 2
    size = _each(pool_size, n, "pool_size")
    strides = size if strides is None else _each(strides, n, "strides")
    if padding == "causal":
        raise ValueError(f"{name}: padding='causal' is for Conv1D; wanted 'valid' or 'same'")
    return _back(prim(x, size=size, strides=strides, pads=pads_of(padding, x.shape[1:-1], size, strides, (1,) * n)), data_format)


@op
def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """y = the largest value of each window"""
    return _pool(pool.max_pool, inputs, pool_size, strides, padding, data_format, "max_pool")


@op
def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """y = the mean of each window, without the padding"""
    return _pool(pool.average_pool, inputs, pool_size, strides, padding, data_format, "average_pool")


def _bins(n, out):
    """Where window k of `out` windows over n places begins and ends."""
    return [(k * n // out, -(-(k + 1) * n // out)) for k in range(out)]


@op
def adaptive_average_pool(inputs, output_size, data_format=None):
    """The mean of windows that are chosen so that output_size of them cover each axis."""
    x = _last(convert_to_tensor(inputs), data_format)
    for axis, out in enumerate(_each(output_size, x.ndim - 2, "output_size"), 1):
        n = x.shape[axis]
        means = np.zeros((out, n), "float32")
        for k, (a, b) in enumerate(_bins(n, out)):
            means[k, a:b] = 1 / (b - a)
        order = (*[k for k in range(x.ndim) if k != axis], axis)
        y = linalg.matmul(movement.transpose(x, axes=order), convert_to_tensor(means.T.copy(), x.dtype))
        x = movement.transpose(y, axes=tuple(int(k) for k in np.argsort(order)))
    return _back(x, data_format)


@op
def adaptive_max_pool(inputs, output_size, data_format=None):
    """The maximum of windows that are chosen so that output_size of them cover each axis."""
    x = _last(convert_to_tensor(inputs), data_format)
    for axis, out in enumerate(_each(output_size, x.ndim - 2, "output_size"), 1):
        rows = []
        for a, b in _bins(x.shape[axis], out):
            start, stop = [0] * x.ndim, list(x.shape)
            start[axis], stop[axis] = a, b
            window = movement.slice(x, start=tuple(start), stop=tuple(stop), step=(1,) * x.ndim)
            rows.append(reduce.max(window, axis=(axis,), keepdims=True))
        x = rows[0] if out == 1 else movement.concat(*rows, axis=axis)
    return _back(x, data_format)
