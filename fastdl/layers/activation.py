"""Activation and the activations that have a layer of their own."""
from fastdl import activations, constraints, initializers, ops, regularizers
from fastdl.layers.layer import InputSpec, Layer


class _Elementwise(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class Activation(_Elementwise):
    """y = activation(x)"""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)


class ReLU(_Elementwise):
    """y = max(x, 0) up to max_value; negative_slope * (x - threshold) below threshold"""

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        for name, v in (("max_value", max_value), ("negative_slope", negative_slope), ("threshold", threshold)):
            if v is not None and v < 0:
                raise ValueError(f"ReLU received {name}={v}; it wants a value >= 0.")
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, inputs):
        return activations.relu(inputs, negative_slope=self.negative_slope, max_value=self.max_value,
                                threshold=self.threshold)


class LeakyReLU(_Elementwise):
    """y = x where x > 0, else negative_slope * x"""

    def __init__(self, negative_slope=None, alpha=None, **kwargs):
        super().__init__(**kwargs)
        self.negative_slope = next((float(v) for v in (negative_slope, alpha) if v is not None), 0.3)

    def call(self, inputs):
        return ops.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self):
        config = super().get_config()
        config.pop("alpha", None)
        return config


class PReLU(_Elementwise):
    """y = x where x > 0, else alpha * x, alpha learned"""

    def __init__(self, alpha_initializer="zeros", alpha_regularizer=None, alpha_constraint=None, shared_axes=None, **kwargs):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = list(shared_axes) if isinstance(shared_axes, (list, tuple)) else \
            None if shared_axes is None else [shared_axes]

    def build(self, input_shape):
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        self.alpha = self.add_weight(shape=shape, name="alpha", initializer=self.alpha_initializer,
                                     regularizer=self.alpha_regularizer, constraint=self.alpha_constraint)
        self.input_spec = InputSpec(ndim=len(input_shape))

    def call(self, inputs):
        return ops.subtract(ops.relu(inputs), ops.multiply(self.alpha, ops.relu(ops.negative(inputs))))


class ELU(_Elementwise):
    """y = x where x > 0, else alpha * (exp(x) - 1)"""

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs):
        return activations.elu(inputs, alpha=self.alpha)


class ThresholdedReLU(_Elementwise):
    """y = x where x > theta, else 0"""

    def __init__(self, theta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.theta = theta

    def call(self, inputs):
        return ops.multiply(inputs, ops.cast(ops.greater(inputs, self.theta), inputs.dtype))


class Softmax(_Elementwise):
    """y = exp(x) / sum(exp(x), axis); masked entries get 0"""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs, mask=None):
        if mask is not None:                   # where all is masked, the result is 0 too
            keep = ops.cast(mask, inputs.dtype)
            return ops.multiply(self._softmax(ops.add(inputs, ops.multiply(ops.subtract(1.0, keep), -1e9))), keep)
        return self._softmax(inputs)

    def _softmax(self, inputs):
        if isinstance(self.axis, (list, tuple)):
            if len(self.axis) > 1:
                return ops.exp(ops.subtract(inputs, ops.logsumexp(inputs, axis=tuple(self.axis), keepdims=True)))
            return activations.softmax(inputs, axis=self.axis[0])
        return activations.softmax(inputs, axis=self.axis)
