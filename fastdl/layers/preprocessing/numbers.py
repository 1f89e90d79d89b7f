"""Layers for numbers: Rescaling, Normalization, Discretization."""

import numpy as np

from fastdl import config, ops
from fastdl.core.tensor import convert_to_tensor
from fastdl.errors import bad_argument
from fastdl.layers.layer import Layer
from fastdl.layers.preprocessing.host import batches, checked_mode, encoded


class Rescaling(Layer):
    """y = x scale + offset

    >>> Rescaling(2.0, offset=-1.0)(np.array([0.0, 0.5])).numpy().tolist()
    [-1.0, 0.0]
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.offset, self.supports_masking = scale, offset, True

    def call(self, inputs):
        scale, offset = (convert_to_tensor(v, self.compute_dtype) for v in (self.scale, self.offset))
        if scale.shape and config.image_data_format() == "channels_first":
            scale = ops.reshape(scale, scale.shape + (1,) * (3 - len(scale.shape)))
        return ops.cast(inputs, self.compute_dtype) * scale + offset

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class Normalization(Layer):
    """y = (x - mean) / max(sqrt(variance), epsilon), mean and variance of each index along `axis`, given or learned by adapt()

    axis: the axes that keep their own mean; None takes one mean over all. invert=True computes y sqrt(variance) + mean.

    >>> layer = Normalization(); layer.adapt(np.array([[1.0], [3.0]])); layer(np.array([[5.0]])).numpy().tolist()
    [[3.0]]
    """

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance, self.invert = mean, variance, bool(invert)
        self.supports_masking, self._mean, self._adapted_shape = True, None, None
        if (mean is None) != (variance is None) or np.shape(mean) != np.shape(variance):
            raise ValueError(f"Normalization received mean={mean} and variance={variance}: give both, of one shape, "
                             f"or neither and call adapt().")
        if mean is not None and np.ndim(mean) > len(self.axis):
            raise ValueError(f"Normalization received a mean of shape {np.shape(mean)} for axis={self.axis}; wanted "
                             f"at most one axis for each of them.")

    def build(self, input_shape):
        shape = tuple(input_shape)
        n = len(shape)
        if any(not -n <= a < n for a in self.axis):
            raise bad_argument("axis of Normalization", self.axis, f"axes of inputs of shape {shape}", f"use {-n} to {n - 1}")
        self._keep = tuple(sorted(a % n for a in self.axis))
        if any(shape[a] is None for a in self._keep):
            raise ValueError(f"Normalization keeps a mean for each index along axis={self.axis}, but inputs of shape "
                             f"{shape} do not say how many there are.")
        self._reduce = tuple(a for a in range(n) if a not in self._keep)
        self._broadcast = tuple(shape[a] if a in self._keep else 1 for a in range(n))
        self._adapted_shape = shape
        if self.input_mean is None:
            own = tuple(shape[a] for a in self._keep)
            self.adapt_mean = self.add_weight(shape=own, initializer="zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(shape=own, initializer="ones", trainable=False, name="variance")
            self.count = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="count")
            self._mean, self._variance = self.adapt_mean, self.adapt_variance
            return

        def spread(value):
            value = np.asarray(value, self.compute_dtype)
            shaped = [1] * n
            for k in range(1, value.ndim + 1):
                shaped[self._keep[-k]] = value.shape[-k]
            return convert_to_tensor(np.broadcast_to(value.reshape(shaped), self._broadcast).copy(), self.compute_dtype)
        self._mean, self._variance = spread(self.input_mean), spread(self.input_variance)

    def adapt(self, data):
        """mean and variance of the data: an array, a dataset, or an iterable of batches."""
        if self.input_mean is not None:
            raise ValueError("Normalization was given its mean and variance; adapt() would overwrite them. Leave "
                             "them out to learn them.")
        n, mean, var = 0, 0.0, 0.0
        for batch in batches(data, type(self).__name__):
            batch = batch.astype("float64")
            if not self.built:
                with np.errstate(all="ignore"):
                    self.build((None, *batch.shape[1:]) if 0 not in [a % batch.ndim for a in self.axis] else batch.shape)
            own = tuple(batch.shape[a] for a in self._keep) if batch.ndim == len(self._broadcast) else None
            if own != tuple(self.adapt_mean.shape):
                raise ValueError(f"Normalization was built for inputs of shape {self._adapted_shape}; adapt() "
                                 f"received a batch of shape {batch.shape}.")
            count = max(int(np.prod([batch.shape[a] for a in self._reduce])), 1)
            new, spread = batch.mean(axis=self._reduce), batch.var(axis=self._reduce)
            both = mean + (new - mean) * (count / (n + count))
            var = (n * (var + (mean - both) ** 2) + count * (spread + (new - both) ** 2)) / (n + count)
            n, mean = n + count, both
        if not n:
            raise ValueError("adapt() received no data. Pass an array or an iterable of at least one batch.")
        self.adapt_mean.assign(np.asarray(mean, self.adapt_mean.dtype))
        self.adapt_variance.assign(np.asarray(var, self.adapt_variance.dtype))

    @property
    def mean(self):
        """The mean, in a shape that broadcasts against inputs; None before build or adapt."""
        return None if self._mean is None else convert_to_tensor(self._mean.numpy().reshape(self._broadcast))

    @property
    def variance(self):
        return None if self._mean is None else convert_to_tensor(self._variance.numpy().reshape(self._broadcast))

    def finalize_state(self):
        """Kept for programs written for Keras; there is nothing left to finalize."""

    def call(self, inputs):
        if self._mean is None:
            raise ValueError("Normalization knows no mean yet: call adapt(data), or build(input_shape), first.")
        x = ops.cast(inputs, self.compute_dtype)
        mean = ops.reshape(ops.cast(self._mean, self.compute_dtype), self._broadcast)
        scale = ops.maximum(ops.sqrt(ops.reshape(ops.cast(self._variance, self.compute_dtype), self._broadcast)), config.epsilon())
        return x * scale + mean if self.invert else (x - mean) / scale

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        made = super().get_config()
        listed = lambda v: None if v is None else np.asarray(v).tolist()
        return dict(made, axis=list(self.axis), invert=self.invert, mean=listed(self.input_mean), variance=listed(self.input_variance))


def _cut_down(summary, epsilon):
    """(values, weights) with at most about 1 / epsilon entries, the quantiles kept by interpolation."""
    values, weights = summary
    if len(values) * epsilon < 1:
        return summary
    share = epsilon + np.arange(0.0, 1.0, epsilon)
    reached = weights.cumsum()
    level = np.interp(share, reached / reached[-1], reached)
    return np.stack([np.interp(share, reached / reached[-1], values), np.diff(level, prepend=0.0)]).astype("float32")


class Discretization(Layer):
    """y = the number of bin_boundaries that are <= x; boundaries given, or num_bins of them learned as quantiles by adapt()

    epsilon: how exact the quantiles are. output_mode: "int", or "one_hot", "multi_hot", "count" of the bins.

    >>> Discretization([0.0, 1.0])(np.array([-1.0, 0.5, 3.0])).numpy().tolist()
    [0, 1, 2]
    """

    def __init__(self, bin_boundaries=None, num_bins=None, epsilon=0.01, output_mode="int", sparse=False, **kwargs):
        super().__init__(**kwargs)
        if bin_boundaries is None and num_bins is None:
            raise ValueError("Discretization received neither bin_boundaries nor num_bins: give one of the two.")
        if num_bins is not None and (not isinstance(num_bins, int) or num_bins < 1):
            raise bad_argument("num_bins", repr(num_bins), "a positive int", "pass for example num_bins=10")
        self.output_mode, self.sparse = checked_mode(self, output_mode, sparse, ("int", "one_hot", "multi_hot", "count"))
        self.num_bins, self.epsilon = num_bins, epsilon
        self.bin_boundaries = None if bin_boundaries is None else [float(v) for v in bin_boundaries]
        self.reset_state()

    def reset_state(self):
        self._summary = np.zeros((2, 0), "float32")

    def adapt(self, data, steps=None):
        """Learns num_bins bins that hold about equally many values."""
        self.reset_state()
        for k, batch in enumerate(batches(data, type(self).__name__)):
            if steps is not None and k >= steps:
                break
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data):
        if self.num_bins is None:
            raise ValueError("Discretization was given its bin_boundaries; adapt() needs num_bins instead.")
        values = np.sort(np.asarray(data, "float32").reshape(-1))
        step = max(values.size * self.epsilon, 1)
        kept = values[int(step - 1)::int(step)]
        both = np.concatenate([self._summary, np.stack([kept, np.full_like(kept, step)])], axis=1)
        self._summary = _cut_down(both[:, np.argsort(both[0], kind="stable")], self.epsilon)

    def finalize_state(self):
        if self.num_bins is not None and self._summary.size:
            self.bin_boundaries = [float(v) for v in _cut_down(self._summary, 1.0 / self.num_bins)[0, :-1]]

    def call(self, inputs):
        if self.bin_boundaries is None:
            raise ValueError("Discretization knows no boundaries yet: call adapt(data) first, or give bin_boundaries.")
        x = convert_to_tensor(inputs)
        x = x if x.dtype.startswith("float") else ops.cast(x, "float32")
        edges = convert_to_tensor(np.asarray(self.bin_boundaries, "float32"), x.dtype)
        index = ops.sum(ops.cast(ops.greater_equal(ops.expand_dims(x, -1), edges), "int32"), axis=-1)
        return encoded(index, len(self.bin_boundaries) + 1, self.output_mode, self.compute_dtype)

    def get_config(self):
        made = dict(super().get_config(), bin_boundaries=self.bin_boundaries)
        made.pop("trainable")                                   # Keras's constructor does not know it
        return made
