"""Layers that join several tensors into one, and their functional lower-case forms."""
import functools

from fastdl import config, ops
from fastdl.layers.layer import Layer


def _shown(x):
    """Where x counts, in x's shape; None where nothing hides it. Keras 2 merged what masks hide too."""
    mask = getattr(x, "_keras_mask", None)
    return None if mask is None or config.compat() == "keras2" else ops.broadcast_to(ops.expand_dims(mask, -1), tuple(x.shape))


class _Merge(Layer):
    minimum = 1

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) < self.minimum:
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) wants a list of at least {max(2, self.minimum)} "
                             f"tensors, e.g. {type(self).__name__}()([a, b]); received {type(inputs).__name__}.")
        ndim = max(x.ndim for x in inputs)
        shapes = [tuple(x.shape) for x in inputs]
        out = []
        for x in inputs:                       # a missing axis goes after the batch, as in Keras
            s = tuple(x.shape)
            out.append(x if x.ndim == ndim else ops.reshape(x, s[:1] + (1,) * (ndim - x.ndim) + s[1:]))
        try:
            return self.merge(out)
        except ValueError as e:
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) cannot merge shapes {shapes}: {e}") from None

    def compute_mask(self, inputs, mask=None):
        masks = [m for m in mask or () if m is not None]
        if config.compat() == "keras2":                # a step counts if it counts in each of the masks that there are
            return functools.reduce(ops.logical_and, masks) if masks else None
        return functools.reduce(ops.logical_or, masks) if masks and len(masks) == len(inputs) else None

    def _pairwise(self, merge, xs):
        """merge over what counts; where one is hidden, the other alone"""
        y, shown = xs[0], _shown(xs[0])
        for x in xs[1:]:
            mine = _shown(x)
            x = x if mine is None else ops.where(mine, x, y)
            y = y if shown is None else ops.where(shown, y, x)
            shown = None if mine is None or shown is None else ops.logical_or(shown, mine)
            y = merge(y, x)
        return y


class Add(_Merge):
    """y = x0 + x1 + ..."""

    def merge(self, xs):
        return functools.reduce(ops.add, xs)


class Subtract(_Merge):
    """y = x0 - x1"""

    def merge(self, xs):
        if len(xs) != 2:
            raise ValueError(f"Subtract wants exactly 2 tensors, received {len(xs)}")
        return ops.subtract(*xs)


class Multiply(_Merge):
    """y = x0 * x1 * ...; what a mask hides is no factor, and 0 where all are hidden"""

    def merge(self, xs):
        shown = [_shown(x) for x in xs]
        y = functools.reduce(ops.multiply, [x if m is None else ops.where(m, x, 1.0) for x, m in zip(xs, shown)])
        return y if any(m is None for m in shown) else ops.where(functools.reduce(ops.logical_or, shown), y, 0.0)


class Average(_Merge):
    """y = (x0 + x1 + ...) / n"""

    def merge(self, xs):
        return ops.multiply(functools.reduce(ops.add, xs), 1.0 / len(xs))


class Maximum(_Merge):
    """y = max(x0, x1, ...) of what no mask hides"""

    def merge(self, xs):
        return self._pairwise(ops.maximum, xs)


class Minimum(_Merge):
    """y = min(x0, x1, ...) of what no mask hides"""

    def merge(self, xs):
        return self._pairwise(ops.minimum, xs)


class Concatenate(_Merge):
    """The tensors one after another along axis."""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)) or not inputs:
            raise ValueError(f"Layer '{self.name}' (Concatenate) wants a list of tensors, e.g. Concatenate()([a, b]); "
                             f"received {type(inputs).__name__}.")
        shapes = [tuple(x.shape) for x in inputs]
        axis = self.axis % len(shapes[0])
        if len({s[:axis] + s[axis + 1:] for s in shapes}) > 1:
            raise ValueError(f"Layer '{self.name}' (Concatenate) received shapes {shapes}; they must agree on every axis "
                             f"except axis={self.axis}.")
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_mask(self, inputs, mask=None):
        if not mask or all(m is None for m in mask):
            return None
        full = []
        for x, m in zip(inputs, mask):
            if m is None:
                m = ops.ones(tuple(x.shape), dtype="bool")
            while m.ndim < x.ndim:
                m = ops.expand_dims(m, -1)
            full.append(ops.broadcast_to(m, tuple(x.shape)))
        return ops.any(ops.concatenate(full, axis=self.axis), axis=-1)


class Dot(_Merge):
    """y = sum over axes of x0 * x1, sample by sample; normalize=True gives the cosine"""

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        self.axes = tuple(axes) if isinstance(axes, (list, tuple)) else int(axes)
        self.normalize = normalize

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            raise ValueError(f"Layer '{self.name}' (Dot) wants a list of exactly 2 tensors.")
        x, y = inputs
        ax, ay = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        ax, ay = ax % x.ndim, ay % y.ndim
        if x.shape[ax] != y.shape[ay]:
            raise ValueError(f"Layer '{self.name}' (Dot) received shapes {tuple(x.shape)} and {tuple(y.shape)}; axes="
                             f"{self.axes} have sizes {x.shape[ax]} and {y.shape[ay]}, which must be equal.")
        if self.normalize:
            x = ops.normalize(x, axis=ax, order=2)
            y = ops.normalize(y, axis=ay, order=2)
        b, k = x.shape[0], x.shape[ax]
        left = [i for i in range(1, x.ndim) if i != ax]
        right = [i for i in range(1, y.ndim) if i != ay]
        ls, rs = [x.shape[i] for i in left], [y.shape[i] for i in right]
        n, m = 1, 1
        for s in ls:
            n *= s
        for s in rs:
            m *= s
        a = ops.reshape(ops.transpose(x, (0, *left, ax)), (b, n, k))
        c = ops.reshape(ops.transpose(y, (0, ay, *right)), (b, k, m))
        return ops.reshape(ops.matmul(a, c), (b, *ls, *rs) if ls or rs else (b, 1))

    def compute_mask(self, inputs, mask=None):
        return None


def add(inputs, **kwargs):
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    return Dot(axes=axes, **kwargs)(inputs)
