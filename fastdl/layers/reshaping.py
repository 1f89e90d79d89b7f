"""Layers that move data without computing: Flatten, Reshape, Permute, RepeatVector."""
from fastdl import ops
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
        self.target_shape = tuple(int(s) for s in target)
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
