"""Normalisation layers: statistics over the batch (BatchNormalization), over a sample's features (Layer, Group, RMS, Unit),
or of the weights (SpectralNormalization).
"""
import numpy as np

from fastdl import config, constraints, initializers, ops, regularizers
from fastdl.core.tensor import Tensor
from fastdl.layers.layer import InputSpec, Layer
from fastdl.primitives import norm


class _Normalization(Layer):
    """What the layers with gamma (a scale) and beta (an offset) share."""

    def _set(self, axis, epsilon, center, scale, **parts):
        self.axis, self.epsilon, self.center, self.scale, self.supports_masking = axis, float(epsilon), center, scale, True
        for name, value in parts.items():
            module = dict(initializer=initializers, regularizer=regularizers, constraint=constraints)[name.rsplit("_", 1)[1]]
            setattr(self, name, module.get(value))

    def _sizes(self, input_shape, axes):
        shape = tuple(input_shape[a] for a in axes)
        if None in shape:
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}) received input of shape {tuple(input_shape)}: its size along "
                             f"axis {self.axis} must be known to make the weights.")
        return shape

    def _weights(self, shape, scale, center):
        def weight(name):
            parts = {p: getattr(self, f"{name}_{p}") for p in ("initializer", "regularizer", "constraint")}
            return self.add_weight(shape=shape, name=name, **parts)

        self.gamma = weight("gamma") if scale else None
        self.beta = weight("beta") if center else None

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


def _axes(layer, axis, rank):
    """Axes counted from 0, in order."""
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    if any(not -rank <= a < rank for a in axes):
        raise ValueError(f"Layer '{layer.name}' ({type(layer).__name__}) has axis={axis}, the input {rank} dimensions; it wants axes from "
                         f"{-rank} to {rank - 1}.")
    return tuple(sorted(a % rank for a in axes))


def _swap(x, axis):
    """x with this axis last; the same again puts it back."""
    order = list(range(len(x.shape)))
    order[axis], order[-1] = order[-1], order[axis]
    return x if order[axis] == axis else ops.transpose(x, order)


class BatchNormalization(_Normalization):
    """y = (x - mean) / sqrt(var + epsilon) gamma + beta, for each channel

    Training: mean and variance of the batch, which also move the averages, m = momentum m + (1 - momentum) mean. Otherwise,
    and where trainable=False: the moving averages (Ioffe and Szegedy 2015).
    """

    def __init__(self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros", gamma_initializer="ones",
                 moving_mean_initializer="zeros", moving_variance_initializer="ones", beta_regularizer=None, gamma_regularizer=None,
                 beta_constraint=None, gamma_constraint=None, renorm=False, renorm_clipping=None, renorm_momentum=0.99,
                 synchronized=False, **kwargs):
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)):
            if len(axis) != 1:
                raise ValueError(f"BatchNormalization received axis={axis}; it wants one axis, that of the channels.")
            axis = axis[0]
        if renorm:
            raise NotImplementedError("BatchNormalization: renorm=True (batch renormalisation) is not available; leave it False, or use "
                                      "GroupNormalization for small batches.")
        self._set(int(axis), epsilon, center, scale, beta_initializer=beta_initializer, gamma_initializer=gamma_initializer,
                  moving_mean_initializer=moving_mean_initializer, moving_variance_initializer=moving_variance_initializer,
                  beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint,
                  gamma_constraint=gamma_constraint)
        self.momentum = float(momentum)

    def build(self, input_shape):
        axis, = _axes(self, self.axis, len(input_shape))
        shape = self._sizes(input_shape, (axis,))
        self._weights(shape, self.scale, self.center)
        self.moving_mean = self.add_weight(shape=shape, name="moving_mean", initializer=self.moving_mean_initializer, trainable=False)
        self.moving_variance = self.add_weight(shape=shape, name="moving_variance", initializer=self.moving_variance_initializer,
                                               trainable=False)
        self._one, self._zero = (Tensor(np.full(shape, v, self.variable_dtype)) for v in (1, 0))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: shape[0]})

    _untracked = Layer._untracked | {"_one", "_zero"}

    def call(self, inputs, training=None, mask=None):
        axis, = _axes(self, self.axis, len(inputs.shape))
        x = _swap(inputs if inputs.dtype.startswith("float") else ops.cast(inputs, self.compute_dtype), axis)
        gamma, beta = self.gamma if self.scale else self._one, self.beta if self.center else self._zero
        # Keras 2 normalised a frozen layer's batches by their own mean and variance.
        if not training or not (self.trainable or config.compat() == "keras2"):
            y = norm.norm_apply(x, self.moving_mean, self.moving_variance, gamma, beta, epsilon=self.epsilon)
            return _swap(y, axis)
        if mask is None:
            y, mean, variance = norm.batch_norm(x, gamma, beta, epsilon=self.epsilon)
        else:
            mean, variance = self._seen(inputs, x, mask, axis)
            y = norm.norm_apply(x, mean, variance, gamma, beta, epsilon=self.epsilon)
        if self.trainable:
            norm.moving_update(self.moving_mean, mean, momentum=self.momentum)
            norm.moving_update(self.moving_variance, variance, momentum=self.momentum)
        return _swap(y, axis)

    def _seen(self, inputs, x, mask, axis):
        """Mean and variance of what the mask (of the input's shape without its last axis) leaves."""
        if len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(f"Layer '{self.name}' (BatchNormalization) received a mask of shape {tuple(mask.shape)} for input of shape "
                             f"{tuple(inputs.shape)}; the mask must have one axis less.")
        seen = ops.broadcast_to(ops.cast(ops.expand_dims(mask, -1), x.dtype), inputs.shape)
        seen, axes = _swap(seen, axis), tuple(range(len(x.shape) - 1))
        count = ops.add(ops.sum(seen, axis=axes), 1e-7)
        zero = ops.cast(seen, "bool")
        mean = ops.divide(ops.sum(ops.where(zero, x, 0.0), axis=axes), count)
        return mean, ops.divide(ops.sum(ops.square(ops.where(zero, ops.subtract(x, mean), 0.0)), axis=axes), count)


class LayerNormalization(_Normalization):
    """y = (x - mean) / sqrt(var + epsilon) gamma + beta, mean and var of each sample over axis (Ba et al. 2016)

    rms_scaling (an older option): y = x / sqrt(var + epsilon) gamma.
    """

    def __init__(self, axis=-1, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros", gamma_initializer="ones",
                 beta_regularizer=None, gamma_regularizer=None, beta_constraint=None, gamma_constraint=None, rms_scaling=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"LayerNormalization received axis={axis!r}; it wants an int or a list of ints.")
        self._set(list(axis) if isinstance(axis, tuple) else axis, epsilon, center, scale, beta_initializer=beta_initializer,
                  gamma_initializer=gamma_initializer, beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer,
                  beta_constraint=beta_constraint, gamma_constraint=gamma_constraint)
        self.rms_scaling = rms_scaling

    def build(self, input_shape):
        axes = _axes(self, self.axis, len(input_shape))
        # Keras sorts the axes as they were written, so [1, -1] gives weights of shape (channels, height), read as (height, channels).
        shape = self._sizes(input_shape, sorted(self.axis) if isinstance(self.axis, list) else axes)
        self._weights(shape, self.scale or self.rms_scaling, self.center and not self.rms_scaling)

    def call(self, inputs):
        axes = _axes(self, self.axis, len(inputs.shape))
        gamma, beta = self.gamma, self.beta
        if len(axes) > 1:
            gamma, beta = (w if w is None else ops.reshape(w, [inputs.shape[a] for a in axes]) for w in (gamma, beta))
        return ops.layer_normalization(inputs, gamma, beta, axes, self.epsilon, rms_scaling=self.rms_scaling)


class GroupNormalization(_Normalization):
    """y = (x - mean) / sqrt(var + epsilon) gamma + beta, mean and var over all but the batch, for each of `groups` runs of channels

    groups=-1: one group for each channel (Wu and He 2018).
    """

    def __init__(self, groups=32, axis=-1, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros", gamma_initializer="ones",
                 beta_regularizer=None, gamma_regularizer=None, beta_constraint=None, gamma_constraint=None, **kwargs):
        super().__init__(**kwargs)
        if isinstance(groups, bool) or not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ValueError(f"GroupNormalization received groups={groups!r}; it wants a positive int, or -1 for one group a channel.")
        self._set(axis, epsilon, center, scale, beta_initializer=beta_initializer, gamma_initializer=gamma_initializer,
                  beta_regularizer=beta_regularizer, gamma_regularizer=gamma_regularizer, beta_constraint=beta_constraint,
                  gamma_constraint=gamma_constraint)
        self.groups = groups

    def build(self, input_shape):
        n, = shape = self._sizes(input_shape, _axes(self, self.axis, len(input_shape)))
        self.groups = n if self.groups == -1 else self.groups
        if n % self.groups:
            raise ValueError(f"Layer '{self.name}' (GroupNormalization) has groups={self.groups}, the input of shape {tuple(input_shape)} "
                             f"{n} channels; groups must divide them.")
        self._weights(shape, self.scale, self.center)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: n})

    def call(self, inputs):
        axis, = _axes(self, self.axis, len(inputs.shape))
        x = _swap(inputs, axis)
        shape, n = tuple(x.shape), x.shape[-1]
        pixels = 1
        for s in shape[1:-1]:
            pixels *= s
        x = ops.reshape(x, (shape[0], pixels, self.groups, n // self.groups))
        mean, variance = ops.moments(x, axes=(1, 3), keepdims=True)
        k = ops.rsqrt(ops.add(variance, self.epsilon))
        if self.gamma is not None:
            k = ops.multiply(k, ops.reshape(self.gamma, (1, 1, self.groups, -1)))
        shift = ops.negative(ops.multiply(mean, k))
        if self.beta is not None:
            shift = ops.add(shift, ops.reshape(self.beta, (1, 1, self.groups, -1)))
        return _swap(ops.reshape(ops.add(ops.multiply(x, k), shift), shape), axis)


class RMSNormalization(Layer):
    """y = x / sqrt(mean(x^2) + epsilon) scale, the mean over axis (Zhang and Sennrich 2019)"""

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis, self.epsilon = list(axis) if isinstance(axis, tuple) else axis, float(epsilon)

    def build(self, input_shape):
        self.scale = self.add_weight(shape=tuple(input_shape[a] for a in _axes(self, self.axis, len(input_shape))), name="scale",
                                     initializer="ones")

    def call(self, x):
        return ops.rms_normalization(x, scale=self.scale, axis=_axes(self, self.axis, len(x.shape)), epsilon=self.epsilon)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class UnitNormalization(Layer):
    """y = x / |x|, the length over axis"""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"UnitNormalization received axis={axis!r}; it wants an int or a list of ints.")
        self.axis, self.supports_masking = list(axis) if isinstance(axis, tuple) else axis, True

    def call(self, inputs):
        return ops.normalize(inputs, axis=_axes(self, self.axis, len(inputs.shape)), order=2, epsilon=1e-12)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class SpectralNormalization(Layer):
    """y = layer(x); while training, first kernel = kernel / sigma, its largest singular value (Miyato et al. 2018)

    sigma comes from power_iterations steps v = W u / |W u|, u = W^T v / |W^T v| that go on from the last u.
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise TypeError(f"SpectralNormalization received layer={layer!r}; it wants a layer, e.g. Conv2D(64, 3).")
        if isinstance(power_iterations, bool) or not isinstance(power_iterations, int) or power_iterations < 1:
            raise ValueError(f"SpectralNormalization received power_iterations={power_iterations!r}; it wants a positive int.")
        self.layer, self.power_iterations = layer, power_iterations

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)
        self.kernel = getattr(self.layer, "kernel", None)
        if self.kernel is None:
            self.kernel = getattr(self.layer, "embeddings", None)
        if self.kernel is None:
            raise ValueError(f"SpectralNormalization wraps '{self.layer.name}' ({type(self.layer).__name__}), which has neither kernel nor "
                             "embeddings: wrap a Dense, a convolution or an Embedding.")
        self.vector_u = self.add_weight(shape=(1, self.kernel.shape[-1]), initializer=initializers.TruncatedNormal(stddev=0.02),
                                        trainable=False, name="vector_u")
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})

    def call(self, inputs, training=False):
        if training:
            self._normalize()
        return self.layer(inputs)

    def _normalize(self):
        w, u = ops.reshape(self.kernel, (-1, self.kernel.shape[-1])), self.vector_u
        w, u = ops.stop_gradient(w), ops.stop_gradient(u)
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(w)), axis=None)
            u = ops.normalize(ops.matmul(v, w), axis=None)
        sigma = ops.matmul(ops.matmul(v, w), ops.transpose(u))
        nothing = ops.all(ops.equal(w, 0.0))               # of a kernel of zeros, no direction is known
        self.vector_u.assign(ops.where(nothing, self.vector_u, u))
        sigma = ops.where(nothing, ops.ones_like(sigma), sigma)
        self.kernel.assign(ops.reshape(ops.divide(w, sigma), self.kernel.shape))

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)
