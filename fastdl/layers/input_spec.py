"""InputSpec: what a layer accepts, and the messages when it gets something else."""
from fastdl.ops.symbolic import flatten


class InputSpec:
    """What a layer accepts: shape, ndim, min_ndim, max_ndim, axes={axis: size}, dtype."""

    def __init__(self, dtype=None, shape=None, ndim=None, max_ndim=None, min_ndim=None, axes=None,
                 allow_last_axis_squeeze=False, name=None, optional=False):
        self.dtype, self.shape = dtype, None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(self.shape)
        self.max_ndim, self.min_ndim, self.name, self.optional = max_ndim, min_ndim, name, optional
        self.axes = {int(k): v for k, v in (axes or {}).items()}

    def get_config(self):
        return {n: getattr(self, n) for n in ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        parts = [f"{k}={v}" for k, v in vars(self).items() if v]
        return f"InputSpec({', '.join(parts)})"


def assert_input_compatibility(spec, inputs, layer):
    if spec is None:
        return
    specs, tensors = flatten(spec), flatten(inputs)
    if len(specs) != len(tensors) and len(specs) > 1:
        raise ValueError(f"Layer '{layer.name}' ({type(layer).__name__}) takes {len(specs)} inputs but received "
                         f"{len(tensors)}. Call it with a list of {len(specs)} tensors.")
    for s, x in zip(specs, tensors):
        if s is None or s.optional and x is None:
            continue
        if not hasattr(x, "shape"):
            raise TypeError(f"Input of layer '{layer.name}' ({type(layer).__name__}) is {x!r:.60} ({type(x).__name__}); it wants a "
                            "tensor or an array. Does the function that makes it return one?")
        shape, rank = tuple(x.shape), len(x.shape)
        start = f"Input of layer '{layer.name}' ({type(layer).__name__}) has shape {shape}"
        if s.ndim is not None and rank != s.ndim:
            fix = ("Add an axis, e.g. x[..., None] or x[None], or check input_shape (it excludes the batch)."
                   if rank < s.ndim else "Put a Flatten or Reshape layer before it.")
            raise ValueError(f"{start}, {rank} dimensions; it wants exactly {s.ndim} (batch included): "
                             f"expected ndim={s.ndim}, found ndim={rank}. {fix}")
        if s.min_ndim is not None and rank < s.min_ndim:
            raise ValueError(f"{start}, {rank} dimensions; it wants at least {s.min_ndim} (batch included): expected "
                             f"min_ndim={s.min_ndim}, found ndim={rank}. Add the batch axis, e.g. x[None], or x[:, None].")
        if s.max_ndim is not None and rank > s.max_ndim:
            raise ValueError(f"{start}, {rank} dimensions; it wants at most {s.max_ndim}: expected "
                             f"max_ndim={s.max_ndim}, found ndim={rank}. Put a Flatten or Reshape layer before it.")
        for axis, size in s.axes.items():
            if size is not None and shape[axis] not in (size, None):
                raise ValueError(f"{start}; it wants size {size} along axis {axis} because it was built for that: expected "
                                 f"axis {axis} to have value {size}, found {shape[axis]}. Give it data of that size, or "
                                 "make a new layer for the new size.")
        if s.shape is not None and any(a is not None and b is not None and a != b for a, b in zip(s.shape, shape)):
            raise ValueError(f"{start}; expected shape {s.shape} (None = any size). Reshape the data, or change "
                             "the Input's shape.")
