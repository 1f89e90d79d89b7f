"""Products, convolutions, pooling and normalization."""
from fastdl import ops
from fastdl.backend.shapes import temporal_padding
from fastdl.config import image_data_format
from fastdl.ops.promotion import public


def dot(x, y):
    """The last axis of x against the last axis but one of y"""
    return ops.matmul(x, y) if len(x.shape) == len(y.shape) == 2 else ops.dot(x, y)


def batch_dot(x, y, axes=None):
    """For each sample: the product over axes[0] of x and axes[1] of y"""
    nx, ny = len(x.shape), len(y.shape)
    axes = (nx - 1, ny - 2 if ny > 2 else 1) if axes is None else (axes, axes) if isinstance(axes, int) else tuple(axes)
    a, b = axes[0] % nx, axes[1] % ny
    xs, ys = "b" + "cdefghij"[:nx - 1], "b" + "klmnopqr"[:ny - 1]
    ys = ys[:b] + xs[a] + ys[b + 1:]
    out = xs[:a] + xs[a + 1:] + (ys[:b] + ys[b + 1:])[1:]
    y = ops.einsum(f"{xs},{ys}->{out}", x, y)
    return ops.expand_dims(y, 1) if len(out) == 1 else y


def bias_add(x, bias, data_format=None):
    if (data_format or image_data_format()) == "channels_first" and len(x.shape) > 2:
        bias = ops.reshape(bias, (1, -1) + (1,) * (len(x.shape) - 2))
    return x + bias


def conv1d(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    if padding == "causal":
        x, padding = temporal_padding(x, (dilation_rate * (kernel.shape[0] - 1), 0)), "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d(x, kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv3d(x, kernel, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1)):
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d_transpose(x, kernel, output_shape=None, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    return ops.conv_transpose(x, kernel, strides, padding, data_format=data_format, dilation_rate=dilation_rate)


def depthwise_conv2d(x, depthwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)


def separable_conv2d(x, depthwise_kernel, pointwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


def pool2d(x, pool_size, strides=(1, 1), padding="valid", data_format=None, pool_mode="max"):
    made = ops.max_pool if pool_mode == "max" else ops.average_pool
    return made(x, pool_size, strides, padding, data_format)


def pool3d(x, pool_size, strides=(1, 1, 1), padding="valid", data_format=None, pool_mode="max"):
    return pool2d(x, pool_size, strides, padding, data_format, pool_mode)


def batch_normalization(x, mean, var, beta, gamma, axis=-1, epsilon=1e-3):
    """(x - mean) / sqrt(var + epsilon) gamma + beta"""
    return ops.batch_normalization(x, mean, var, axis, offset=beta, scale=gamma, epsilon=epsilon)


def normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon=1e-3):
    """(normalised x, mean, variance) over reduction_axes"""
    mean, variance = ops.moments(x, list(reduction_axes))
    m, v = ops.moments(x, list(reduction_axes), keepdims=True)
    shape = m.shape
    y = (x - m) / ops.sqrt(v + epsilon)
    y = y * ops.reshape(gamma, shape) if gamma is not None else y
    return (y + ops.reshape(beta, shape) if beta is not None else y), mean, variance


__all__ = public(globals())
