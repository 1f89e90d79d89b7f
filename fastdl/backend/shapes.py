"""Shapes: elements moved, repeated, joined, padded, picked out; none is computed."""
import numpy as np

from fastdl import ops
from fastdl.config import image_data_format
from fastdl.ops.promotion import public


def reshape(x, shape):
    return ops.reshape(x, tuple(shape))


def flatten(x):
    """All elements in one axis"""
    return ops.reshape(x, (-1,))


def batch_flatten(x):
    """(batch, all the rest)"""
    return ops.reshape(x, (-1, int(np.prod(x.shape[1:])))) if None not in x.shape[1:] else ops.reshape(x, (ops.shape(x)[0], -1))


def expand_dims(x, axis=-1):
    return ops.expand_dims(x, axis)


def concatenate(tensors, axis=-1):
    return ops.concatenate(list(tensors), axis=axis)


def stack(x, axis=0):
    return ops.stack(list(x), axis=axis)


def one_hot(indices, num_classes):
    return ops.one_hot(indices, num_classes)


def gather(reference, indices):
    return ops.take(reference, indices, axis=0)


def repeat(x, n):
    """(batch, d) -> (batch, n, d)"""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x, rep, axis):
    return ops.repeat(x, rep, axis=axis)


def tile(x, n):
    return ops.tile(x, (n,) * len(x.shape) if isinstance(n, int) else n)


def reverse(x, axes):
    return ops.flip(x, axis=axes)


def arange(start, stop=None, step=1, dtype="int32"):
    return ops.arange(start, stop, step, dtype=dtype)


def _pad(x, pairs, data_format):
    pairs = [tuple(p) for p in pairs]
    first = (data_format or image_data_format()) == "channels_first"
    return ops.pad(x, [(0, 0)] + ([(0, 0)] + pairs if first else pairs + [(0, 0)]))


def temporal_padding(x, padding=(1, 1)):
    return _pad(x, [padding], "channels_last")


def spatial_2d_padding(x, padding=((1, 1), (1, 1)), data_format=None):
    return _pad(x, padding, data_format)


def spatial_3d_padding(x, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    return _pad(x, padding, data_format)


def _resize(x, factors, data_format):
    first = (data_format or image_data_format()) == "channels_first"
    for k, factor in enumerate(factors):
        x = ops.repeat(x, factor, axis=k + (2 if first else 1))
    return x


def resize_images(x, height_factor, width_factor, data_format=None, interpolation="nearest"):
    if interpolation == "nearest":
        return _resize(x, (height_factor, width_factor), data_format)
    from fastdl.layers import UpSampling2D
    return UpSampling2D((height_factor, width_factor), data_format=data_format, interpolation=interpolation)(x)


def resize_volumes(x, depth_factor, height_factor, width_factor, data_format=None):
    return _resize(x, (depth_factor, height_factor, width_factor), data_format)


__all__ = public(globals())
