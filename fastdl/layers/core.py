"""Input, Dense, Embedding, Lambda, Masking, Identity: the layers that everything else stands beside."""
import numpy as np

from fastdl import activations, config, constraints, initializers, ops, regularizers
from fastdl.layers.layer import InputSpec, Layer
from fastdl.ops import symbolic
from fastdl.ops.symbolic import KerasTensor

FUSED = {"linear": None, "relu": "relu", "tanh": "tanh"}           # not sigmoid: the loss wants its logits


class InputLayer(Layer):
    """The start of a graph: it holds a shape and no computation."""

    def __init__(self, shape=None, batch_size=None, dtype=None, sparse=None, ragged=None, batch_shape=None,
                 input_tensor=None, optional=False, name=None, input_shape=None, batch_input_shape=None, **kwargs):
        super().__init__(name=name, dtype=None)
        batch_shape = batch_shape or batch_input_shape
        if shape is None:
            shape = input_shape
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        if batch_shape is None:
            if shape is None:
                raise ValueError("Input needs a shape: Input(shape=(784,)), without the batch axis.")
            if not isinstance(shape, (list, tuple)):
                raise ValueError(f"Input received shape={shape!r}; it wants a tuple: shape=({shape},).")
            batch_shape = (batch_size, *shape)
        if any(isinstance(d, bool) or d is not None and (not hasattr(d, "__index__") or d < 0) for d in batch_shape):
            raise ValueError(f"Input received the shape {tuple(batch_shape)} (batch first); each size is a whole number, or None "
                             "for any size.")
        self.batch_shape = tuple(batch_shape)
        if dtype is not None:
            text = str(dtype) in ("string", "str", "object") or getattr(dtype, "kind", "f") in "OUS" or str(dtype).startswith("<U")
            self._dtype = "string" if text else str(np.dtype(dtype))
        self.built, self.optional = True, optional
        out = KerasTensor(self.batch_shape, self._dtype, name=self.name)
        symbolic.Node(self, (), {}, [out])

    def call(self):
        raise TypeError("An InputLayer is not called; it stands for the data given to the model.")

    def get_config(self):
        return {"batch_shape": list(self.batch_shape), "dtype": self._dtype, "sparse": False, "ragged": False,
                "name": self.name}


def Input(shape=None, batch_size=None, dtype=None, sparse=None, ragged=None, batch_shape=None, name=None, tensor=None,
          optional=False, **kwargs):
    """A KerasTensor to build a functional model on; shape excludes the batch axis."""
    if symbolic.is_symbolic(tensor):                     # the graph goes on where the tensor came from
        return tensor
    layer = InputLayer(shape=shape, batch_size=batch_size, dtype=dtype, batch_shape=batch_shape, input_tensor=tensor,
                       optional=optional, name=name, **kwargs)
    return layer.output


class Dense(Layer):
    """y = activation(x @ kernel + bias), over the last axis of x."""

    def __init__(self, units, activation=None, use_bias=True, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, kernel_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units <= 0:
            raise ValueError(f"Dense received units={units!r}; it wants a positive int, the number of outputs.")
        self.units, self.use_bias = int(units), use_bias
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        n = input_shape[-1]
        if n is None:
            raise ValueError(f"Layer '{self.name}' (Dense) received input of shape {tuple(input_shape)}: the last size must "
                             "be known to make the kernel. Use Input(shape=(size,)) with a number.")
        self.kernel = self.add_weight(shape=(n, self.units), initializer=self.kernel_initializer, name="kernel",
                                      regularizer=self.kernel_regularizer, constraint=self.kernel_constraint)
        self.bias = self.add_weight(shape=(self.units,), initializer=self.bias_initializer, name="bias",
                                    regularizer=self.bias_regularizer,
                                    constraint=self.bias_constraint) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: n})

    def call(self, inputs):
        name = getattr(self.activation, "__name__", None) if self.activation is not None else "linear"
        fused = name in FUSED and self.activation in (None, getattr(activations, name))
        if self.use_bias and inputs.dtype == "float32":
            from fastdl.primitives import linalg
            y = linalg.dense(inputs, self.kernel, self.bias, act=FUSED[name] if fused else None)
            return y if fused else self.activation(y)
        y = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            y = ops.add(y, self.bias)
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


class Embedding(Layer):
    """y[..., :] = embeddings[x[...], :]"""

    def __init__(self, input_dim, output_dim, embeddings_initializer="uniform", embeddings_regularizer=None,
                 embeddings_constraint=None, mask_zero=False, weights=None, input_length=None, **kwargs):
        given = any(k in kwargs for k in ("input_shape", "batch_input_shape", "batch_shape"))
        if not given and (input_length is not None or config.compat() == "keras2"):      # Keras 2 takes rows of any length as known
            kwargs["input_shape"] = tuple(input_length) if isinstance(input_length, (list, tuple)) else (input_length,)
        super().__init__(weights=weights, **kwargs)
        self.input_dim, self.output_dim, self.mask_zero = int(input_dim), int(output_dim), mask_zero
        self.input_length = input_length
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.supports_masking, self.autocast = mask_zero, False

    def build(self, input_shape=None):
        self.embeddings = self.add_weight(shape=(self.input_dim, self.output_dim), name="embeddings",
                                          initializer=self.embeddings_initializer,
                                          regularizer=self.embeddings_regularizer, constraint=self.embeddings_constraint)
        self.embeddings.embedding = True

    def _after_build(self):
        w = self._initial_weights
        if isinstance(w, np.ndarray) and w.ndim == 2:
            self._initial_weights = [w]
        super()._after_build()

    def call(self, inputs):
        x = ops.cast(inputs, "int32") if inputs.dtype != "int32" else inputs
        a = getattr(x, "_a", None)
        if a is not None and a.size and (a.min() < 0 or a.max() >= self.input_dim):
            bad = a[(a < 0) | (a >= self.input_dim)].flat[0]
            raise IndexError(f"Layer '{self.name}' (Embedding) received the index {bad}; it has rows 0 to "
                             f"{self.input_dim - 1} (input_dim={self.input_dim}). Set input_dim to the largest index + 1, "
                             "or cut the vocabulary (num_words) when preparing the data.")
        return ops.take(self.embeddings, x, axis=0)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def get_config(self):
        config = super().get_config()
        config.pop("input_length", None)
        return config


class Lambda(Layer):
    """y = function(x)"""

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda received function={function!r:.60}; it wants a function of the input, as in "
                            "Lambda(lambda x: x / 255).")
        self.function, self.arguments, self.mask = function, dict(arguments or {}), mask
        self._output_shape_arg, self.supports_masking = output_shape, mask is not None

    def call(self, inputs, mask=None, training=None):
        import inspect
        kwargs = dict(self.arguments)
        try:
            names = inspect.signature(self.function).parameters
        except (TypeError, ValueError):
            names = {}
        if "mask" in names:
            kwargs["mask"] = mask
        if "training" in names:
            kwargs["training"] = training
        return self.function(inputs, **kwargs)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape):
        if self._output_shape_arg is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape_arg):
            return self._output_shape_arg(input_shape)
        return (input_shape[0], *self._output_shape_arg)

    def get_config(self):
        config = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype}
        config["function"] = getattr(self.function, "_registered_name", None)
        if config["function"] is None:
            from fastdl.saving import serialization
            config["function"] = serialization.serialize_keras_object(self.function)
        config["arguments"] = self.arguments
        return config


class Masking(Layer):
    """Steps whose features all equal mask_value are masked (and set to 0)."""

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value, self.supports_masking = mask_value, True

    def compute_mask(self, inputs, mask=None):
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        keep = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.multiply(inputs, ops.cast(keep, inputs.dtype))


class Identity(Layer):
    """y = x"""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return inputs
