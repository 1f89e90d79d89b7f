"""What layers for numbers, categories and text share: batches of data, strings, encodings, and running in Python."""
import numpy as np

from fastdl import config, ops
from fastdl.core.tensor import Tensor, convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.layers.layer import Layer


def batches(data, name):
    """The batches of an array, a dataset or an iterable, as NumPy arrays; of (x, y, ...) the x."""
    first = lambda b: b[0] if isinstance(b, (tuple, list)) and len(b) and hasattr(b[0], "shape") else b
    if isinstance(data, (np.ndarray, Tensor)):
        yield np.asarray(data)
    elif isinstance(data, (list, tuple)) and not any(hasattr(v, "shape") for v in data):
        yield np.asarray(data)
    elif hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (list, tuple)):
        for k in range(len(data)):
            yield np.asarray(first(data[k]))
    elif hasattr(data, "__iter__"):
        for b in data:
            yield np.asarray(first(b))
    else:
        raise TypeError(f"adapt() of {name} received {type(data).__name__}; it wants an array, a dataset or an "
                        f"iterable of batches.")


def checked_mode(layer, mode, sparse, known):
    mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(mode, mode)
    if mode not in known:
        raise bad_argument(f"output_mode of {type(layer).__name__}", repr(mode), " or ".join(map(repr, known)),
                           f"use output_mode={known[0]!r}")
    if sparse:
        raise ValueError(f"{type(layer).__name__}(sparse=True): sparse tensors do not exist here. Leave sparse out.")
    return mode, False


def encoded(index, depth, mode, dtype, weights=None):
    """index (batch, n) as it is ("int"), or one-hot along a new axis, or one row of `depth` numbers for each sample."""
    if mode == "int":
        return index
    index = ops.cast(convert_to_tensor(index), "int32")
    index = ops.reshape(index, (1,)) if not index.shape else index
    if mode == "one_hot":
        index = ops.squeeze(index, -1) if len(index.shape) > 1 and index.shape[-1] == 1 else index
        return ops.one_hot(index, depth, dtype=dtype)
    hot = ops.one_hot(index, depth, dtype=dtype)
    axis = 1 if len(index.shape) > 1 else 0
    if mode == "multi_hot":
        return ops.max(hot, axis=axis)
    return ops.sum(hot if weights is None else hot * ops.expand_dims(ops.cast(weights, dtype), -1), axis=axis)


def as_text(x, encoding="utf-8"):
    """Any nested list, array or tensor as a NumPy object array of str (numbers as their decimals)."""
    if isinstance(x, Tensor):
        x = x.numpy()
    a = x if isinstance(x, np.ndarray) else np.asarray(x)
    if a.dtype.kind == "U":
        return a.astype(object)
    if a.dtype.kind == "S":
        return np.char.decode(a, encoding).astype(object) if a.size else a.astype(object)
    if a.dtype.kind == "f":
        a = a.astype("int64")
    flat = [v.decode(encoding) if isinstance(v, bytes) else str(v) for v in a.reshape(-1).tolist()]
    out = np.empty(len(flat), object)
    out[:] = flat
    return out.reshape(a.shape)


class HostLayer(Layer):
    """A layer that works on strings or 64-bit numbers in Python: it runs eagerly, never inside a compiled plan."""
    host_only = True

    def _host(self, inputs):
        """The output for arrays, a NumPy array."""
        raise NotImplementedError

    def _result(self, shape):
        """(shape, dtype) of the output for an input of this shape."""
        raise NotImplementedError

    def __call__(self, *args, **kwargs):
        lists = lambda v: np.asarray(v) if isinstance(v, (list, tuple)) and not any(hasattr(t, "shape") for t in v) else v
        several = args and isinstance(args[0], (list, tuple)) and type(self).takes_several
        args = args if several or not args else (lists(args[0]),) + args[1:]
        return super().__call__(*args, **kwargs)

    takes_several = False

    def call(self, inputs):
        xs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        if any(isinstance(x, Tensor) and x._a is None for x in xs):
            from fastdl.ops.symbolic import inferring
            if not inferring():
                xs[0].numpy()                                   # says that values are needed: the caller falls back to eager
            shape, dtype = self._result(tuple(xs[0].shape))
            return ops.broadcast_to(ops.zeros((), dtype=dtype), shape)
        y = self._host(inputs)
        return y if isinstance(y, np.ndarray) and y.dtype.kind in "OUS" else y if isinstance(y, Tensor) else Tensor(np.ascontiguousarray(y))

    def _encoded_shape(self, shape, depth, mode):
        if mode == "int":
            return shape
        if mode == "one_hot":
            return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
        return (shape[0], *shape[2:], depth) if len(shape) > 1 else (depth,)


def counted(rows, depth, mode, idf=None):
    """(batch, depth): which indices each row holds ("multi_hot"), how often ("count"), or that times the idf weights."""
    y = np.zeros((len(rows), depth), config.floatx())
    for k, row in enumerate(rows):
        y[k] = np.bincount(np.asarray(row, "int64"), minlength=depth)[:depth]
    return np.minimum(y, 1) if mode == "multi_hot" else y * idf[:depth] if mode == "tf_idf" else y
